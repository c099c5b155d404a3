"""Child processes: started with a log file each, stopped by their own process number."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PATIENCE = 10.0


class ChildError(Exception):
    """Say which part of the installation failed, and where its log is."""

    def __init__(self, name: str, what: str, log: Path | None) -> None:
        where = f"; its log is {log}" if log else ""
        super().__init__(f"{name} {what}{where}")


@dataclass(frozen=True, slots=True)
class Child:
    """Hold one running process and the file it logs to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str, command: Sequence[str], env: Mapping[str, str], log: Path) -> Self:
        with log.open("ab") as file:
            # In a session of its own, so that Ctrl-C reaches the parent only, which then stops all in order.
            process = subprocess.Popen(
                command,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(name, process, log)

    def check(self) -> None:
        """Raise ChildError where the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise ChildError(self.name, f"stopped by itself with exit code {code}", self.log)

    def stop(self) -> None:
        """Ask the process to end; kill it, and what it leaves behind, where it has not in ten seconds."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        self._sweep()

    def _sweep(self) -> None:
        """Kill whatever is left of the child's own session: a server that crashed may leave workers."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def run(name: str, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
    """Run a command to its end. Raises ChildError where it fails."""
    child = Child.start(name, command, env, log)
    try:
        code = child.process.wait()
    finally:
        child.stop()
    if code:
        raise ChildError(name, f"failed with exit code {code}", log)

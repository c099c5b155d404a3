"""Scripted faults: what a test asks the next answers to suffer."""

from collections.abc import Mapping
from dataclasses import field, replace
from fnmatch import fnmatchcase
from threading import RLock
from typing import Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass as validated

Kind = Literal[
    "delay",
    "drop_before",
    "drop_after",
    "drop_midway",
    "half_open",
    "status",
    "html",
    "redirect",
    "slow",
    "huge",
    "malformed",
    "unauthorized_once",
    "processing",
    "refunded",
    "failed",
]
When = Literal["before", "after"]

# These answer instead of the stand-in, so nothing is executed unless the fault says `"when": "after"`.
INSTEAD = frozenset({"delay", "drop_before", "status", "html", "redirect", "unauthorized_once"})


@validated(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Fault:
    """Hold one scripted fault; `match` is a method and a path below the host."""

    host: Literal["auth", "airtime", "twilio"]
    kind: Kind
    match: str = "* *"
    count: int = Field(default=1, ge=1)
    when: When | None = None
    seconds: float | None = Field(default=None, ge=0)
    status: int | None = Field(default=None, ge=200, le=599)
    code: str | int | None = None
    body: str | dict[str, object] | list[object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def fits(self, host: str, method: str, path: str) -> bool:
        """Tell whether a request is meant.

        `POST /topups` means that path and what lies below it, so not `/topups-async`. A star in the path
        makes it a pattern; a star as the method means any.
        """
        wanted, _, pattern = self.match.partition(" ")
        below = path == pattern or path.startswith(pattern.rstrip("/") + "/")
        fits_path = fnmatchcase(path, pattern) if "*" in pattern else below
        return host == self.host and wanted in ("*", method) and fits_path

    def executes(self) -> bool:
        """Tell whether the request takes effect before the fault shows."""
        return self.when == "after" if self.when else self.kind not in INSTEAD


def parse(data: object) -> Fault:
    """Read a fault from JSON. Raises ValueError (pydantic's) for anything unknown."""
    return TypeAdapter(Fault).validate_python(data)


class FaultQueue:
    """Hand each matching request the oldest fault that is left."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def take(self, host: str, method: str, path: str) -> Fault | None:
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.fits(host, method, path):
                    self._use(index, fault)
                    return fault
        return None

    def waiting(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    def forget(self) -> None:
        with self._lock:
            self._faults.clear()

    def _use(self, index: int, fault: Fault) -> None:
        if fault.count == 1:
            del self._faults[index]
        else:
            self._faults[index] = replace(fault, count=fault.count - 1)

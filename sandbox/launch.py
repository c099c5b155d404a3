"""Starts a whole development installation, watches it and stops it."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event
from time import monotonic

from sandbox.children import Child, ChildError, run
from sandbox.embedded import RedisServer
from sandbox.layout import Layout, make_folders, write_settings
from sandbox.settings import Credentials

POLL = 0.05
START_PATIENCE = 30.0
GATEWAY = Path(sys.executable).with_name("gateway")


class LaunchError(Exception):
    """Say in a sentence why nothing was started, and what to do."""


@dataclass(frozen=True, slots=True)
class Running:
    """Hold an installation that answers."""

    layout: Layout
    redis: RedisServer
    children: tuple[Child, ...]

    def watch(self, stop: Event) -> None:
        """Wait until `stop` is set. Raises ChildError as soon as a part dies."""
        while not stop.wait(0.2):
            for child in self.children:
                child.check()
            if not self.redis.alive():
                raise ChildError("the Redis-compatible server", "stopped by itself", self.redis.log)


@contextmanager
def launched(layout: Layout, stop: Event) -> Iterator[Running]:
    """Start everything, hand it over when the gateway is ready, and stop it in the opposite order.

    Raises LaunchError before anything is started, ChildError where a part fails, InterruptedError where
    `stop` is set meanwhile.
    """
    _check(layout)
    make_folders(layout)
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer(folder=_folder(layout.logs / "redis")))
        layout = replace(layout, redis_url=redis.url)
        write_settings(layout, Credentials.from_environment())
        sandbox = _started(stack, "sandbox", _sandbox_command(layout), dict(os.environ), layout)
        _prepare(layout, stop)
        gateway = _started(
            stack, "gateway", _gateway("serve", "--insecure-dev"), _environment(layout), layout
        )
        running = Running(layout, redis, (sandbox, gateway))
        _await(lambda: answers(layout.sandbox_port, "/sandbox/settings"), sandbox, stop)
        _await(lambda: answers(layout.port, "/readyz"), gateway, stop)
        yield running


def answers(port: int, path: str) -> bool:
    """Tell whether a GET on this machine answers 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _check(layout: Layout) -> None:
    if not GATEWAY.exists():
        raise LaunchError(f"There is no gateway command at {GATEWAY}: run `make setup` first.")
    for variable, port in (("PORT", layout.port), ("SANDBOX_PORT", layout.sandbox_port)):
        if not _free(port):
            raise LaunchError(
                f"Port {port} is in use. Stop what listens there, or choose another port: "
                f"`make run {variable}={port + 1}`."
            )


def _free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def _prepare(layout: Layout, stop: Event) -> None:
    """Make keys where there are none, and bring the database up to date."""
    log = layout.logs / "prepare.log"
    if not layout.keys.exists():
        command = _gateway("keys", "create", "--development", str(layout.keys))
        run("`gateway keys create`", command, _environment(layout), log)
    _go_on(stop)
    run("`gateway migrate`", _gateway("migrate"), _environment(layout), log)
    _go_on(stop)


def _started(stack: ExitStack, name: str, command: list[str], env: dict[str, str], layout: Layout) -> Child:
    child = Child.start(name, command, env, layout.logs / f"{name}.log")
    stack.callback(child.stop)
    return child


def _await(ready: Callable[[], bool], child: Child, stop: Event) -> None:
    deadline = monotonic() + START_PATIENCE
    while not ready():
        child.check()
        if monotonic() > deadline:
            raise ChildError(child.name, f"did not answer within {START_PATIENCE:.0f} s", child.log)
        stop.wait(POLL)
        _go_on(stop)


def _go_on(stop: Event) -> None:
    if stop.is_set():
        raise InterruptedError


def _gateway(*arguments: str) -> list[str]:
    return [str(GATEWAY), *arguments]


def _environment(layout: Layout) -> dict[str, str]:
    return {**os.environ, "GATEWAY_ENV_FILE": str(layout.env_file)}


def _sandbox_command(layout: Layout) -> list[str]:
    port, ledger = str(layout.sandbox_port), str(layout.ledger)
    return [sys.executable, "-m", "sandbox.server", "--port", port, "--ledger", ledger]


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path

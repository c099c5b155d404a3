"""A street of real processes: gateways on one database, a Redis-compatible server, the sandbox as judge."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import urllib3

from sandbox.children import Child, run
from sandbox.embedded import RedisServer
from sandbox.launch import GATEWAY, answers
from sandbox.layout import Layout, make_folders, write_settings
from sandbox.settings import Credentials
from tests.phone import Answer, Phone, Wire
from tests.stand_in import StandIn, serving

PATIENCE = 60.0
# The floor profile of Argon2id, wide limits, and the shortest time-outs that the policy allows.
QUICK = {
    "PASSWORDS__TIME_COST": "2",
    "PASSWORDS__MEMORY_KIB": "19456",
    "PASSWORDS__PARALLELISM": "1",
    "PASSWORDS__QUEUE": "256",
    "MONEY__READ_TIMEOUT": "10",
    "MONEY__ANSWER_WITHIN": "2",
    "LIMITS__ACCOUNT": "100000/minute",
    "LIMITS__SESSION": "100000/minute",
    "LIMITS__CATALOGUE": "100000/minute",
    "LIMITS__MONEY": "100000/minute",
}


@dataclass
class Street:
    """Gateways side by side; the first one is where a phone calls unless told otherwise."""

    layout: Layout
    env: dict[str, str]
    redis: RedisServer
    sandbox: StandIn
    ports: list[int]
    gateways: list[Child] = field(default_factory=list)
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(4, maxsize=64, retries=False, timeout=30)
    )
    read: dict[str, int] = field(default_factory=dict)

    def start(self, house: int = 0) -> None:
        """Start one gateway and wait until it is ready."""
        env = {**os.environ, **self.env, "PORT": str(self.ports[house])}
        log = self.layout.logs / f"gateway-{house}.log"
        child = Child.start(f"gateway-{house}", [str(GATEWAY), "serve", "--insecure-dev"], env, log)
        self.gateways.insert(house, child)

        def ready() -> bool:
            child.check()
            return answers(self.ports[house], "/readyz")

        until(ready)

    def kill(self, house: int = 0) -> None:
        """End a gateway and its workers with SIGKILL, in the middle of whatever they do."""
        child = self.gateways.pop(house)
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()

    def stop(self) -> None:
        """Let every gateway finish and end."""
        for child in self.gateways:
            child.stop()

    def wire(self, house: int) -> Wire:
        """Return what carries a request to one gateway."""

        def call(method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
            url = f"http://127.0.0.1:{self.ports[house]}{path}"
            reply = self.pool.request(
                method, url, headers=dict(headers), body=body, redirect=False, decode_content=False
            )
            return Answer(reply.status, dict(reply.headers), reply.data)

        return call

    def texts(self, number: str) -> list[dict[str, Any]]:
        """Wait for the next text to a number, then read all of them."""
        before = self.read.get(number, 0)
        found: list[dict[str, Any]] = []

        def arrived() -> bool:
            found[:] = self.sandbox.read(f"texts?to=%2B{number[1:]}")
            return len(found) > before

        until(arrived)
        self.read[number] = len(found)
        return found

    def phone(self, number: str = "+50936377111", house: int = 0) -> Phone:
        return Phone(self.wire(house), self.texts, time.time, number)

    @property
    def charges(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.read("charges")
        return found

    def asked(self, host: str, method: str, path: str) -> int:
        """Count the requests of a kind that reached the stand-in."""
        found = self.sandbox.read(f"requests?host={host}")
        return sum(1 for one in found if (one["method"], one["raw_path"]) == (method, path))


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Ask again until it holds; an AssertionError when it does not in time."""
    deadline, pause = time.monotonic() + seconds, Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        pause.wait(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def open_street(folder: Path, database_url: str, gateways: int = 1, **env: str) -> Iterator[Street]:
    """Start everything on an empty database; stop everything at the end."""
    with ExitStack() as stack:
        redis, sandbox = stack.enter_context(RedisServer()), stack.enter_context(serving())
        sandbox.reset()
        sandbox.control("settings", two_minute_rule=False)
        layout = Layout(folder, free_port(), int(sandbox.url.rsplit(":", 1)[1]), redis.url)
        make_folders(layout)
        write_settings(layout, Credentials.from_environment())
        settings = {"GATEWAY_ENV_FILE": str(layout.env_file), "DATABASE_URL": database_url, **QUICK, **env}
        layout = replace(layout, redis_url=redis.url)
        for command in (["keys", "create", "--development", str(layout.keys)], ["migrate"]):
            run(command[0], [str(GATEWAY), *command], {**os.environ, **settings}, layout.logs / "prepare.log")
        street = Street(layout, settings, redis, sandbox, [free_port() for _ in range(gateways)])
        stack.callback(street.stop)
        for house in range(gateways):
            street.start(house)
        yield street

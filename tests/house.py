"""The whole product in this process, on a clock that stands still, with a real sandbox beside it."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from sandbox.layout import Layout, gateway_settings, make_folders, write_settings
from sandbox.settings import Credentials
from service.app import create_app
from service.flows import Gateway
from service.outbound.keys_tink import create_keysets
from service.outbound.schema_sql import metadata
from service.settings import Settings
from service.wiring import Parts, make_parts, wire
from tests.fakes import FixedClock
from tests.phone import Answer, Phone
from tests.stand_in import StandIn

# The floor profile: real hashing at the least cost the policy allows.
QUICK = {
    "passwords": {"time_cost": 2, "memory_kib": 19456, "parallelism": 1, "queue": 256, "slots": 2},
    "limits": dict.fromkeys(("account", "session", "catalogue", "detect", "money"), "100000/minute"),
}


@dataclass
class House:
    """A gateway, its sandbox, and the levers a story pulls."""

    settings: Settings
    parts: Parts
    gateway: Gateway
    app: Flask
    clock: FixedClock
    sandbox: StandIn

    def wire(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Carry one request to the app; a client of its own each time, so threads may share the house."""
        reply = self.app.test_client().open(path, method=method, headers=dict(headers), data=body)
        return Answer(reply.status_code, dict(reply.headers), reply.get_data())

    def texts(self, number: str) -> list[dict[str, Any]]:
        """Send what is queued, then read what Twilio was asked to deliver to this number."""
        while self.gateway.send_texts():
            continue
        found: list[dict[str, Any]] = self.sandbox.read(f"texts?to=%2B{number[1:]}")
        return found

    def phone(self, number: str = "+50936377111") -> Phone:
        return Phone(self.wire, self.texts, lambda: self.clock.now().timestamp(), number)

    def reconcile(self) -> None:
        """Let the reconciler do all that is due."""
        self.gateway.expire()
        while self.gateway.reconcile():
            continue

    @property
    def charges(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.read("charges")
        return found

    def fault(self, **script: object) -> None:
        """Script the sandbox's next answers."""
        self.sandbox.control("faults", **script)


@contextmanager
def open_house(
    folder: Path, database_url: str, redis_url: str, sandbox: StandIn, **changes: Any
) -> Iterator[House]:
    """Build the product on empty stores and a sandbox that has forgotten everything."""
    layout = Layout(folder, port=8000, sandbox_port=int(sandbox.url.rsplit(":", 1)[1]), redis_url=redis_url)
    make_folders(layout)
    write_settings(layout, Credentials.from_environment())
    clock = FixedClock()
    create_keysets(layout.keys, clock.now(), development=True)
    settings = Settings(**_typed(gateway_settings(layout)) | {"database_url": database_url} | QUICK | changes)
    parts = make_parts(settings, clock=clock)
    metadata.create_all(parts.database.engine)
    gateway = wire(settings, parts)
    app = create_app(settings, gateway)
    try:
        yield House(settings, parts, gateway, app, clock, sandbox)
    finally:
        parts.database.dispose()


@contextmanager
def open_home(folder: Path, redis_url: str, sandbox: StandIn) -> Iterator[House]:
    """Build a house for what the database has no part in."""
    sandbox.reset()
    sandbox.control("settings", two_minute_rule=False)
    with open_house(folder, f"sqlite:///{folder}/gateway.db", redis_url, sandbox) as opened:
        yield opened


@contextmanager
def beside(house: House, **changes: Any) -> Iterator[House]:
    """Open another process of the same gateway, on its stores and its clock, with other settings."""
    settings = house.settings.model_copy(update=changes)
    parts = make_parts(settings, clock=house.clock)
    gateway = wire(settings, parts)
    try:
        yield House(settings, parts, gateway, create_app(settings, gateway), house.clock, house.sandbox)
    finally:
        parts.database.dispose()


def at_once(acts: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Let each act begin on a thread of its own at one instant; return what each got, in their order."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Answer]) -> Answer:
        start.wait(timeout=30)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def _typed(texts: Mapping[str, str]) -> dict[str, Any]:
    named: dict[str, Any] = {name.lower(): value for name, value in texts.items()}
    countries = named["sms_countries"].strip("[]").replace('"', "").split(",")
    return named | {"sms_countries": frozenset(countries), "port": int(named["port"])}

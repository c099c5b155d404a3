"""Drives a sandbox server that runs as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import urllib3

from sandbox import exact

ROOT = Path(__file__).parents[1]
AUDIENCE = "https://topups-sandbox.reloadly.com"
ACCEPT = "application/com.reloadly.topups-v1+json"
NIGER = {"countryCode": "NE", "number": "96123456"}


@dataclass(frozen=True)
class Answer:
    """Hold what came back."""

    status: int
    headers: urllib3.HTTPHeaderDict
    text: str

    @property
    def json(self) -> Any:
        return exact.read(self.text)


@dataclass
class StandIn:
    """Speak to one sandbox server as a client of Reloadly would, and as a test does."""

    url: str
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(10, retries=False))
    known_token: str = ""

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        timeout: float = 10,
    ) -> Answer:
        sent = {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else exact.write(body).encode()
        reply = self.pool.request(
            method,
            self.url + path,
            body=data,
            headers=sent | (headers or {}),
            timeout=timeout,
            redirect=False,
        )
        return Answer(reply.status, reply.headers, reply.data.decode())

    def control(self, path: str, **body: object) -> Answer:
        answer = self.call("POST", f"/sandbox/{path}", body)
        assert answer.status < 300, answer.text
        return answer

    def read(self, path: str) -> Any:
        return self.call("GET", f"/sandbox/{path}").json

    def reset(self) -> None:
        self.control("reset")
        self.control("settings", identifier_window=0)

    def ask_token(self, **changes: object) -> Answer:
        body = {
            "client_id": "sandbox-client-id",
            "client_secret": "sandbox-client-secret",
            "grant_type": "client_credentials",
            "audience": AUDIENCE,
        }
        return self.call("POST", "/reloadly/auth/oauth/token", body | changes)

    def token(self) -> str:
        self.known_token = self.known_token or self.ask_token().json["access_token"]
        return self.known_token

    def airtime(
        self, method: str, path: str, body: object = None, timeout: float = 10, **headers: str
    ) -> Answer:
        usual = {"Authorization": f"Bearer {self.token()}", "Accept": ACCEPT}
        return self.call(method, f"/reloadly/airtime{path}", body, usual | headers, timeout)

    def top_up(self, path: str = "/topups", timeout: float = 10, **changes: object) -> Answer:
        body: dict[str, object] = {"operatorId": 640, "amount": Decimal("5.00"), "recipientPhone": NIGER}
        return self.airtime("POST", path, body | changes, timeout)

    def fault(self, kind: str, match: str = "POST /topups", host: str = "airtime", **more: object) -> None:
        self.control("faults", host=host, match=match, kind=kind, **more)

    def charges(self) -> list[dict[str, Any]]:
        charges: list[dict[str, Any]] = self.read("charges")
        return charges


@contextmanager
def serving(*arguments: str) -> Iterator[StandIn]:
    """Start a server on a free port and stop it at the end of the block."""
    command = [sys.executable, "-m", "sandbox.server", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        stand_in = StandIn(line.rsplit(" ", 1)[-1].strip())
        try:
            yield stand_in
        finally:
            stand_in.pool.clear()
            process.terminate()

"""Every substitute for the world, in one place."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_hex, token_urlsafe

from service.model.catalogue import Call
from service.model.errors import InvalidToken
from service.model.secret import Secret
from service.ports import Reply, SealBroken


class FixedClock:
    """Stands still until told to move."""

    def __init__(self, at: datetime = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)) -> None:
        self._at = at
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._at

    def advance(self, **by: float) -> None:
        """Move forward, or backward: `clock.advance(seconds=30)`."""
        with self._lock:
            self._at += timedelta(**by)


class BoundSeal:
    """Hides nothing, but opens only at the place that it was sealed for, and only its own."""

    def __init__(self, name: str = "seal") -> None:
        self._name = name

    def seal(self, plain: str, place: str) -> bytes:
        return json.dumps([self._name, token_hex(4), place, plain]).encode()

    def open(self, sealed: bytes, place: str) -> Secret:
        name, _, sealed_for, plain = json.loads(sealed)
        if (name, sealed_for) != (self._name, place):
            raise SealBroken
        return Secret(plain)


class HashIndex:
    """A keyed hash with a key that everybody knows."""

    def __init__(self, name: str = "index") -> None:
        self._name = name

    def of(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._name} {text}".encode()).digest()


class HashTokens:
    """Tokens as the real key mints them: random, with successors that can be derived again."""

    def mint(self, prefix: str) -> Secret:
        return Secret(prefix + token_urlsafe(32))

    def successor(self, session_id: str, generation: int, presented: Secret) -> Secret:
        return Secret("gwr_" + _digest(f"{session_id} {generation} {presented.value}").hex())

    def fingerprint(self, token: Secret) -> bytes:
        if not token.value.startswith("gw"):
            raise InvalidToken
        return _digest(f"token {token.value}")


@dataclass
class ScriptedUpstream:
    """Answers each operation of the catalogue as a test says, and remembers what it was asked."""

    answers: Mapping[str, Callable[[], Reply]]
    asked: list[str] = field(default_factory=list)

    def send(self, call: Call) -> Reply:
        self.asked.append(call.rule.operation)
        return self.answers[call.rule.operation]()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()

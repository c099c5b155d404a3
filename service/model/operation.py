"""One money call: drafted, approved, sending, and what became of it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.model.challenge import Challenge
from service.model.money import Money

IDENTIFIER_LENGTH = 26


class Status(StrEnum):
    """Where an operation stands; the transitions are in `_MAY_BECOME`."""

    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    SENDING = "sending"
    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUNDED = "refunded"
    UNCLEAR = "unclear"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


SETTLED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.REFUNDED, Status.CANCELLED, Status.EXPIRED})
# Refused for certain or never sent: the client's own identifier is free again.
FREES_REFERENCE = frozenset({Status.FAILED, Status.CANCELLED, Status.EXPIRED})

_MAY_BECOME: dict[Status, frozenset[Status]] = {
    Status.AWAITING_APPROVAL: frozenset({Status.APPROVED, Status.CANCELLED, Status.EXPIRED}),
    Status.APPROVED: frozenset({Status.SENDING, Status.CANCELLED, Status.UNCLEAR}),
    Status.SENDING: frozenset(
        {Status.SUCCEEDED, Status.FAILED, Status.ACCEPTED, Status.UNCLEAR, Status.REFUNDED}
    ),
    Status.ACCEPTED: frozenset({Status.SUCCEEDED, Status.FAILED, Status.REFUNDED}),
    Status.UNCLEAR: frozenset({Status.SUCCEEDED, Status.FAILED, Status.REFUNDED, Status.ACCEPTED}),
    # Reloadly may execute late what three look-ups did not find: the truth is then what it did.
    Status.FAILED: frozenset({Status.SUCCEEDED}),
}


def may_become(target: Status) -> frozenset[Status]:
    """Return the states from which `target` may be reached: the guard of the SQL statement."""
    return frozenset(source for source, targets in _MAY_BECOME.items() if target in targets)


@dataclass(frozen=True, slots=True)
class Request:
    """
    The canonical upstream request: all that the approval covers.

    `body` holds strings, integers, booleans and nested mappings of them; amounts are
    canonical decimal strings. The client's own identifier is not part of it.
    """

    product: str
    environment: str
    rule: str
    body: Mapping[str, object]

    @property
    def digest(self) -> bytes:
        """SHA-256 over one canonical encoding of every field."""
        parts = {
            "product": self.product,
            "environment": self.environment,
            "rule": self.rule,
            "body": self.body,
        }
        encoded = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(encoded.encode()).digest()


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a repeat a repeat. Header keys and body identifiers are separate namespaces."""

    text: str
    from_header: bool

    @property
    def scoped(self) -> str:
        return f"{'h' if self.from_header else 'b'}:{self.text}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an operation failed: the stored problem, told again on every repeat."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A money call as the store holds it; personal parts are sealed there."""

    operation_id: str
    subscriber_id: str
    session_id: str
    key: Key
    request: Request
    action: str
    status: Status
    summary: str
    delivered: Money
    cost: Money
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    client_reference: str | None = None
    challenge: Challenge | None = None
    upstream_id: int | None = None
    reply: Mapping[str, object] | None = None
    failure: Failure | None = None
    approved_at: datetime | None = None
    sending_at: datetime | None = None
    looks: int = 0
    not_found: int = 0

    @property
    def is_settled(self) -> bool:
        return self.status in SETTLED

    def asking(self, challenge: Challenge) -> "Operation":
        """Return the same operation with its challenge as it now stands."""
        return replace(self, challenge=challenge)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last operation of a page; the next page begins behind it."""

    created_at: datetime
    operation_id: str


class Found(StrEnum):
    """What a look-up that decides nothing came to."""

    NONE = "none"
    UNDECIDED = "undecided"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Reloadly, or the lack of an answer, made of an operation."""

    status: Status
    upstream_id: int | None = None
    reply: Mapping[str, object] | None = None
    failure: Failure | None = None


def operation_id(subscriber_id: str, key: Key) -> str:
    """
    Return the identifier under which Reloadly knows this operation.

    A function of subscriber and key alone: the same key gives the same identifier even
    if our row were lost, and Reloadly then refuses it as used.
    """
    digest = hashlib.sha256(f"{subscriber_id}\x00{key.scoped}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:IDENTIFIER_LENGTH]


def poll_after(operation: Operation, now: datetime) -> int:
    """Return in how many seconds it is worth asking again; 0 when settled."""
    if operation.is_settled or operation.status is Status.AWAITING_APPROVAL:
        return 0
    age = (now - operation.updated_at).total_seconds()
    return 2 if age < 30 else 10 if age < 600 else 60

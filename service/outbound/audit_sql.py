"""The audit: a row in the transaction it describes, and the same as one JSON log line after the commit."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from service.model.events import Event
from service.outbound.database_sql import Database, after_commit
from service.outbound.schema_sql import audit_events
from service.ports import Clock

_log = structlog.get_logger("audit")


def write_event(connection: Connection, event: Event, now: datetime) -> None:
    """Insert an event in the caller's transaction; it is logged once that has committed."""
    row = {
        "kind": event.kind.value,
        "outcome": event.outcome.value,
        "reason": event.reason,
        "subscriber_id": event.subscriber_id,
        "session_id": event.session_id,
        "challenge": _short(event.challenge_id),
        "operation_id": event.operation_id,
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
    }
    connection.execute(sa.insert(audit_events).values(at=now, **row))
    told = {name: value for name, value in row.items() if value is not None}
    after_commit(connection, lambda: _log.info("audit", **told))


def _short(challenge_id: str | None) -> str | None:
    """Return a name for a challenge that does not open it: its id is a secret of its holder."""
    return hashlib.sha256(challenge_id.encode()).hexdigest()[:32] if challenge_id else None


@dataclass(frozen=True, slots=True)
class SqlAudit:
    """Events that stand alone."""

    database: Database
    clock: Clock

    def record(self, event: Event) -> None:
        with self.database.write() as connection:
            write_event(connection, event, self.clock.now())

"""What is not decided yet: look-ups that are due, and what waited too long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model.events import Event, Kind
from service.model.operation import Found, Operation, Status
from service.model.policy import MoneyPolicy
from service.outbound import challenges_sql
from service.outbound.audit_sql import write_event
from service.outbound.database_sql import Database, changed
from service.outbound.operation_rows_sql import row_to_operation
from service.outbound.schema_sql import operations
from service.ports import Seal

LEASE = timedelta(seconds=120)
# One sweep stays short, so that it never holds many rows from their requests.
BATCH = 200

_row = operations.c


@dataclass(frozen=True, slots=True)
class SqlReconciliation:
    """The operations whose fate is not known yet."""

    database: Database
    seal: Seal
    policy: MoneyPolicy

    def claim_due(self, now: datetime) -> Operation | None:
        """Lease the operation that is due longest, so that one process of the fleet looks."""
        due = sa.and_(_row.look_at <= now, sa.or_(_row.lease_until.is_(None), _row.lease_until <= now))
        first = (
            sa.select(_row.id).where(due).order_by(_row.look_at).limit(1).with_for_update(skip_locked=True)
        )
        claim = (
            sa.update(operations)
            .where(_row.id == first.scalar_subquery(), due)
            .values(lease_until=now + LEASE)
            .returning(*_row)
        )
        with self.database.write() as connection:
            row = connection.execute(claim).first()
        return row_to_operation(row, self.seal, None) if row else None

    def note_look(
        self, operation: Operation, found: Found, next_look: datetime | None, now: datetime, event: Event
    ) -> None:
        """
        Store a look-up that decided nothing, and when to look next; the lease ends.

        `updated_at` stays, as the status did. A look at what was settled meanwhile, or
        that another process has noted, changes nothing.
        """
        noted = (
            sa.update(operations)
            .where(_row.id == operation.operation_id, _row.status == operation.status.value)
            .where(_row.looks == operation.looks)
            .values(looks=_row.looks + 1, look_at=next_look, lease_until=None)
            .values(not_found=_row.not_found + (1 if found is Found.NONE else 0))
        )
        with self.database.write() as connection:
            if changed(connection, noted):
                write_event(connection, event, now)

    def expire(self, now: datetime) -> None:
        """Expire what waited too long; what was approved and never sent is to be looked up."""
        with self.database.write() as connection:
            self._expire_waiting(connection, now)
            self._doubt_unsent(connection, now)

    def _expire_waiting(self, connection: Connection, now: datetime) -> None:
        late = sa.and_(_row.status == Status.AWAITING_APPROVAL.value, _row.expires_at <= now)
        values = {"status": Status.EXPIRED.value, "settled_at": now, "reference_held": None}
        rows = _sweep(connection, late, values | {"updated_at": now})
        for row in rows:
            challenges_sql.close_of_operation(connection, row.id, now)
            write_event(connection, _event(Kind.OPERATION_CLOSED, row, Status.EXPIRED), now)

    def _doubt_unsent(self, connection: Connection, now: datetime) -> None:
        """Nobody may send these any more, but whether nobody did is for Reloadly to say."""
        oldest = now - timedelta(seconds=self.policy.send_within)
        late = sa.and_(_row.status == Status.APPROVED.value, _row.approved_at <= oldest)
        values = {"status": Status.UNCLEAR.value, "look_at": now, "updated_at": now}
        rows = _sweep(connection, late, values)
        for row in rows:
            write_event(connection, _event(Kind.OPERATION_SETTLED, row, Status.UNCLEAR), now)


def _sweep(
    connection: Connection, late: sa.ColumnElement[bool], values: dict[str, object]
) -> list[sa.Row[Any]]:
    """Change a batch of late rows; those that a request holds at this moment are left to it."""
    batch = sa.select(_row.id).where(late).order_by(_row.id).limit(BATCH).with_for_update(skip_locked=True)
    statement = (
        sa.update(operations)
        .where(_row.id.in_(batch), late)
        .values(**values)
        .returning(_row.id, _row.subscriber_id, _row.session_id)
    )
    return list(connection.execute(statement).all())


def _event(kind: Kind, row: sa.Row[Any], status: Status) -> Event:
    return Event(
        kind,
        reason=status.value,
        subscriber_id=row.subscriber_id,
        session_id=row.session_id,
        operation_id=row.id,
    )

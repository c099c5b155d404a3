"""Money calls in SQL: one guarded statement for every step of their way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model.authenticator import Proof
from service.model.challenge import Challenge
from service.model.errors import CustomIdentifierUsed, IdempotencyKeyReused, InvalidCode, TooManyWaiting
from service.model.events import Event
from service.model.operation import FREES_REFERENCE, SETTLED, Cursor, Key, Operation, Outcome, Status
from service.model.policy import MoneyPolicy
from service.outbound import accounts_sql, challenges_sql
from service.outbound.audit_sql import write_event
from service.outbound.database_sql import Database, changed
from service.outbound.locks_sql import lock_subscriber
from service.outbound.operation_rows_sql import move, operation_row, outcome_values, read_operations
from service.outbound.schema_sql import operations
from service.outbound.upsert_sql import upsert
from service.ports import Seal

_row = operations.c
_CLOSED = (Status.CANCELLED, Status.EXPIRED)
# Reloadly answers `PROCESSING` for about ten seconds before a top-up is final.
FIRST_POLL = timedelta(seconds=10)


class _Lost(Exception):
    """Somebody else was faster: what the transaction did so far is rolled back."""


@dataclass(frozen=True, slots=True)
class SqlOperations:
    """Operations from draft to approval and sending; `seal` is the one for personal data."""

    database: Database
    seal: Seal
    policy: MoneyPolicy

    def draft(self, operation: Operation, challenge: Challenge, event: Event) -> Operation:
        """
        Store a draft and its challenge, or return the operation that has the key already.

        Raises IdempotencyKeyReused, CustomIdentifierUsed, TooManyWaiting.
        """
        with self.database.write() as connection:
            lock_subscriber(connection, operation.subscriber_id)
            if self._insert(connection, operation, challenge):
                challenges_sql.insert_challenge(connection, challenge, self.seal)
                write_event(connection, event, operation.created_at)
            return self._stored(connection, operation)

    def _insert(self, connection: Connection, operation: Operation, challenge: Challenge) -> bool:
        """Insert unless the key or the identifier is taken, or too many wait: one statement decides."""
        row = operation_row(operation, self.seal) | {"challenge_id": challenge.challenge_id}
        waiting = (
            sa.select(sa.func.count())
            .where(_row.subscriber_id == operation.subscriber_id)
            .where(_row.status == Status.AWAITING_APPROVAL.value, _row.expires_at > operation.created_at)
        )
        values = [sa.literal(value, _row[name].type) for name, value in row.items()]
        room = sa.select(*values).where(waiting.scalar_subquery() < self.policy.waiting)
        insert = upsert(connection, operations).from_select(list(row), room)
        stored = insert.on_conflict_do_nothing().returning(_row.id)
        return connection.execute(stored).first() is not None

    def _stored(self, connection: Connection, operation: Operation) -> Operation:
        """Return the operation that holds the key, or say why there is none."""
        stored = self._by_key(connection, operation.subscriber_id, operation.key)
        if stored is None:
            raise CustomIdentifierUsed if _reference_taken(connection, operation) else TooManyWaiting
        if stored.request.digest != operation.request.digest or stored.action != operation.action:
            raise IdempotencyKeyReused
        return stored

    def find(self, operation_id: str) -> Operation | None:
        """Return an operation, whoever's it is."""
        with self.database.read() as connection:
            query = sa.select(operations).where(_row.id == operation_id)
            return next(iter(read_operations(connection, query, self.seal)), None)

    def find_by_key(self, subscriber_id: str, key: Key) -> Operation | None:
        """Return the operation that a key stands for."""
        with self.database.read() as connection:
            return self._by_key(connection, subscriber_id, key)

    def _by_key(self, connection: Connection, subscriber_id: str, key: Key) -> Operation | None:
        query = sa.select(operations).where(_row.subscriber_id == subscriber_id, _row.key == key.scoped)
        return next(iter(read_operations(connection, query, self.seal)), None)

    def listed(self, subscriber_id: str, before: Cursor | None, limit: int) -> Sequence[Operation]:
        """Return a subscriber's operations, newest first, those behind the cursor."""
        query = sa.select(operations).where(_row.subscriber_id == subscriber_id)
        if before is not None:
            same_instant = sa.and_(_row.created_at == before.created_at, _row.id < before.operation_id)
            query = query.where(sa.or_(_row.created_at < before.created_at, same_instant))
        query = query.order_by(_row.created_at.desc(), _row.id.desc()).limit(limit)
        with self.database.read() as connection:
            return read_operations(connection, query, self.seal)

    def approve(self, operation: Operation, proof: Proof, now: datetime, event: Event) -> bool:
        """
        Spend the challenge, burn the step and move to `approved`, or nothing of it.

        Return False when it no longer waited. Raises InvalidCode for a step burnt before.
        """
        try:
            with self.database.write() as connection:
                self._approve(connection, operation, proof, now)
                write_event(connection, event, now)
        except _Lost:
            return False
        return True

    def _approve(self, connection: Connection, operation: Operation, proof: Proof, now: datetime) -> None:
        challenge_id = operation.challenge.challenge_id if operation.challenge else None
        approved = (
            move(operation.operation_id, Status.APPROVED, now)
            .where(_row.session_id == operation.session_id, _row.challenge_id == challenge_id)
            .where(_row.expires_at > now)
            .values(approved_at=now)
        )
        if challenge_id is None or not changed(connection, approved):
            raise _Lost
        if not challenges_sql.spend(connection, challenge_id, now):
            raise _Lost
        if not accounts_sql.burn(connection, proof, operation.session_id, now):
            raise InvalidCode

    def begin_sending(self, operation_id: str, now: datetime, event: Event) -> bool:
        """
        Move to `sending`; True for exactly one caller, ever, and only soon after the approval.

        The row is looked up when its sender must have ended, in case the sender died.
        """
        longest = self.policy.read_timeout + self.policy.LOOK_UP_AFTER[0]
        sending = (
            move(operation_id, Status.SENDING, now)
            .where(_row.approved_at > now - timedelta(seconds=self.policy.send_within))
            .values(sending_at=now, look_at=now + timedelta(seconds=longest))
        )
        with self.database.write() as connection:
            begun = changed(connection, sending)
            if begun:
                write_event(connection, event, now)
        return begun

    def close(self, operation_id: str, status: Status, now: datetime, event: Event) -> bool:
        """Close an operation whose sending has not begun; its challenge and identifier go with it."""
        closing = move(operation_id, status, now).values(settled_at=now, reference_held=None)
        with self.database.write() as connection:
            closed = status in _CLOSED and changed(connection, closing)
            if closed:
                challenges_sql.close_of_operation(connection, operation_id, now)
                write_event(connection, event, now)
        return closed

    def settle(self, operation_id: str, outcome: Outcome, now: datetime, event: Event) -> bool:
        """
        Store what became of it; False when a final word stood already.

        The counts of looks start again, since they count looks at this status.
        """
        values = outcome_values(operation_id, outcome, self.seal) | self._next_look(outcome.status, now)
        if outcome.status in SETTLED:
            values["settled_at"] = now
        if outcome.status in FREES_REFERENCE:
            values["reference_held"] = None
        settling = move(operation_id, outcome.status, now).values(
            **values, lease_until=None, looks=0, not_found=0
        )
        with self.database.write() as connection:
            settled = changed(connection, settling)
            if settled:
                write_event(connection, event, now)
        return settled

    def _next_look(self, status: Status, now: datetime) -> dict[str, Any]:
        """Say when to look first at an operation that comes to this status."""
        if status is Status.UNCLEAR:
            return {"look_at": now + timedelta(seconds=self.policy.LOOK_UP_AFTER[0])}
        if status is Status.ACCEPTED:
            return {"look_at": now + FIRST_POLL}
        if status is Status.FAILED:
            # What was refused for certain is over. What only was not found may yet be executed late.
            late = now + timedelta(seconds=self.policy.LATE_LOOKS[0])
            was_unclear = _row.status == Status.UNCLEAR.value
            return {"look_at": sa.case((was_unclear, sa.literal(late, _row.look_at.type)), else_=None)}
        return {"look_at": None}


def _reference_taken(connection: Connection, operation: Operation) -> bool:
    if operation.client_reference is None:
        return False
    taken = sa.select(_row.id).where(
        _row.subscriber_id == operation.subscriber_id,
        _row.product == operation.request.product,
        _row.reference_held == operation.client_reference,
    )
    return connection.execute(taken).first() is not None

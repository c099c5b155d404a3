"""Subscribers and their authenticators in SQL; personal data, seeds and password hashes are sealed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model.authenticator import Authenticator, Kind, Proof, State
from service.model.challenge import Method
from service.model.errors import InvalidCode, InvalidToken
from service.model.events import Event
from service.model.phone import PhoneNumber
from service.model.policy import CodePolicy
from service.model.secret import Secret
from service.model.session import Session
from service.model.subscriber import Subscriber
from service.outbound import waits_sql
from service.outbound.account_rows_sql import (
    insert_authenticator,
    password_place,
    row_to_authenticator,
    row_to_subscriber,
)
from service.outbound.audit_sql import write_event
from service.outbound.challenges_sql import close_of_subscriber
from service.outbound.database_sql import Database, changed
from service.outbound.locks_sql import lock_subscriber
from service.outbound.schema_sql import authenticators, devices, subscribers
from service.outbound.session_rows_sql import end_with_event, others_of
from service.ports import Index, Seal, TokenKey

_DEVICE_IDLE = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class SqlAccounts:
    """Accounts; `phones` finds a number's row, `pseudonyms` names its lane of password tries."""

    database: Database
    personal: Seal
    seeds: Seal
    pepper: Seal
    phones: Index
    pseudonyms: Index
    tokens: TokenKey
    policy: CodePolicy

    def by_phone(self, phone: PhoneNumber) -> Subscriber | None:
        """Return the subscriber with this number."""
        return self._find(subscribers.c.phone_index == self.phones.of(phone.e164))

    def by_id(self, subscriber_id: str) -> Subscriber | None:
        """Return the subscriber with this id."""
        return self._find(subscribers.c.id == subscriber_id)

    def device(self, subscriber_id: str, device_token: Secret, now: datetime) -> str | None:
        """Return the id of this subscriber's device that holds the token, and note its use."""
        try:
            token_hash = self.tokens.fingerprint(device_token)
        except InvalidToken:
            return None
        which = sa.and_(
            devices.c.token_hash == token_hash,
            devices.c.subscriber_id == subscriber_id,
            devices.c.revoked_at.is_(None),
            devices.c.last_used_at > now - _DEVICE_IDLE,
        )
        used = sa.update(devices).where(which).values(last_used_at=now).returning(devices.c.id)
        with self.database.write() as connection:
            return connection.execute(used).scalar_one_or_none()

    def _find(self, which: sa.ColumnElement[bool]) -> Subscriber | None:
        with self.database.read() as connection:
            row = connection.execute(sa.select(subscribers).where(which)).first()
            if row is None:
                return None
            bound = connection.execute(
                sa.select(authenticators)
                .where(authenticators.c.subscriber_id == row.id)
                .order_by(authenticators.c.created_at, authenticators.c.id)
            ).all()
        found = tuple(row_to_authenticator(one, self._seal_of(Kind(one.kind))) for one in bound)
        return row_to_subscriber(row, found, self.personal, self.pepper)

    def _seal_of(self, kind: Kind) -> Seal:
        return self.seeds if kind is Kind.TOTP else self.personal

    def try_password(self, phone: PhoneNumber, now: datetime, free: int) -> None:
        """Count one try, committed before anything is compared. Raises TooManyAttempts, uncounted."""
        with self.database.write() as connection:
            waits_sql.count_password(connection, self.pseudonyms.of(phone.e164), now, free)

    def forgive_password(self, phone: PhoneNumber) -> None:
        """Forget the number's wrong passwords after a right one."""
        with self.database.write() as connection:
            waits_sql.forgive_password(connection, self.pseudonyms.of(phone.e164))

    def replace_password_hash(self, subscriber_id: str, old: Secret, new: Secret) -> None:
        """Store a stronger hash of the same password, unless the password changed meanwhile."""
        place = password_place(subscriber_id)
        column = subscribers.c.password_sealed
        with self.database.write() as connection:
            stored = connection.execute(
                sa.select(column).where(subscribers.c.id == subscriber_id)
            ).scalar_one_or_none()
            if stored is None or self.pepper.open(stored, place) != old:
                return
            # Equal hashes seal differently each time, so the guard is the ciphertext that was read.
            connection.execute(
                sa.update(subscribers)
                .where(subscribers.c.id == subscriber_id, column == stored)
                .values(password_sealed=self.pepper.seal(new.value, place))
            )

    def add_pending(self, subscriber_id: str, authenticator: Authenticator, event: Event) -> None:
        """Add an authenticator that waits for its first code, in place of an older pending one."""
        row, kind = authenticators.c, authenticator.kind
        with self.database.write() as connection:
            lock_subscriber(connection, subscriber_id)
            connection.execute(
                sa.delete(authenticators).where(
                    row.subscriber_id == subscriber_id,
                    row.kind == kind.value,
                    row.state == State.PENDING.value,
                )
            )
            insert_authenticator(connection, subscriber_id, authenticator, self._seal_of(kind))
            write_event(connection, event, authenticator.created_at)

    def try_pending(self, authenticator_id: str, now: datetime) -> None:
        """Count one try at a pending authenticator. Raises InvalidCode after the last one, and too late."""
        row = authenticators.c
        oldest = now - timedelta(seconds=self.policy.totp_setup_life)
        statement = (
            sa.update(authenticators)
            .where(row.id == authenticator_id, row.state == State.PENDING.value)
            .where(row.streak < self.policy.tries, row.created_at > oldest)
            .values(streak=row.streak + 1)
        )
        with self.database.write() as connection:
            if not changed(connection, statement):
                raise InvalidCode

    def confirm(
        self, authenticator_id: str, step: int, session: Session, now: datetime, event: Event
    ) -> bool:
        """
        Make a pending authenticator active and burn its binding code; end the other sessions.

        Return False when it was not pending any more.
        """
        owner = session.subscriber_id
        with self.database.write() as connection:
            lock_subscriber(connection, owner)
            close_of_subscriber(connection, owner, session.session_id, now)
            kind = _activate(connection, authenticator_id, step, session, now)
            if kind is None:
                return False
            end_with_event(connection, others_of(connection, owner, session.session_id), "risky_change", now)
            _replace_older(connection, authenticator_id, owner, kind)
            write_event(connection, event, now)
        return True


def burn(connection: Connection, proof: Proof, session_id: str, now: datetime) -> bool:
    """
    Take a right code out of use and forgive the streak, in the transaction of its effect.

    False when its time step was used before, or the authenticator is not active.
    """
    if proof.authenticator_id is None:
        return True
    if proof.method is Method.TOTP and proof.step is None:
        return False
    row = authenticators.c
    statement = (
        sa.update(authenticators)
        .where(row.id == proof.authenticator_id, row.state == State.ACTIVE.value)
        .values(streak=0, not_before=now)
    )
    if proof.method is Method.TOTP:
        statement = statement.where(row.last_step < proof.step)
        statement = statement.values(last_step=proof.step, last_step_session=session_id)
    return changed(connection, statement)


def _activate(
    connection: Connection, authenticator_id: str, step: int, session: Session, now: datetime
) -> str | None:
    """Return the kind of what became active, None when it was not pending any more."""
    row = authenticators.c
    statement = (
        sa.update(authenticators)
        .where(row.id == authenticator_id, row.subscriber_id == session.subscriber_id)
        .where(row.state == State.PENDING.value)
        .values(state=State.ACTIVE.value, confirmed_at=now, streak=0, not_before=now)
        .values(last_step=step, last_step_session=session.session_id)
        .returning(row.kind)
    )
    kind: str | None = connection.execute(statement).scalar_one_or_none()
    return kind


def _replace_older(connection: Connection, authenticator_id: str, subscriber_id: str, kind: str) -> None:
    row = authenticators.c
    connection.execute(
        sa.delete(authenticators).where(
            row.subscriber_id == subscriber_id, row.kind == kind, row.id != authenticator_id
        )
    )

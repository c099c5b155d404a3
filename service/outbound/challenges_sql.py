"""Challenges in SQL: counted before they are judged, spent at most once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model.challenge import Challenge, Channel, Delivery, DeliveryStatus, Method, Purpose
from service.model.errors import ChallengeGone, InvalidCode, TooManyAttempts
from service.model.events import Event
from service.model.policy import CodePolicy
from service.model.secret import Secret
from service.model.throttle import STREAK_WAITS
from service.outbound import waits_sql
from service.outbound.account_rows_sql import read_phone, written_phone
from service.outbound.audit_sql import write_event
from service.outbound.database_sql import Database, changed
from service.outbound.locks_sql import lock_subscriber
from service.outbound.schema_sql import challenges
from service.outbound.texts_sql import queue_text
from service.ports import Index, Seal


@dataclass(frozen=True, slots=True)
class SqlChallenges:
    """Open questions; `personal` seals numbers, `pepper` password hashes, `pseudonyms` names waits."""

    database: Database
    personal: Seal
    pepper: Seal
    pseudonyms: Index
    policy: CodePolicy

    def open(self, challenge: Challenge, event: Event, password_hash: Secret | None = None) -> None:
        """Store a challenge. Raises TooManyAttempts when no older log-in may be replaced yet."""
        place = _password_place(challenge.challenge_id)
        sealed = self.pepper.seal(password_hash.value, place) if password_hash else None
        with self.database.write() as connection:
            if challenge.purpose is Purpose.LOG_IN and challenge.subscriber_id:
                self._make_room(connection, challenge, challenge.subscriber_id)
            insert_challenge(connection, challenge, self.personal, sealed)
            write_event(connection, event, challenge.created_at)

    def _make_room(self, connection: Connection, challenge: Challenge, subscriber_id: str) -> None:
        """A known device has one open log-in, its newest; all others share five, and none too young goes."""
        now, youngest = challenge.created_at, timedelta(seconds=self.policy.youngest_replaced)
        lock_subscriber(connection, subscriber_id)
        row = challenges.c
        found = connection.execute(
            sa.select(row.id, row.created_at)
            .where(row.subscriber_id == subscriber_id, row.purpose == Purpose.LOG_IN.value)
            .where(row.device_id.is_not_distinct_from(challenge.device_id), _unanswered(now))
            .order_by(row.created_at, row.id)
        ).all()
        allowed = 1 if challenge.device_id else self.policy.open_log_ins
        for old in found[: max(0, len(found) + 1 - allowed)]:
            if challenge.device_id is None and now - old.created_at < youngest:
                raise TooManyAttempts(waits_sql.seconds(old.created_at + youngest - now))
            close(connection, old.id, now)

    def find(self, challenge_id: str) -> Challenge | None:
        """Return a challenge, open or not."""
        with self.database.read() as connection:
            row = connection.execute(sa.select(challenges).where(challenges.c.id == challenge_id)).first()
        return row_to_challenge(row, self.personal) if row else None

    def attempt(self, challenge: Challenge, authenticator_id: str | None, now: datetime, event: Event) -> int:
        """
        Count one try on the challenge and on the authenticator; return the attempts left.

        Raises ChallengeGone and TooManyAttempts, with nothing counted, and InvalidCode
        for an authenticator that is not active, counted on the challenge.
        """
        with self.database.write() as connection:
            left = _count_down(connection, challenge.challenge_id, now)
            streak = waits_sql.count_streak(connection, authenticator_id, now) if authenticator_id else None
            if streak in STREAK_WAITS:
                # This try is still judged; after it the challenge is dead, whatever it had left.
                left = _use_up(connection, challenge.challenge_id)
            write_event(connection, event, now)
        if streak == 0:
            raise InvalidCode(left)
        return left

    def uncount_streak(self, authenticator_id: str) -> None:
        """Take one count back: an honest repeat of a used TOTP step."""
        with self.database.write() as connection:
            waits_sql.uncount_streak(connection, authenticator_id)

    def request_text(self, challenge: Challenge, channel: Channel, now: datetime, event: Event) -> Challenge:
        """Queue the code for sending, once per wait and number. Raises TooSoon, ChallengeGone."""
        pseudonym = self.pseudonyms.of(challenge.phone.e164)
        kind = waits_sql.UNPROVED if challenge.purpose is Purpose.SIGN_UP else waits_sql.PROVED
        with self.database.write() as connection:
            resend_at = waits_sql.count_text(connection, pseudonym, kind, now)
            row = _note_queued(connection, challenge.challenge_id, channel, resend_at, now)
            # The owner of a taken number is told at most once a day; what the asker sees is the same.
            if not row.mute or waits_sql.may_tell_taken(connection, pseudonym, now):
                queue_text(connection, challenge.challenge_id, channel, now)
            write_event(connection, event, now)
        return row_to_challenge(row, self.personal)

    def password_hash(self, challenge_id: str) -> Secret | None:
        """Return the hash a sign-up challenge carries."""
        with self.database.read() as connection:
            sealed = connection.execute(
                sa.select(challenges.c.password_sealed).where(challenges.c.id == challenge_id)
            ).scalar_one_or_none()
        return self.pepper.open(sealed, _password_place(challenge_id)) if sealed else None


def insert_challenge(
    connection: Connection, challenge: Challenge, seal: Seal, password_sealed: bytes | None = None
) -> None:
    """Insert a challenge in the caller's transaction; `seal` is the one for personal data."""
    phone = written_phone(challenge.phone)
    connection.execute(
        sa.insert(challenges).values(
            id=challenge.challenge_id,
            purpose=challenge.purpose.value,
            subscriber_id=challenge.subscriber_id,
            session_id=challenge.session_id,
            operation_id=challenge.operation_id,
            device_id=challenge.device_id,
            phone_sealed=seal.seal(phone, _phone_place(challenge.challenge_id)),
            password_sealed=password_sealed,
            methods=" ".join(challenge.methods),
            digest=challenge.digest,
            key_id=challenge.key_id,
            code_digits=challenge.code_digits,
            attempts_left=challenge.attempts_left,
            locale=challenge.locale,
            mute=challenge.mute,
            text_queued=challenge.text_queued,
            resend_at=challenge.resend_at,
            delivery_channel=challenge.delivery.channel.value,
            delivery_status=challenge.delivery.status.value,
            delivery_reason=challenge.delivery.reason,
            created_at=challenge.created_at,
            expires_at=challenge.expires_at,
        )
    )


def row_to_challenge(row: sa.Row[Any], seal: Seal) -> Challenge:
    """Return the challenge of a row that has every column of the table, under its own name."""
    return Challenge(
        challenge_id=row.id,
        purpose=Purpose(row.purpose),
        phone=read_phone(seal.open(row.phone_sealed, _phone_place(row.id))),
        methods=tuple(map(Method, row.methods.split())),
        created_at=row.created_at,
        expires_at=row.expires_at,
        attempts_left=row.attempts_left,
        code_digits=row.code_digits,
        key_id=row.key_id,
        subscriber_id=row.subscriber_id,
        session_id=row.session_id,
        operation_id=row.operation_id,
        device_id=row.device_id,
        digest=bytes(row.digest),
        locale=row.locale,
        delivery=Delivery(
            Channel(row.delivery_channel), DeliveryStatus(row.delivery_status), row.delivery_reason
        ),
        text_queued=row.text_queued,
        resend_at=row.resend_at,
        spent=row.spent_at is not None,
        closed=row.closed_at is not None,
        mute=row.mute,
    )


def spend(connection: Connection, challenge_id: str, now: datetime) -> bool:
    """
    Spend a challenge in the transaction of its effect; True for one caller, ever.

    The winning try was counted before, so that no attempt may be left.
    """
    return changed(
        connection,
        sa.update(challenges)
        .where(challenges.c.id == challenge_id, _unanswered(now), challenges.c.attempts_left >= 0)
        .values(spent_at=now),
    )


def close(connection: Connection, challenge_id: str, now: datetime) -> bool:
    """Close a challenge that nobody answered."""
    return _close(connection, challenges.c.id == challenge_id, now) == 1


def close_of_operation(connection: Connection, operation_id: str, now: datetime) -> None:
    """Close what still asks for the approval of an operation."""
    _close(connection, challenges.c.operation_id == operation_id, now)


def close_of_subscriber(connection: Connection, subscriber_id: str, but_of: str, now: datetime) -> None:
    """Close what a subscriber was asked before a change, all but the questions of one session."""
    row = challenges.c
    _close(
        connection, sa.and_(row.subscriber_id == subscriber_id, row.session_id.is_distinct_from(but_of)), now
    )


def close_of_sessions(connection: Connection, session_ids: Collection[str], now: datetime) -> None:
    """Close what these sessions asked for: re-authentication and approvals."""
    _close(connection, challenges.c.session_id.in_(session_ids), now)


def _close(connection: Connection, which: sa.ColumnElement[bool], now: datetime) -> int:
    row = challenges.c
    statement = sa.update(challenges).where(which, row.spent_at.is_(None), row.closed_at.is_(None))
    return connection.execute(statement.values(closed_at=now)).rowcount


def _unanswered(now: datetime) -> sa.ColumnElement[bool]:
    row = challenges.c
    return sa.and_(row.spent_at.is_(None), row.closed_at.is_(None), row.expires_at > now)


def _count_down(connection: Connection, challenge_id: str, now: datetime) -> int:
    row = challenges.c
    statement = (
        sa.update(challenges)
        .where(row.id == challenge_id, _unanswered(now), row.attempts_left > 0)
        .values(attempts_left=row.attempts_left - 1)
        .returning(row.attempts_left)
    )
    left: int | None = connection.execute(statement).scalar_one_or_none()
    if left is None:
        raise ChallengeGone
    return left


def _use_up(connection: Connection, challenge_id: str) -> int:
    """Take what tries are left; a wait at the authenticator has begun."""
    used_up = sa.update(challenges).where(challenges.c.id == challenge_id).values(attempts_left=0)
    connection.execute(used_up)
    return 0


def _note_queued(
    connection: Connection, challenge_id: str, channel: Channel, resend_at: datetime, now: datetime
) -> sa.Row[Any]:
    row = challenges.c
    statement = (
        sa.update(challenges)
        .where(row.id == challenge_id, _unanswered(now), row.attempts_left > 0)
        .values(text_queued=True, resend_at=resend_at, delivery_channel=channel.value)
        .values(delivery_status=DeliveryStatus.QUEUED.value, delivery_reason=None)
        .returning(*row)
    )
    found = connection.execute(statement).first()
    if found is None:
        raise ChallengeGone
    return found


def _phone_place(challenge_id: str) -> str:
    return f"challenges.phone_sealed/{challenge_id}"


def _password_place(challenge_id: str) -> str:
    return f"challenges.password_sealed/{challenge_id}"

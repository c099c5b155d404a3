"""Two-factor sessions in SQL: opened by spending a challenge, found by keyed hashes of their tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model import authenticator
from service.model.authenticator import Authenticator, Proof, State
from service.model.errors import ChallengeGone, InvalidCode, InvalidToken, TokenReused
from service.model.events import Event, Kind
from service.model.policy import SessionPolicy
from service.model.secret import Secret
from service.model.session import Issued, Session
from service.model.subscriber import new_id
from service.outbound.account_rows_sql import insert_authenticator, insert_subscriber
from service.outbound.accounts_sql import burn
from service.outbound.audit_sql import write_event
from service.outbound.challenges_sql import spend
from service.outbound.database_sql import Database
from service.outbound.locks_sql import lock_session, lock_subscriber
from service.outbound.refresh_sql import Exchange, note_used
from service.outbound.schema_sql import devices, sessions
from service.outbound.session_rows_sql import (
    end_sessions,
    end_with_event,
    is_live,
    row_to_session,
    stored_hash,
)
from service.ports import Index, NewSubscriber, Seal, TokenKey


@dataclass(frozen=True, slots=True)
class SqlSessions:
    """Sessions; seals and `phones` serve the account that a right sign-up code creates."""

    database: Database
    personal: Seal
    pepper: Seal
    phones: Index
    tokens: TokenKey
    policy: SessionPolicy

    def open(
        self,
        new: Issued,
        challenge_id: str,
        proof: Proof,
        now: datetime,
        event: Event,
        adds: NewSubscriber | None,
    ) -> None:
        """
        Spend the challenge, burn the step and open the session, or nothing of it.

        A device token is stored under the session's `device_id`. Raises ChallengeGone, InvalidCode.
        """
        with self.database.write() as connection:
            lock_subscriber(connection, new.session.subscriber_id)
            if not spend(connection, challenge_id, now):
                raise ChallengeGone
            # Ending a session closes its challenges, and challenges are locked before authenticators.
            self._end_oldest(connection, new.session.subscriber_id, now)
            if not burn(connection, proof, new.session.session_id, now):
                raise InvalidCode
            if adds:
                self._add_subscriber(connection, adds, challenge_id, now)
            device_id = self._add_device(connection, new, now)
            connection.execute(
                sa.insert(sessions)
                .values(id=new.session.session_id, subscriber_id=new.session.subscriber_id)
                .values(challenge_id=challenge_id, device_id=device_id, device_name=new.device_name)
                .values(absolute_expires_at=new.session.absolute_expires_at, created_at=now)
                .values(scope=new.session.scope.value, **self._proved(new, now))
            )
            write_event(connection, event, now)

    def _add_subscriber(
        self, connection: Connection, adds: NewSubscriber, challenge_id: str, now: datetime
    ) -> None:
        one = adds.subscriber
        if not insert_subscriber(connection, one, self.phones.of(one.phone.e164), self.personal, self.pepper):
            raise ChallengeGone
        phone = Authenticator(
            authenticator_id=adds.phone_authenticator_id,
            kind=authenticator.Kind.PHONE,
            state=State.ACTIVE,
            created_at=now,
            confirmed_at=now,
            phone=one.phone,
        )
        insert_authenticator(connection, one.subscriber_id, phone, self.personal)
        event = Event(Kind.SUBSCRIBER_ADDED, subscriber_id=one.subscriber_id, challenge_id=challenge_id)
        write_event(connection, event, now)

    def _end_oldest(self, connection: Connection, subscriber_id: str, now: datetime) -> None:
        """Make room for one more session."""
        row = sessions.c
        newest_first = (
            sa.select(row.id)
            .where(row.subscriber_id == subscriber_id, row.ended_at.is_(None))
            .where(row.absolute_expires_at > now, row.refresh_expires_at > now)
            .order_by(row.created_at.desc(), row.id.desc())
        )
        beyond = connection.execute(newest_first.offset(self.policy.most - 1)).scalars().all()
        end_with_event(connection, beyond, "too_many", now)

    def _add_device(self, connection: Connection, new: Issued, now: datetime) -> str | None:
        if new.device_token is None:
            return new.session.device_id
        device_id = new.session.device_id or new_id()
        connection.execute(
            sa.insert(devices).values(
                id=device_id,
                subscriber_id=new.session.subscriber_id,
                token_hash=self.tokens.fingerprint(new.device_token),
                created_at=now,
                last_used_at=now,
            )
        )
        return device_id

    def _proved(self, new: Issued, now: datetime) -> Mapping[str, object]:
        """Return what a second factor sets, on a new session and on one that exists."""
        return {
            "access_hash": self.tokens.fingerprint(new.access_token),
            "access_expires_at": new.session.access_expires_at,
            "refresh_hash": self.tokens.fingerprint(new.refresh_token),
            "refresh_expires_at": new.refresh_expires_at,
            "second_factor_at": new.session.second_factor_at,
            "amr": " ".join(new.session.amr),
            "last_used_at": now,
        }

    def reauthenticate(
        self, new: Issued, challenge_id: str, proof: Proof, now: datetime, event: Event
    ) -> None:
        """
        Give a session that exists new tokens and a fresh second factor, or change nothing.

        Raises ChallengeGone, InvalidCode, and InvalidToken when the session has ended.
        """
        row, session_id = sessions.c, new.session.session_id
        with self.database.write() as connection:
            lock_subscriber(connection, new.session.subscriber_id)
            if not spend(connection, challenge_id, now):
                raise ChallengeGone
            if not burn(connection, proof, session_id, now):
                raise InvalidCode
            lock_session(connection, session_id)
            before = connection.execute(
                sa.select(row.refresh_hash).where(row.id == session_id, is_live(now))
            ).scalar_one_or_none()
            if before is None:
                raise InvalidToken
            note_used(connection, before, session_id, now)
            connection.execute(
                sa.update(sessions)
                .where(row.id == session_id, row.refresh_hash == before)
                .values(previous_hash=None, generation=row.generation + 1, **self._proved(new, now))
            )
            write_event(connection, event, now)

    def find(self, access_token: Secret, now: datetime) -> Session | None:
        """Return the session of an access token."""
        return self.confirm(access_token, now)

    def confirm(self, access_token: Secret, now: datetime) -> Session | None:
        """Return the session of an access token from the truth."""
        row, presented = sessions.c, stored_hash(self.tokens, access_token)
        if presented is None:
            return None
        query = sa.select(sessions).where(
            row.access_hash == presented, row.access_expires_at > now, is_live(now)
        )
        with self.database.read() as connection:
            found = connection.execute(query).first()
        return row_to_session(found) if found else None

    def rotate(self, refresh_token: Secret, device_token: Secret | None, now: datetime) -> Issued:
        """
        Exchange a refresh token for its one successor.

        Raises InvalidToken, and TokenReused after ending the session.
        """
        with self.database.write() as connection:
            rotation = Exchange(connection, self.tokens, self.policy, refresh_token, device_token, now)()
        # Raised after the commit, or the end of the session would be rolled back with it.
        if isinstance(rotation, Issued):
            return rotation
        raise TokenReused(rotation)

    def revoke(self, session_id: str, now: datetime, event: Event) -> None:
        """End a session; once it has ended, nothing happens."""
        with self.database.write() as connection:
            if end_sessions(connection, [session_id], "revoked", now):
                write_event(connection, event, now)

    def revoke_by_refresh(self, refresh_token: Secret, now: datetime, event: Event) -> str | None:
        """End the session of a refresh token, the last one or the one before it; the event learns whose."""
        row, presented = sessions.c, stored_hash(self.tokens, refresh_token)
        if presented is None:
            return None
        query = sa.select(row.id).where(sa.or_(row.refresh_hash == presented, row.previous_hash == presented))
        with self.database.write() as connection:
            found = connection.execute(query).scalars().all()
            ended = next(iter(end_sessions(connection, found, "revoked", now)), None)
            if ended:
                whose = replace(event, session_id=ended.id, subscriber_id=ended.subscriber_id)
                write_event(connection, whose, now)
        return ended.id if ended else None

    def forget_cached(self, subscriber_id: str) -> None:
        """Nothing is cached here."""

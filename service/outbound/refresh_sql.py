"""Issued of refresh tokens: one live token per session, an honest repeat answered alike, reuse fatal."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model.errors import InvalidToken
from service.model.events import Event, Kind
from service.model.policy import SessionPolicy
from service.model.secret import Secret
from service.model.session import Issued, refresh_ends
from service.outbound.audit_sql import write_event
from service.outbound.schema_sql import devices, sessions, used_refresh_tokens
from service.outbound.session_rows_sql import end_with_event, is_live, row_to_session, stored_hash
from service.ports import TokenKey

ACCESS_PREFIX = "gws_"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One presented refresh token, in one transaction."""

    connection: Connection
    tokens: TokenKey
    policy: SessionPolicy
    presented: Secret
    device_token: Secret | None
    now: datetime

    def __call__(self) -> Issued | str:
        """
        Return the successor, or the id of the session that was ended, its token having been used before.

        Raises InvalidToken for one that nobody knows. Each step is guarded by itself: who
        loses the first to a twin of this request finds the twin's work in the second.
        """
        rotation = self._advance() or self._repeat()
        return rotation or self._end()

    @property
    def _hash(self) -> bytes:
        return self.tokens.fingerprint(self.presented)

    def _advance(self) -> Issued | None:
        row = sessions.c
        guard = sa.and_(row.refresh_hash == self._hash, row.refresh_expires_at > self.now, is_live(self.now))
        found = self.connection.execute(sa.select(sessions).where(guard)).first()
        if found is None:
            return None
        successor = self.tokens.successor(found.id, found.generation, self.presented)
        expires = refresh_ends(self.now, found.absolute_expires_at, self.policy)
        rotation = self._renew(
            sa.and_(guard, row.generation == found.generation),
            found,
            successor,
            refresh_hash=self.tokens.fingerprint(successor),
            refresh_expires_at=expires,
            previous_hash=self._hash,
            generation=found.generation + 1,
            rotated_at=self.now,
        )
        if rotation:
            note_used(self.connection, self._hash, found.id, self.now)
        return rotation

    def _repeat(self) -> Issued | None:
        """Answer a client that lost our answer: the same successor, while that one is unused."""
        row = sessions.c
        since = self.now - timedelta(seconds=self.policy.grace)
        guard = sa.and_(
            row.previous_hash == self._hash,
            row.rotated_at >= since,
            row.refresh_expires_at > self.now,
            self._same_device(),
            is_live(self.now),
        )
        found = self.connection.execute(sa.select(sessions).where(guard)).first()
        if found is None:
            return None
        successor = self.tokens.successor(found.id, found.generation - 1, self.presented)
        unused = row.refresh_hash == self.tokens.fingerprint(successor)
        return self._renew(sa.and_(guard, unused), found, successor)

    def _same_device(self) -> sa.ColumnElement[bool]:
        if self.device_token is None:
            return sessions.c.device_id.is_(None)
        token_hash = stored_hash(self.tokens, self.device_token)
        if token_hash is None:
            return sa.false()
        return sa.exists().where(
            devices.c.id == sessions.c.device_id,
            devices.c.token_hash == token_hash,
            devices.c.revoked_at.is_(None),
        )

    def _renew(
        self, guard: sa.ColumnElement[bool], found: sa.Row[Any], successor: Secret, **changes: object
    ) -> Issued | None:
        """Give the session a new access token and these changes, unless the guard no longer holds."""
        access = self.tokens.mint(ACCESS_PREFIX)
        life = timedelta(seconds=self.policy.access_life)
        row = self.connection.execute(
            sa.update(sessions)
            .where(sessions.c.id == found.id, guard)
            .values(access_hash=self.tokens.fingerprint(access), last_used_at=self.now)
            .values(access_expires_at=min(self.now + life, found.absolute_expires_at), **changes)
            .returning(*sessions.c)
        ).first()
        if row is None:
            return None
        session = row_to_session(row)
        event = Event(
            Kind.SESSION_ROTATED, session_id=session.session_id, subscriber_id=session.subscriber_id
        )
        write_event(self.connection, event, self.now)
        return Issued(session, access, successor, row.refresh_expires_at)

    def _end(self) -> str:
        """End the whole session of a used token (RFC 9700 section 4.14.2). Raises InvalidToken."""
        used = used_refresh_tokens.c
        session_id = self.connection.execute(
            sa.select(used.session_id).where(used.token_hash == self._hash)
        ).scalar_one_or_none()
        if session_id is None:
            raise InvalidToken
        end_with_event(self.connection, [session_id], "reuse", self.now)
        return str(session_id)


def note_used(connection: Connection, token_hash: bytes, session_id: str, now: datetime) -> None:
    """Remember a refresh token that is live no more, so that its return is recognised."""
    connection.execute(
        sa.insert(used_refresh_tokens).values(token_hash=token_hash, session_id=session_id, used_at=now)
    )

"""Rows of sessions: read as model values, and ended in the transaction of whatever ends them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model.errors import InvalidToken
from service.model.events import Event, Kind
from service.model.secret import Secret
from service.model.session import Scope, Session
from service.model.subscriber import Standing
from service.outbound.audit_sql import write_event
from service.outbound.challenges_sql import close_of_sessions
from service.outbound.schema_sql import sessions, subscribers
from service.ports import TokenKey


def row_to_session(row: sa.Row[Any]) -> Session:
    """Return the session of a row that has every column of the table, under its own name."""
    return Session(
        session_id=row.id,
        subscriber_id=row.subscriber_id,
        second_factor_at=row.second_factor_at,
        absolute_expires_at=row.absolute_expires_at,
        access_expires_at=row.access_expires_at,
        amr=tuple(row.amr.split()),
        scope=Scope(row.scope),
        device_id=row.device_id,
    )


def stored_hash(tokens: TokenKey, token: Secret) -> bytes | None:
    """Return the form in which a token would be stored; None when it cannot be one of ours."""
    try:
        return tokens.fingerprint(token)
    except InvalidToken:
        return None


def is_live(now: datetime) -> sa.ColumnElement[bool]:
    """Say in SQL that a session was not ended, has not run out, and its subscriber is let in."""
    active = sa.exists().where(
        subscribers.c.id == sessions.c.subscriber_id, subscribers.c.standing == Standing.ACTIVE.value
    )
    return sa.and_(sessions.c.ended_at.is_(None), sessions.c.absolute_expires_at > now, active)


def others_of(connection: Connection, subscriber_id: str, session_id: str) -> Sequence[str]:
    """Return the subscriber's sessions beside this one that nobody ended."""
    row = sessions.c
    query = sa.select(row.id).where(
        row.subscriber_id == subscriber_id, row.id != session_id, row.ended_at.is_(None)
    )
    return connection.execute(query).scalars().all()


def end_sessions(
    connection: Connection, session_ids: Collection[str], reason: str, now: datetime
) -> Sequence[sa.Row[Any]]:
    """End these sessions and close what they asked for; return id and subscriber of those that lived."""
    if not session_ids:
        return ()
    # Challenges come before sessions in the order of locks.
    close_of_sessions(connection, session_ids, now)
    statement = (
        sa.update(sessions)
        .where(sessions.c.id.in_(session_ids), sessions.c.ended_at.is_(None))
        .values(ended_at=now, ended_reason=reason)
        .returning(sessions.c.id, sessions.c.subscriber_id)
    )
    return connection.execute(statement).all()


def end_with_event(connection: Connection, session_ids: Collection[str], reason: str, now: datetime) -> None:
    """End these sessions, with an event of ours for each."""
    for ended in end_sessions(connection, session_ids, reason, now):
        event = Event(
            Kind.SESSION_ENDED, reason=reason, session_id=ended.id, subscriber_id=ended.subscriber_id
        )
        write_event(connection, event, now)

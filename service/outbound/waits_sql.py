"""Counters that slow guessing and texting: one guarded statement each, refused while a wait lasts."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model.authenticator import State
from service.model.challenge import resend_wait
from service.model.errors import TooManyAttempts, TooSoon
from service.model.policy import CodePolicy
from service.model.throttle import LANE_FORGETS, LANE_LONGEST, STREAK_DISABLES, STREAK_WAITS, lane_wait
from service.outbound.database_sql import Instant
from service.outbound.schema_sql import authenticators, password_lanes, text_waits
from service.outbound.upsert_sql import upsert

UNKNOWN_DEVICES = "unknown"
PROVED, UNPROVED, TAKEN = "proved", "unproved", "taken"
_DAY = timedelta(days=1)


def count_password(connection: Connection, pseudonym: bytes, now: datetime, free: int) -> None:
    """Count one password try. Raises TooManyAttempts, uncounted, while a wait lasts."""
    lane = password_lanes.c
    tries = sa.case((lane.updated_at < now - LANE_FORGETS, 1), else_=lane.failures + 1)
    statement = (
        upsert(connection, password_lanes)
        .values(
            pseudonym=pseudonym,
            lane=UNKNOWN_DEVICES,
            failures=1,
            not_before=now + lane_wait(1, free),
            updated_at=now,
        )
        .on_conflict_do_update(
            index_elements=["pseudonym", "lane"],
            set_={"failures": tries, "not_before": _after(tries, _lane_waits(free), now), "updated_at": now},
            where=lane.not_before <= now,
        )
        .returning(lane.failures)
    )
    if connection.execute(statement).first() is None:
        raise TooManyAttempts(_lane_rest(connection, pseudonym, now))


@cache
def _lane_waits(free: int) -> Mapping[int, timedelta]:
    """Return only the counts at which the wait grows."""
    counts = range(1, free + LANE_LONGEST + 1)
    return {n: lane_wait(n, free) for n in counts if lane_wait(n, free) != lane_wait(n - 1, free)}


def _lane_rest(connection: Connection, pseudonym: bytes, now: datetime) -> int:
    lane = password_lanes.c
    until = connection.execute(
        sa.select(lane.not_before).where(lane.pseudonym == pseudonym, lane.lane == UNKNOWN_DEVICES)
    ).scalar_one_or_none()
    # A success elsewhere may have forgiven the row between the two statements.
    return 1 if until is None else seconds(until - now)


def forgive_password(connection: Connection, pseudonym: bytes) -> None:
    """Forget the wrong passwords of a number."""
    lane = password_lanes.c
    connection.execute(
        sa.delete(password_lanes).where(lane.pseudonym == pseudonym, lane.lane == UNKNOWN_DEVICES)
    )


def count_text(connection: Connection, pseudonym: bytes, kind: str, now: datetime) -> datetime:
    """Count one text to a number and return when the next may go. Raises TooSoon with the rest."""
    wait = text_waits.c
    before = sa.case((wait.updated_at < now - _DAY, 0), else_=wait.sent)
    waits = {sent: resend_wait(sent) for sent in range(len(CodePolicy.RESEND_WAITS))}
    until = _count_text(
        connection, (pseudonym, kind), now, resend_wait(0), before, _after(before, waits, now)
    )
    if until is None:
        rest = connection.execute(
            sa.select(wait.not_before).where(wait.pseudonym == pseudonym, wait["class"] == kind)
        ).scalar_one()
        raise TooSoon(seconds(rest - now))
    return until


def may_tell_taken(connection: Connection, pseudonym: bytes, now: datetime) -> bool:
    """Say whether the owner of a taken number may be told so: once a day."""
    tomorrow = sa.literal(now + _DAY, Instant)
    key = (pseudonym, TAKEN)
    return _count_text(connection, key, now, _DAY, text_waits.c.sent, tomorrow) is not None


def _count_text(
    connection: Connection,
    key: tuple[bytes, str],
    now: datetime,
    first: timedelta,
    before: sa.ColumnElement[int],
    until: sa.ColumnElement[datetime],
) -> datetime | None:
    """Count under a key unless its wait lasts; `before` is how many count as sent so far."""
    statement = (
        upsert(connection, text_waits)
        .values(
            {"pseudonym": key[0], "class": key[1], "sent": 1, "not_before": now + first, "updated_at": now}
        )
        .on_conflict_do_update(
            index_elements=["pseudonym", "class"],
            set_={"sent": before + 1, "not_before": until, "updated_at": now},
            where=text_waits.c.not_before <= now,
        )
        .returning(text_waits.c.not_before)
    )
    found: datetime | None = connection.execute(statement).scalar_one_or_none()
    return found


def count_streak(connection: Connection, authenticator_id: str, now: datetime) -> int:
    """
    Count one code in a row at an active authenticator; 0 when no more may be tried at it.

    Raises TooManyAttempts, uncounted, while its wait lasts.
    """
    row, tries = authenticators.c, authenticators.c.streak + 1
    waits = {n: sa.literal(now + timedelta(seconds=wait), Instant) for n, wait in STREAK_WAITS.items()}
    statement = (
        sa.update(authenticators)
        .where(row.id == authenticator_id, row.state == State.ACTIVE.value)
        .where(row.streak < STREAK_DISABLES, row.not_before <= now)
        .values(
            streak=tries,
            not_before=sa.case(waits, value=tries, else_=row.not_before),
        )
        .returning(row.streak)
    )
    streak: int | None = connection.execute(statement).scalar_one_or_none()
    return streak or _refuse_waiting(connection, authenticator_id, now)


def _refuse_waiting(connection: Connection, authenticator_id: str, now: datetime) -> int:
    row = authenticators.c
    until = connection.execute(
        sa.select(row.not_before).where(row.id == authenticator_id, row.state == State.ACTIVE.value)
    ).scalar_one_or_none()
    if until is not None and until > now:
        raise TooManyAttempts(seconds(until - now))
    return 0


def uncount_streak(connection: Connection, authenticator_id: str) -> None:
    """Take one count back, and the wait that it may have caused."""
    row = authenticators.c
    connection.execute(
        sa.update(authenticators)
        .where(row.id == authenticator_id, row.streak > 0)
        .values(streak=row.streak - 1, not_before=row.created_at)
    )


def seconds(rest: timedelta) -> int:
    """Return whole seconds, rounded up, so that nobody comes back too early."""
    return math.ceil(rest.total_seconds())


def _after(
    count: sa.ColumnElement[int], waits: Mapping[int, timedelta], now: datetime
) -> sa.ColumnElement[datetime]:
    """Return the end of the wait that the highest step reached by `count` brings."""
    steps = sorted(waits.items(), reverse=True)
    return sa.case(
        *((count >= n, sa.literal(now + wait, Instant)) for n, wait in steps), else_=sa.literal(now, Instant)
    )

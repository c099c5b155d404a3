"""The outbox of texts in SQL: one claimer per text, and never a second claim."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model.challenge import Channel, Delivery
from service.model.events import Event
from service.model.subscriber import new_id
from service.outbound.audit_sql import write_event
from service.outbound.database_sql import Database, changed
from service.outbound.schema_sql import challenges, texts
from service.ports import QueuedText


class TextStatus(StrEnum):
    """What became of a text; a leftover `sending` may have been sent and stays as it is."""

    QUEUED = "queued"
    SENDING = "sending"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class SqlTexts:
    """Texts that wait for the sender."""

    database: Database

    def claim(self, now: datetime) -> QueuedText | None:
        """Return the oldest text that still makes sense, for this caller alone; None when there is none."""
        with self.database.write() as connection:
            _drop_pointless(connection, now)
            row = connection.execute(
                sa.update(texts)
                .where(texts.c.id == _oldest(), texts.c.status == TextStatus.QUEUED.value)
                .values(status=TextStatus.SENDING.value, claimed_at=now)
                .returning(texts.c.id, texts.c.challenge_id, texts.c.channel)
            ).first()
        return QueuedText(row.id, row.challenge_id, Channel(row.channel)) if row else None

    def settle(self, text_id: str, delivery: Delivery, sid: str | None, now: datetime, event: Event) -> None:
        """Store how the carrier took a claimed text, there and on its challenge."""
        with self.database.write() as connection:
            challenge_id = connection.execute(
                sa.update(texts)
                .where(texts.c.id == text_id, texts.c.status == TextStatus.SENDING.value)
                .values(status=delivery.status.value, sid=sid)
                .returning(texts.c.challenge_id)
            ).scalar_one_or_none()
            if challenge_id is not None:
                _note_delivery(connection, challenge_id, delivery)
                write_event(connection, event, now)


def queue_text(connection: Connection, challenge_id: str, channel: Channel, now: datetime) -> None:
    """Queue a text in the caller's transaction, in place of one that still waits."""
    _drop(connection, texts.c.challenge_id == challenge_id)
    connection.execute(
        sa.insert(texts).values(
            id=new_id(),
            challenge_id=challenge_id,
            channel=channel.value,
            status=TextStatus.QUEUED.value,
            created_at=now,
        )
    )


def _oldest() -> sa.ScalarSelect[str]:
    # On PostgreSQL a claimer passes over rows that another one holds; SQLite has one writer.
    return (
        sa.select(texts.c.id)
        .where(texts.c.status == TextStatus.QUEUED.value)
        .order_by(texts.c.created_at, texts.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )


def _drop_pointless(connection: Connection, now: datetime) -> None:
    row = challenges.c
    gone = sa.or_(row.spent_at.is_not(None), row.closed_at.is_not(None), row.expires_at <= now)
    # Correlated, so that only the challenges of queued texts are looked at, not all there ever were.
    _drop(connection, sa.exists().where(row.id == texts.c.challenge_id, gone))


def _drop(connection: Connection, which: sa.ColumnElement[bool]) -> None:
    connection.execute(
        sa.update(texts)
        .where(which, texts.c.status == TextStatus.QUEUED.value)
        .values(status=TextStatus.DROPPED.value)
    )


def _note_delivery(connection: Connection, challenge_id: str, delivery: Delivery) -> bool:
    return changed(
        connection,
        sa.update(challenges)
        .where(challenges.c.id == challenge_id)
        .values(
            delivery_channel=delivery.channel.value,
            delivery_status=delivery.status.value,
            delivery_reason=delivery.reason,
        ),
    )

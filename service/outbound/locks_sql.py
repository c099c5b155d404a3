"""The order in which rows are locked: subscriber, challenge, authenticator, session."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.outbound.schema_sql import sessions, subscribers

# Every transaction that touches several of these takes them in the order above, so that two of
# them never wait for each other. SQLite has one writer and ignores the clauses.


def lock_subscriber(connection: Connection, subscriber_id: str) -> None:
    """
    Let one transaction at a time count what this subscriber has open.

    The weaker lock (NO KEY UPDATE) suffices, and lets rows that refer to the subscriber be inserted.
    """
    connection.execute(
        sa.select(subscribers.c.id).where(subscribers.c.id == subscriber_id).with_for_update(key_share=True)
    )


def lock_session(connection: Connection, session_id: str) -> None:
    """Hold a session's row, so that its refresh token cannot rotate meanwhile."""
    connection.execute(
        sa.select(sessions.c.id).where(sessions.c.id == session_id).with_for_update(key_share=True)
    )

"""INSERT that knows what to do on a conflict, in the dialect of the database."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

Insert = sqlite.Insert | postgresql.Insert


def upsert(connection: Connection, table: sa.Table) -> Insert:
    """Return the INSERT of this database, which may carry an ON CONFLICT clause."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)

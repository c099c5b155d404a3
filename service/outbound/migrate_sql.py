"""Migrations without an ini file: they ship in the package and run in one transaction each way."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from service.outbound.database_sql import Database

_SCRIPTS = Path(__file__).parent / "migrations"
# Any number of our own: processes that start together migrate one after the other.
_LOCK = 7_243_901


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring a database to a revision; one that is there already stays as it is."""
    _run(database_url, lambda config: command.upgrade(config, revision))


def downgrade(database_url: str, revision: str) -> None:
    """Take a database back to a revision; `base` drops every table of ours."""
    _run(database_url, lambda config: command.downgrade(config, revision))


def current(database_url: str) -> str | None:
    """Return the revision a database is at; None for one that was never migrated."""
    database = Database(database_url)
    try:
        with database.read() as connection:
            return _revision(connection)
    finally:
        database.dispose()


def is_current(database: Database) -> bool:
    """Say whether a database is at the revision that this code was written for."""
    with database.read() as connection:
        return _revision(connection) == ScriptDirectory.from_config(_config()).get_current_head()


def _run(database_url: str, step: Callable[[Config], None]) -> None:
    database = Database(database_url)
    try:
        with database.write() as connection:
            if not database.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            step(_config(connection))
    finally:
        database.dispose()


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    # A percent sign in the path would be read as an interpolation.
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()

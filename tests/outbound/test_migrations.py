"""The migrations and the schema of the code are one, in both directions, on both engines."""

import threading

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from service.outbound.database_sql import Database
from service.outbound.migrate_sql import current, downgrade, is_current, upgrade
from service.outbound.schema_sql import metadata


def _tables(url: str) -> set[str]:
    database = Database(url)
    try:
        return set(sa.inspect(database.engine).get_table_names())
    finally:
        database.dispose()


def test_a_migrated_database_is_what_the_code_expects(database_url: str) -> None:
    upgrade(database_url)
    database = Database(database_url)
    with database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
    database.dispose()


def test_names_of_constraints_are_those_of_the_code(database_url: str) -> None:
    upgrade(database_url)
    database = Database(database_url)
    inspector = sa.inspect(database.engine)
    for table in metadata.sorted_tables:
        assert inspector.get_pk_constraint(table.name)["name"] == table.primary_key.name
        found = {one["name"] for one in inspector.get_foreign_keys(table.name)}
        assert found == {str(one.name) for one in table.foreign_key_constraints}
    database.dispose()


def test_the_way_back_leaves_nothing_of_ours(database_url: str) -> None:
    upgrade(database_url)
    assert _tables(database_url) == {*metadata.tables, "alembic_version"}
    downgrade(database_url, "base")
    assert _tables(database_url) == {"alembic_version"}
    assert current(database_url) is None
    upgrade(database_url)
    assert _tables(database_url) == {*metadata.tables, "alembic_version"}


def test_a_database_says_whether_it_is_current(database_url: str) -> None:
    database = Database(database_url)
    assert current(database_url) is None
    assert not is_current(database)
    upgrade(database_url)
    assert current(database_url) == "0001"
    assert is_current(database)
    database.dispose()


def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    # The first connection to a new SQLite file turns it to WAL, for which SQLite cannot wait.
    assert current(database_url) is None
    failures: list[BaseException] = []
    barrier = threading.Barrier(2)

    def start() -> None:
        barrier.wait()
        try:
            upgrade(database_url)
        except BaseException as error:  # noqa: BLE001  shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert current(database_url) == "0001"

"""A lease has one holder at a time; and the probes that ask whether the stores are well."""

import threading
from secrets import token_hex
from time import monotonic

import pytest

from service.outbound.database_sql import Database
from service.outbound.health_probe import Probe
from service.outbound.leases_sql import SqlLeases
from service.outbound.redis_link import RedisLink
from tests.fakes import FixedClock
from tests.outbound.racing import race


@pytest.fixture
def leases(database: Database) -> SqlLeases:
    return SqlLeases(database)


def test_of_many_processes_one_gets_the_lease(leases: SqlLeases, clock: FixedClock) -> None:
    won = race(32, lambda: leases.claim("purge", token_hex(8), clock.now(), 60))
    assert won.count(True) == 1


def test_of_many_processes_one_takes_over_a_lease_that_ran_out(leases: SqlLeases, clock: FixedClock) -> None:
    assert leases.claim("purge", "first", clock.now(), 60)
    clock.advance(seconds=60)
    won = race(32, lambda: leases.claim("purge", token_hex(8), clock.now(), 60))
    assert won.count(True) == 1


def test_a_lease_may_be_renewed_by_its_holder_only(leases: SqlLeases, clock: FixedClock) -> None:
    assert leases.claim("purge", "a", clock.now(), 60)
    clock.advance(seconds=50)
    assert not leases.claim("purge", "b", clock.now(), 60)
    assert leases.claim("purge", "a", clock.now(), 60)
    clock.advance(seconds=50)
    assert not leases.claim("purge", "b", clock.now(), 60)


def test_a_lease_given_back_is_free_at_once(leases: SqlLeases, clock: FixedClock) -> None:
    assert leases.claim("purge", "a", clock.now(), 60)
    leases.claim("purge", "a", clock.now(), 0)
    assert leases.claim("purge", "b", clock.now(), 60)


def test_the_probes_say_yes_while_both_stores_answer(database: Database, redis_url: str) -> None:
    probe = Probe(database, RedisLink(redis_url))
    assert race(8, probe.sql) == [True] * 8
    assert probe.redis()


def test_the_probes_say_no_when_the_stores_are_away() -> None:
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    probe = Probe(gone, RedisLink("redis://127.0.0.1:1"))
    assert not probe.sql()
    assert not probe.redis()


def test_a_probe_of_a_hung_store_answers_within_its_time(postgres_url: str) -> None:
    hung = Database(postgres_url, pool_size=1)
    with hung.read():
        begun = monotonic()
        assert not Probe(hung, RedisLink("redis://127.0.0.1:1"), seconds=0.2).sql()
        assert monotonic() - begun < 1
    for thread in threading.enumerate():
        if thread.name == "health-sql":
            thread.join(10)
    hung.dispose()

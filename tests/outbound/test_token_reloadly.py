"""One token for the whole fleet, fetched once however many ask, and shown to nobody."""

import socket
from collections.abc import Iterator
from math import inf
from pathlib import Path
from time import monotonic

import pytest
import simplejson
import sqlalchemy as sa
import structlog

from service.model.errors import UpstreamUnavailable
from service.model.secret import Secret
from service.outbound.database_sql import Database
from service.outbound.hosts_reloadly import Hosts
from service.outbound.http_reloadly import JsonHttp
from service.outbound.leases_sql import SqlLeases
from service.outbound.schema_sql import metadata, upstream_tokens
from service.outbound.seal_tink import TinkSeal
from service.outbound.token_reloadly import Credentials, ReloadlyTokens
from service.outbound.token_rows_sql import TokenRows
from service.outbound.upstream_reloadly import ReloadlyUpstream
from tests.fakes import FixedClock
from tests.outbound.money import fresh_seal
from tests.outbound.racing import race
from tests.outbound.test_upstream_reloadly import country
from tests.outbound.upstreams import Nasty, Script, answer, serving
from tests.stand_in import serving as sandbox_serving

CREDENTIALS = Credentials(Secret("client-7f"), Secret("shh-52c1"))


def fresh(life: object = 3600) -> Script:
    """Answer with another token each time."""
    numbers = iter(range(1, 10_000))

    def play(connection: socket.socket) -> None:
        answer({"access_token": f"jwt-{next(numbers)}", "expires_in": life})(connection)

    return play


class Fleet:
    """Processes that share one database and one stand-in for the token service."""

    def __init__(self, database: Database, clock: FixedClock, server: Nasty) -> None:
        self.database, self.clock, self.server = database, clock, server
        self.seal: TinkSeal = fresh_seal()
        self.credentials = CREDENTIALS
        self.hosts = Hosts("sandbox", server.url)

    def process(self) -> ReloadlyTokens:
        rows = TokenRows(self.database, self.seal)
        leases = SqlLeases(self.database)
        return ReloadlyTokens(self.hosts, lambda: self.credentials, JsonHttp(), rows, leases, self.clock)

    @property
    def fetches(self) -> int:
        return len(self.server.seen)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    """One database, for what does not depend on which one it is."""
    database = Database(f"sqlite:///{tmp_path}/tokens.db")
    metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture
def fleet(file: Database, clock: FixedClock) -> Iterator[Fleet]:
    with serving(fresh()) as server:
        yield Fleet(file, clock, server)


@pytest.fixture
def racing(database: Database, clock: FixedClock) -> Iterator[Fleet]:
    with serving(fresh()) as server:
        yield Fleet(database, clock, server)


def test_the_token_service_is_asked_as_it_wants(fleet: Fleet) -> None:
    assert fleet.process().token("airtime", inf) == Secret("jwt-1")
    (seen,) = fleet.server.seen
    assert seen.line == "POST /oauth/token HTTP/1.1"
    assert simplejson.loads(seen.body) == {
        "client_id": "client-7f",
        "client_secret": "shh-52c1",
        "grant_type": "client_credentials",
        "audience": "https://topups-sandbox.reloadly.com",
    }
    assert Hosts("live").audience("airtime") == Hosts("live").base("airtime") == "https://topups.reloadly.com"


def test_many_threads_of_one_process_make_one_fetch(racing: Fleet) -> None:
    process = racing.process()
    assert set(race(64, lambda: process.token("airtime", inf))) == {Secret("jwt-1")}
    assert racing.fetches == 1


def test_many_processes_make_one_fetch(racing: Fleet) -> None:
    assert set(race(32, lambda: racing.process().token("airtime", inf))) == {Secret("jwt-1")}
    assert racing.fetches == 1


def test_a_token_outlives_its_process_and_lies_sealed(racing: Fleet) -> None:
    racing.process().token("airtime", inf)
    assert racing.process().token("airtime", inf) == Secret("jwt-1")
    assert racing.fetches == 1
    with racing.database.read() as connection:
        row = connection.execute(sa.select(upstream_tokens)).one()
    assert row.name == "sandbox:airtime"
    assert b"jwt-1" not in bytes(row.token_sealed)


def test_a_row_that_does_not_open_is_replaced(fleet: Fleet) -> None:
    fleet.process().token("airtime", inf)
    fleet.seal = fresh_seal()
    assert fleet.process().token("airtime", inf) == Secret("jwt-2")


def test_sandbox_and_live_never_share_a_token(fleet: Fleet) -> None:
    fleet.process().token("airtime", inf)
    fleet.hosts = Hosts("live", fleet.server.url)
    assert fleet.process().token("airtime", inf) == Secret("jwt-2")


@pytest.mark.parametrize(("life", "kept"), [(3600, 3299), ("600", 539), (5_184_000, 5_183_699)])
def test_a_token_is_replaced_a_little_before_it_ends(
    file: Database, clock: FixedClock, life: object, kept: int
) -> None:
    with serving(fresh(life)) as server:
        process = Fleet(file, clock, server).process()
        process.token("airtime", inf)
        clock.advance(seconds=kept)
        assert process.token("airtime", inf) == Secret("jwt-1")
        clock.advance(seconds=1)
        assert process.token("airtime", inf) == Secret("jwt-2")


def test_an_old_token_serves_to_its_end_when_no_new_one_can_be_had(file: Database, clock: FixedClock) -> None:
    with serving(fresh(600), answer({}, 503)) as server:
        process = Fleet(file, clock, server).process()
        process.token("airtime", inf)
        clock.advance(seconds=599)
        assert process.token("airtime", inf) == Secret("jwt-1")
        clock.advance(seconds=3)
        with pytest.raises(UpstreamUnavailable):
            process.token("airtime", inf)


def test_a_refused_token_is_replaced_by_one_fetch_for_all_threads(racing: Fleet) -> None:
    process = racing.process()
    old = process.token("airtime", inf)
    assert set(race(100, lambda: process.refused("airtime", old, inf))) == {Secret("jwt-2")}
    assert racing.fetches == 2


def test_a_refused_token_is_replaced_by_one_fetch_for_the_whole_fleet(racing: Fleet) -> None:
    processes = [racing.process() for _ in range(32)]
    old = processes[0].token("airtime", inf)
    turns = iter(processes)
    assert set(race(32, lambda: next(turns).refused("airtime", old, inf))) == {Secret("jwt-2")}
    assert racing.fetches == 2


@pytest.mark.parametrize(
    "script",
    [
        answer({"errorCode": "INVALID_CREDENTIALS"}, 401),
        answer({"access_token": "a b", "expires_in": 5}),
        answer({"access_token": "jwt\r\nX: y", "expires_in": 5}),
        answer({"access_token": "jwt", "expires_in": 0}),
        answer({"access_token": "jwt", "expires_in": True}),
        answer({"access_token": "jwt"}),
        answer(["jwt"]),
    ],
)
def test_an_answer_without_a_usable_token_is_none(fleet: Fleet, script: Script) -> None:
    fleet.server.scripts[:] = [script]
    with pytest.raises(UpstreamUnavailable):
        fleet.process().token("airtime", inf)


def test_those_who_queued_behind_a_failure_share_it(fleet: Fleet) -> None:
    fleet.server.scripts[:] = [answer({}, 503)]
    process = fleet.process()

    def ask() -> bool:
        try:
            process.token("airtime", inf)
        except UpstreamUnavailable:
            return False
        return True

    assert not any(race(32, ask))
    assert fleet.fetches == 1
    fleet.clock.advance(seconds=2)
    fleet.server.scripts[:] = [fresh()]
    assert ask()


def test_new_credentials_are_read_at_the_next_fetch(fleet: Fleet) -> None:
    process = fleet.process()
    old = process.token("airtime", inf)
    fleet.credentials = Credentials(Secret("client-8a"), Secret("shh-9b"))
    process.refused("airtime", old, inf)
    assert b"client-8a" in fleet.server.seen[1].body


def test_neither_secret_nor_token_shows_in_errors_and_logs(fleet: Fleet) -> None:
    process = fleet.process()
    with structlog.testing.capture_logs() as logs:
        held = process.token("airtime", inf)
        fleet.server.scripts[:] = [answer({"errorCode": "shh-52c1", "message": "shh-52c1"}, 401)]
        with pytest.raises(UpstreamUnavailable) as refusal:
            process.refused("airtime", held, inf)
    told = repr((refusal.value, refusal.value.__cause__, vars(refusal.value), logs, vars(process)))
    assert logs
    assert not any(secret in told for secret in ("shh-52c1", "client-7f", "jwt-1"))


def test_waiting_for_another_process_ends(fleet: Fleet, clock: FixedClock) -> None:
    SqlLeases(fleet.database).claim("token:sandbox:airtime", "somebody", clock.now(), 60)
    begun = monotonic()
    with pytest.raises(UpstreamUnavailable):
        fleet.process().token("airtime", begun + 0.5)
    assert 0.5 <= monotonic() - begun < 5
    assert fleet.fetches == 0


def test_the_stand_in_for_reloadly_accepts_what_we_send(file: Database, clock: FixedClock) -> None:
    with sandbox_serving() as sandbox:
        auth, airtime = f"{sandbox.url}/reloadly/auth", f"{sandbox.url}/reloadly/airtime"
        hosts = Hosts("sandbox", auth, {"airtime": airtime})
        credentials = Credentials(Secret("sandbox-client-id"), Secret("sandbox-client-secret"))
        rows, leases = TokenRows(file, fresh_seal()), SqlLeases(file)
        tokens = ReloadlyTokens(hosts, lambda: credentials, JsonHttp(), rows, leases, clock)
        upstream = ReloadlyUpstream(hosts, tokens, JsonHttp())
        assert upstream.send(country()).status == 200
        sandbox.fault("unauthorized_once", "GET /countries")
        assert upstream.send(country()).status == 200

"""The session cache: quick for reads, never older than it may be, and void when a session ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from sandbox.embedded import RedisServer
from service.model.authenticator import Proof
from service.model.challenge import Method
from service.model.errors import TokenReused
from service.model.events import Event, Kind
from service.model.policy import SessionPolicy
from service.model.secret import Secret
from service.model.session import Issued, Session
from service.model.subscriber import new_id
from service.outbound.keys_tink import create_keysets, load_keysets
from service.outbound.redis_link import RedisLink
from service.outbound.seal_tink import TinkSeal, TinkTokens
from service.outbound.sessions_redis import CachedSessions
from service.ports import NewSubscriber
from tests.fakes import FixedClock
from tests.outbound.racing import race
from tests.outbound.test_redis_link import Ticks

EVENT = Event(Kind.SESSION_ENDED)
PROOF = Proof(Method.SMS, None)


@dataclass
class Truth:
    """The sessions by access token, how often they were asked for, and what happens after a read."""

    live: dict[str, Session] = field(default_factory=dict)
    reads: int = 0
    after_read: Callable[[], object] | None = None
    tells: str | None = None

    def find(self, access_token: Secret, now: datetime) -> Session | None:
        self.reads += 1
        found = self.live.get(access_token.value)
        if self.after_read:
            hook, self.after_read = self.after_read, None
            hook()
        return found

    def confirm(self, access_token: Secret, now: datetime) -> Session | None:
        return self.live.get(access_token.value)

    def open(
        self,
        new: Issued,
        challenge_id: str,
        proof: Proof,
        now: datetime,
        event: Event,
        adds: NewSubscriber | None,
    ) -> None:
        self._end(lambda one: one.subscriber_id == new.session.subscriber_id)
        self.live[new.access_token.value] = new.session

    def reauthenticate(
        self, new: Issued, challenge_id: str, proof: Proof, now: datetime, event: Event
    ) -> None:
        self._end(lambda one: one.session_id == new.session.session_id)
        self.live[new.access_token.value] = new.session

    def rotate(self, refresh_token: Secret, device_token: Secret | None, now: datetime) -> Issued:
        session = next(iter(self.live.values()))
        self.live.clear()
        if refresh_token.value == "reused":
            raise TokenReused(self.tells or "unknown")
        self.live["gws_new"] = session
        return Issued(session, Secret("gws_new"), Secret("gwr_new"), now)

    def revoke(self, session_id: str, now: datetime, event: Event) -> None:
        self._end(lambda one: one.session_id == session_id)

    def revoke_by_refresh(self, refresh_token: Secret, now: datetime, event: Event) -> str | None:
        self.live.clear()
        return self.tells

    def forget_cached(self, subscriber_id: str) -> None:
        """Nothing is cached here."""

    def _end(self, meant: Callable[[Session], bool]) -> None:
        self.live = {token: one for token, one in self.live.items() if not meant(one)}


@dataclass
class Bench:
    """A cache over a truth, with one session in it."""

    truth: Truth
    cache: CachedSessions
    clock: FixedClock
    session: Session
    token: Secret

    def find(self) -> Session | None:
        return self.cache.find(self.token, self.clock.now())

    def warm(self) -> None:
        """Have the session cached, and the truth's count at nought."""
        assert self.find() == self.session
        self.truth.reads = 0
        assert self.find() == self.session
        assert self.truth.reads == 0

    def renewed(self) -> Issued:
        refresh = self.cache.tokens.mint("gwr_")
        return Issued(self.session, self.cache.tokens.mint("gws_"), refresh, self.clock.now())


def make_bench(folder: Path, link: RedisLink, clock: FixedClock, truth: Truth | None = None) -> Bench:
    create_keysets(folder / "keys", clock.now(), development=True)
    keys = load_keysets(folder / "keys", allow_development=True)
    tokens, now = TinkTokens(keys.prfs["tokens"]), clock.now()
    session = Session(
        session_id=new_id(),
        subscriber_id=new_id(),
        second_factor_at=now - timedelta(microseconds=1),
        absolute_expires_at=now + timedelta(days=30),
        access_expires_at=now + timedelta(minutes=5),
        amr=("pwd", "otp", "mfa"),
        device_id="device",
    )
    truth, token = truth or Truth(), tokens.mint("gws_")
    truth.live[token.value] = session
    cache = CachedSessions(truth, link, TinkSeal(keys.aeads["caches"]), tokens, SessionPolicy())
    return Bench(truth, cache, clock, session, token)


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(redis_url)
    yield link
    link.close()


@pytest.fixture
def bench(tmp_path: Path, link: RedisLink, clock: FixedClock) -> Bench:
    return make_bench(tmp_path, link, clock)


def entry_key(bench: Bench) -> str:
    return f"session:{bench.cache.tokens.fingerprint(bench.token).hex()}"


def test_a_session_is_read_from_the_truth_once(bench: Bench) -> None:
    assert [bench.find() for _ in range(10)] == [bench.session] * 10
    assert bench.truth.reads == 1


def test_another_process_shares_the_entry(bench: Bench, redis_url: str) -> None:
    bench.warm()
    other_link, elsewhere = RedisLink(redis_url), Truth()
    other = replace(bench.cache, store=elsewhere, link=other_link)
    assert other.find(bench.token, bench.clock.now()) == bench.session
    assert elsewhere.reads == 0
    other_link.close()


def test_an_entry_is_sealed_and_lives_at_most_thirty_seconds(bench: Bench, redis_url: str) -> None:
    bench.find()
    with Redis.from_url(redis_url) as redis:
        raw, life = redis.get(entry_key(bench)), redis.pttl(entry_key(bench))
    assert isinstance(raw, bytes)
    assert b"otp" not in raw
    assert bench.token.value.encode() not in raw
    assert isinstance(life, int)
    assert 0 < life <= 30_000


def test_an_entry_does_not_outlive_its_token(bench: Bench, redis_url: str) -> None:
    bench.clock.advance(seconds=295)
    bench.find()
    with Redis.from_url(redis_url) as redis:
        life = redis.pttl(entry_key(bench))
    assert isinstance(life, int)
    assert 0 < life <= 5_000
    bench.clock.advance(seconds=5)
    bench.truth.live.clear()
    assert bench.find() is None


def test_an_entry_older_than_thirty_seconds_is_refused_whatever_redis_says(
    bench: Bench, redis_url: str
) -> None:
    bench.warm()
    with Redis.from_url(redis_url) as redis:
        redis.persist(entry_key(bench))
    bench.truth.live.clear()
    bench.clock.advance(seconds=29)
    assert bench.find() == bench.session
    bench.clock.advance(seconds=1)
    assert bench.find() is None


def test_an_entry_from_the_future_is_refused(bench: Bench) -> None:
    bench.warm()
    bench.clock.advance(seconds=-60)
    bench.truth.live.clear()
    assert bench.find() is None


def test_an_entry_moved_to_another_token_is_refused(bench: Bench, redis_url: str) -> None:
    bench.warm()
    stranger = bench.cache.tokens.mint("gws_")
    with Redis.from_url(redis_url) as redis:
        redis.copy(entry_key(bench), f"session:{bench.cache.tokens.fingerprint(stranger).hex()}")
    assert bench.cache.find(stranger, bench.clock.now()) is None


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"1 s u ", b"1 s u sealed"])
def test_a_foreign_entry_is_as_good_as_none(bench: Bench, redis_url: str, raw: bytes) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.set(entry_key(bench), raw)
    assert bench.find() == bench.session
    assert not bench.cache.link.is_away


def test_an_unknown_token_is_asked_for_each_time(bench: Bench) -> None:
    unknown = bench.cache.tokens.mint("gws_")
    assert [bench.cache.find(unknown, bench.clock.now()) for _ in range(3)] == [None] * 3
    assert bench.truth.reads == 3


def test_a_malformed_token_is_nobodys_and_asks_nobody(bench: Bench) -> None:
    assert bench.cache.find(Secret("nonsense"), bench.clock.now()) is None
    assert bench.truth.reads == 0


def test_confirm_is_never_cached(bench: Bench) -> None:
    bench.warm()
    bench.truth.live.clear()
    assert bench.cache.confirm(bench.token, bench.clock.now()) is None


# ── endings ──


def test_a_revoked_session_is_gone_at_once(bench: Bench) -> None:
    bench.warm()
    bench.cache.revoke(bench.session.session_id, bench.clock.now(), EVENT)
    assert bench.find() is None


def test_a_session_revoked_by_another_process_is_gone_at_once(bench: Bench, redis_url: str) -> None:
    bench.warm()
    other_link = RedisLink(redis_url)
    other = replace(bench.cache, link=other_link)
    other.revoke(bench.session.session_id, bench.clock.now(), EVENT)
    other_link.close()
    assert bench.find() is None


def test_a_reader_overtaken_by_a_revocation_does_not_bring_the_session_back(bench: Bench) -> None:
    now = bench.clock.now()
    bench.truth.after_read = lambda: bench.cache.revoke(bench.session.session_id, now, EVENT)
    assert bench.find() == bench.session
    assert bench.find() is None


def test_no_reader_among_many_brings_a_revoked_session_back(bench: Bench) -> None:
    now, ran = bench.clock.now(), list[int]()

    def read_or_revoke() -> None:
        ran.append(1)
        if len(ran) == 16:
            bench.cache.revoke(bench.session.session_id, now, EVENT)
        bench.cache.find(bench.token, now)

    race(32, read_or_revoke)
    assert bench.find() is None


def test_a_new_token_of_the_same_session_is_cached_right_after_a_rotation(bench: Bench) -> None:
    bench.warm()
    bench.cache.rotate(Secret("gwr_"), None, bench.clock.now())
    assert bench.find() is None
    new = bench.cache.tokens.mint("gws_")
    bench.truth.live = {new.value: bench.session}
    bench.truth.reads = 0
    assert [bench.cache.find(new, bench.clock.now()) for _ in range(5)] == [bench.session] * 5
    assert bench.truth.reads == 1


def test_a_fresh_second_factor_voids_the_old_token(bench: Bench) -> None:
    bench.warm()
    bench.cache.reauthenticate(bench.renewed(), "challenge", PROOF, bench.clock.now(), EVENT)
    assert bench.find() is None


def test_opening_a_session_voids_what_its_subscriber_had(bench: Bench) -> None:
    bench.warm()
    new = bench.renewed()
    opened = replace(new, session=replace(new.session, session_id=new_id()))
    bench.cache.open(opened, "challenge", PROOF, bench.clock.now(), EVENT, None)
    assert bench.find() is None


def test_sessions_that_end_elsewhere_can_be_voided_by_subscriber(bench: Bench) -> None:
    bench.warm()
    bench.truth.live.clear()
    bench.cache.void_subscriber(bench.session.subscriber_id)
    assert bench.find() is None


def test_a_store_that_tells_whose_refresh_token_it_was_is_believed(
    tmp_path: Path, link: RedisLink, clock: FixedClock
) -> None:
    bench = make_bench(tmp_path, link, clock, Truth())
    bench.warm()
    bench.truth.tells = bench.session.session_id
    bench.cache.revoke_by_refresh(Secret("gwr_"), clock.now(), EVENT)
    assert bench.find() is None


def test_a_reused_refresh_token_voids_the_session_it_ended(bench: Bench) -> None:
    bench.warm()
    bench.truth.tells = bench.session.session_id
    with pytest.raises(TokenReused):
        bench.cache.rotate(Secret("reused"), None, bench.clock.now())
    assert bench.find() is None


# ── Redis away ──


def test_without_redis_a_process_remembers_for_five_seconds(tmp_path: Path, clock: FixedClock) -> None:
    bench = make_bench(tmp_path, RedisLink("redis://127.0.0.1:1/0"), clock)
    assert [bench.find() for _ in range(5)] == [bench.session] * 5
    assert bench.truth.reads == 1
    bench.truth.live.clear()
    clock.advance(seconds=4)
    assert bench.find() == bench.session
    clock.advance(seconds=1)
    assert bench.find() is None


def test_without_redis_a_session_revoked_here_is_gone_at_once(tmp_path: Path, clock: FixedClock) -> None:
    bench = make_bench(tmp_path, RedisLink("redis://127.0.0.1:1/0"), clock)
    bench.find()
    bench.cache.revoke(bench.session.session_id, clock.now(), EVENT)
    assert bench.find() is None


def test_reads_go_on_while_redis_is_away_and_after(tmp_path: Path, clock: FixedClock) -> None:
    ticks = Ticks()
    with RedisServer() as server:
        link = RedisLink(server.url, ticks=ticks)
        bench = make_bench(tmp_path, link, clock)
        bench.warm()
        server.stop()
        assert bench.find() == bench.session
        assert bench.truth.reads == 1
        server.start()
        ticks.at += 1.0
        bench.warm()
        link.close()


def test_an_ending_that_redis_missed_is_told_before_it_is_believed_again(
    bench: Bench, redis_url: str, clock: FixedClock
) -> None:
    bench.warm()
    ticks = Ticks()
    missed = RedisLink(redis_url, ticks=ticks)
    cache = replace(bench.cache, link=missed)
    # A script that cannot run is a failure like any other: for a second this process asks no more.
    assert missed.run("return nonsense()", []) is None
    cache.revoke(bench.session.session_id, clock.now(), EVENT)
    ticks.at += 1.0
    assert cache.find(bench.token, clock.now()) is None
    assert bench.find() is None
    missed.close()

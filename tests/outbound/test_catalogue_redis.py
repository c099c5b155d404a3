"""The catalogue cache: fresh, shared, filled by one reader at a time, and there without Redis."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from threading import Event, Lock

import pytest
from redis import Redis

from sandbox.embedded import RedisServer
from service.model.catalogue import Call, Rule
from service.model.errors import UpstreamUnavailable
from service.model.shapes import Shape
from service.outbound.catalogue_redis import CachedReader, Flights
from service.outbound.keys_tink import create_keysets, load_keysets
from service.outbound.redis_link import RedisLink
from service.outbound.seal_tink import TinkSeal
from service.ports import Reading
from tests.fakes import FixedClock
from tests.outbound.racing import race
from tests.outbound.test_redis_link import Ticks


@dataclass
class Reloadly:
    """Answers with a number that counts its calls, after a moment if told so."""

    calls: int = 0
    fails: bool = False
    before_answer: Callable[[], object] = bool
    text: str = "{}"
    lock: Lock = field(default_factory=Lock)

    def read(self, call: Call) -> Reading:
        with self.lock:
            self.calls += 1
            number = self.calls
        self.before_answer()
        if self.fails:
            raise UpstreamUnavailable
        return Reading(f'{{"call": {number}, "more": {self.text}, "name": "Haïti"}}'.encode())


def make_call(seconds: int = 600) -> Call:
    """Return a call that no other test makes."""
    path = f"/operators/{token_hex(8)}"
    rule = Rule(
        operation="listOperators",
        product="airtime",
        method="GET",
        path=path,
        query={},
        answer=Shape(),
        many=False,
        cache=seconds,
        largest=1 << 20,
        limit="catalogue",
        spends=False,
        definite=frozenset(),
    )
    return Call(rule, path)


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(redis_url)
    yield link
    link.close()


@pytest.fixture
def seal(tmp_path: Path, clock: FixedClock) -> TinkSeal:
    create_keysets(tmp_path / "keys", clock.now(), development=True)
    return TinkSeal(load_keysets(tmp_path / "keys", allow_development=True).aeads["caches"])


@pytest.fixture
def cached(link: RedisLink, seal: TinkSeal, clock: FixedClock) -> CachedReader:
    return CachedReader(Reloadly(), link, seal, clock, scope="sandbox")


def upstream(cached: CachedReader) -> Reloadly:
    assert isinstance(cached.reader, Reloadly)
    return cached.reader


def another_process(cached: CachedReader, link: RedisLink) -> CachedReader:
    """Return the same over the same Reloadly, without anything of this process's memory."""
    return CachedReader(cached.reader, link, cached.seal, cached.clock, scope="sandbox")


def only_key(redis_url: str, call: Call, cached: CachedReader) -> str:
    """Return the key that reading a call makes."""
    with Redis.from_url(redis_url) as redis:
        before = set(redis.keys("catalogue:*"))
        cached.read(call)
        (key,) = set(redis.keys("catalogue:*")) - before
    return bytes(key).decode()


def test_an_answer_is_read_once_and_tells_its_age(cached: CachedReader, clock: FixedClock) -> None:
    call = make_call()
    first = cached.read(call)
    clock.advance(seconds=42)
    second = cached.read(call)
    assert (first.hit, first.age) == (False, 0)
    assert (second.hit, second.age) == (True, 42)
    assert second.text == first.text
    assert upstream(cached).calls == 1


def test_an_answer_is_fresh_for_as_long_as_its_rule_says(cached: CachedReader, clock: FixedClock) -> None:
    call = make_call(60)
    cached.read(call)
    clock.advance(seconds=59)
    assert cached.read(call).hit
    clock.advance(seconds=1)
    assert not cached.read(call).hit
    assert upstream(cached).calls == 2


def test_an_answer_from_the_future_is_refused(cached: CachedReader, clock: FixedClock) -> None:
    call = make_call()
    cached.read(call)
    clock.advance(seconds=-30)
    assert not cached.read(call).hit


def test_a_rule_without_a_cache_goes_straight_through(cached: CachedReader) -> None:
    call = make_call(0)
    assert [cached.read(call).hit for _ in range(3)] == [False] * 3
    assert upstream(cached).calls == 3


def test_another_query_is_another_entry(cached: CachedReader) -> None:
    call = make_call()
    cached.read(call)
    assert not cached.read(replace(call, query="page=2")).hit


def test_an_entry_is_sealed_and_lives_about_as_long_as_its_rule(cached: CachedReader, redis_url: str) -> None:
    key = only_key(redis_url, make_call(100), cached)
    with Redis.from_url(redis_url) as redis:
        raw, life = redis.get(key), redis.pttl(key)
    assert isinstance(raw, bytes)
    assert b"call" not in raw
    assert isinstance(life, int)
    assert 89_000 <= life <= 110_000


def test_lives_are_spread(cached: CachedReader, redis_url: str) -> None:
    keys = [only_key(redis_url, make_call(600), cached) for _ in range(12)]
    with Redis.from_url(redis_url) as redis:
        lives = {int(str(redis.ttl(key))) for key in keys}
    assert len(lives) > 3


def test_an_entry_moved_to_another_key_is_refused(cached: CachedReader, redis_url: str) -> None:
    one, other = make_call(), make_call()
    from_key, to_key = only_key(redis_url, one, cached), only_key(redis_url, other, cached)
    with Redis.from_url(redis_url) as redis:
        redis.copy(from_key, to_key, replace=True)
    assert not cached.read(other).hit


def test_a_failure_is_not_cached(cached: CachedReader) -> None:
    call = make_call()
    upstream(cached).fails = True
    with pytest.raises(UpstreamUnavailable):
        cached.read(call)
    upstream(cached).fails = False
    assert not cached.read(call).hit


# ── one reader at a time ──


def test_many_threads_make_one_call(cached: CachedReader) -> None:
    call = make_call()
    texts = {reading.text for reading in race(32, lambda: cached.read(call))}
    assert len(texts) == 1
    assert upstream(cached).calls == 1


def test_many_threads_make_one_call_without_redis_too(seal: TinkSeal, clock: FixedClock) -> None:
    # Reloadly takes its time, so that whoever is let through meanwhile is counted.
    slow = Reloadly(before_answer=lambda: Event().wait(timeout=0.3))
    cached = CachedReader(slow, RedisLink("redis://127.0.0.1:1/0"), seal, clock, scope="sandbox")
    call = make_call()
    race(32, lambda: cached.read(call))
    assert upstream(cached).calls == 1


def test_many_processes_make_one_call(cached: CachedReader, redis_url: str) -> None:
    call, links = make_call(), [RedisLink(redis_url) for _ in range(32)]
    processes = [another_process(cached, link) for link in links]
    texts = {reading.text for reading in race(32, lambda: processes.pop().read(call))}
    assert len(texts) == 1
    assert upstream(cached).calls == 1
    for link in links:
        link.close()


def test_a_process_that_hangs_holds_the_others_up_for_two_seconds_only(
    cached: CachedReader, link: RedisLink, redis_url: str
) -> None:
    call = make_call()
    key = only_key(redis_url, call, cached)
    link.delete(key)
    assert link.claim(f"lock:{key}", "a process that died", 5)
    assert not another_process(cached, link).read(call).hit
    assert upstream(cached).calls == 2


def test_a_failed_reader_lets_the_next_one_try_at_once(cached: CachedReader, redis_url: str) -> None:
    call = make_call()
    upstream(cached).fails = True
    with pytest.raises(UpstreamUnavailable):
        cached.read(call)
    upstream(cached).fails = False
    link = RedisLink(redis_url)
    assert not another_process(cached, link).read(call).hit
    link.close()
    with Redis.from_url(redis_url) as redis:
        digest = sha256(call.cache_key.encode()).hexdigest()
        assert redis.exists(f"lock:catalogue:{digest}") == 0


def test_all_who_wait_share_one_failure() -> None:
    flights, calls, release = Flights(), list[int](), Event()

    def fail() -> Reading:
        calls.append(1)
        release.wait(timeout=10)
        raise UpstreamUnavailable

    def one() -> str:
        waiting.append(1)
        if len(waiting) == 8:
            release.set()
        try:
            flights.share("key", fail)
        except UpstreamUnavailable:
            return "told"
        return "missed"

    waiting: list[int] = []
    assert race(8, one) == ["told"] * 8
    assert len(calls) < 8


def test_calls_for_different_keys_do_not_wait_for_each_other(cached: CachedReader) -> None:
    both = Event()
    seen: list[int] = []

    def meet() -> None:
        seen.append(1)
        if len(seen) == 2:
            both.set()
        assert both.wait(timeout=10)

    upstream(cached).before_answer = meet
    calls = [make_call(), make_call()]
    race(2, lambda: cached.read(calls.pop()))
    assert upstream(cached).calls == 2


# ── Redis away ──


def test_without_redis_a_process_keeps_its_own_copies_as_fresh(seal: TinkSeal, clock: FixedClock) -> None:
    cached = CachedReader(Reloadly(), RedisLink("redis://127.0.0.1:1/0"), seal, clock, scope="sandbox")
    call = make_call(60)
    cached.read(call)
    clock.advance(seconds=59)
    assert cached.read(call).hit
    assert cached.read(call).age == 59
    clock.advance(seconds=1)
    assert not cached.read(call).hit


def test_without_redis_at_most_sixty_four_answers_are_kept(seal: TinkSeal, clock: FixedClock) -> None:
    cached = CachedReader(Reloadly(), RedisLink("redis://127.0.0.1:1/0"), seal, clock, scope="sandbox")
    calls = [make_call() for _ in range(65)]
    for call in calls:
        cached.read(call)
    assert cached.read(calls[64]).hit
    assert not cached.read(calls[0]).hit


def test_without_redis_at_most_sixteen_mebibytes_are_kept(seal: TinkSeal, clock: FixedClock) -> None:
    large = Reloadly(text=f'"{"x" * (6 << 20)}"')
    cached = CachedReader(large, RedisLink("redis://127.0.0.1:1/0"), seal, clock, scope="sandbox")
    calls = [make_call() for _ in range(3)]
    for call in calls:
        cached.read(call)
    assert cached.read(calls[2]).hit
    assert cached.read(calls[1]).hit
    assert not cached.read(calls[0]).hit


def test_reads_go_on_when_redis_stops_and_when_it_returns(seal: TinkSeal, clock: FixedClock) -> None:
    ticks, call = Ticks(), make_call()
    with RedisServer() as server:
        link = RedisLink(server.url, ticks=ticks)
        cached = CachedReader(Reloadly(), link, seal, clock, scope="sandbox")
        cached.read(call)
        server.stop()
        assert cached.read(call).hit
        server.start()
        ticks.at += 1.0
        assert not cached.read(call).hit
        assert cached.read(call).hit
        assert upstream(cached).calls == 2
        link.close()


def test_a_large_answer_comes_back_whole(cached: CachedReader) -> None:
    upstream(cached).text = f'"{"x" * (7 << 20)}"'
    call = make_call()
    first = cached.read(call)
    second = cached.read(call)
    assert second.hit
    assert second.text == first.text

"""The catalogue cache in front of Reloadly: sealed, fresh, and filled by one reader at a time."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from secrets import randbelow, token_hex
from threading import Lock

from service.model.catalogue import Call
from service.model.errors import Busy
from service.outbound.redis_link import Memory, RedisLink
from service.ports import CatalogueReader, Clock, Reading, Seal, SealBroken

_MOST_REMEMBERED = 64
_MOST_BYTES = 16 << 20
_LOCK_SECONDS = 5.0
_FLEET_PATIENCE = 2.0
_POLL_SECONDS = 0.05
# The reader itself gives up after 16 s; nobody waits for it much longer.
_FLIGHT_PATIENCE = 20.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Copy:
    text: bytes
    stored_at: datetime

    def reading(self, call: Call, now: datetime) -> Reading | None:
        """Return the answer while it is fresh by its own time, whatever the cache kept."""
        age = now - self.stored_at
        if not timedelta(0) <= age < timedelta(seconds=call.rule.cache):
            return None
        return Reading(self.text, age=int(age.total_seconds()), hit=True)


class Flights:
    """One call per key at a time in this process; whoever comes meanwhile shares its outcome."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[str, Future[Reading]] = {}

    def share(self, key: str, work: Callable[[], Reading], patience: float | None = None) -> Reading:
        """
        Return what `work` returns, or what another caller's did.

        Raises what it raised, so that a dead provider costs its time-out once and not
        once for each who waits; Busy when the other takes too long.
        """
        with self._lock:
            running = self._running.get(key)
            if running is None:
                mine = self._running[key] = Future()
        if running is None:
            return self._lead(key, mine, work)
        try:
            return running.result(timeout=patience or _FLIGHT_PATIENCE)
        except TimeoutError as error:
            raise Busy from error

    def _lead(self, key: str, mine: Future[Reading], work: Callable[[], Reading]) -> Reading:
        try:
            reading = work()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(reading)
            return reading
        finally:
            with self._lock:
                del self._running[key]


@dataclass(frozen=True, slots=True)
class CachedReader:
    """
    A CatalogueReader that keeps answers for as long as their rule says.

    Across the fleet a short lock lets one process read; the others wait for its entry for
    up to 2 s and then read themselves. While Redis is away each process has its own copies.
    `scope` keeps the environments of one Redis apart.
    """

    reader: CatalogueReader
    link: RedisLink
    seal: Seal
    clock: Clock
    scope: str
    _memory: Memory[_Copy] = field(default_factory=lambda: Memory(_MOST_REMEMBERED, _MOST_BYTES))
    _flights: Flights = field(default_factory=Flights)

    def read(self, call: Call) -> Reading:
        """Return a fresh answer, from the cache where its rule allows. Raises as the reader does."""
        if call.rule.cache <= 0:
            return self.reader.read(call)
        key = f"catalogue:{sha256(f'{self.scope} {call.cache_key}'.encode()).hexdigest()}"
        found = self._cached(key, call)
        return found or self._flights.share(key, lambda: self._read_once(key, call), call.within)

    def _read_once(self, key: str, call: Call) -> Reading:
        lock, owner = f"lock:{key}", token_hex(16)
        deadline = time.monotonic() + _FLEET_PATIENCE
        while True:
            # The entry is looked for again after the lock was had: its last holder may have filled it.
            claimed = self.link.claim(lock, owner, _LOCK_SECONDS)
            found = self._cached(key, call)
            if found or claimed or self.link.is_away or time.monotonic() >= deadline:
                break
            time.sleep(_POLL_SECONDS)
        try:
            return found or self._fetch(key, call)
        finally:
            if claimed:
                self.link.release(lock, owner)

    def _fetch(self, key: str, call: Call) -> Reading:
        reading = self.reader.read(call)
        copy = _Copy(reading.text, self.clock.now())
        self._memory.put(key, copy, len(copy.text))
        self.link.set(key, self.seal.seal(_write(copy), key), _with_jitter(call.rule.cache))
        return reading

    def _cached(self, key: str, call: Call) -> Reading | None:
        sealed = self.link.get(key)
        copy = self._memory.get(key) if self.link.is_away else self._open(sealed, key)
        return copy.reading(call, self.clock.now()) if copy else None

    def _open(self, sealed: bytes | None, key: str) -> _Copy | None:
        try:
            return _read(self.seal.open(sealed, key).value) if sealed else None
        except (SealBroken, ValueError):
            # An entry that we did not write is as good as none.
            return None


def _with_jitter(seconds: int) -> float:
    """Spread lives by a tenth either way, so that a fleet does not refill all at once."""
    return seconds * (900 + randbelow(201)) / 1000


def _write(copy: _Copy) -> str:
    microseconds = (copy.stored_at - _EPOCH) // timedelta(microseconds=1)
    return f"{microseconds}\n{copy.text.decode()}"


def _read(text: str) -> _Copy:
    stored_at, _, answer = text.partition("\n")
    return _Copy(answer.encode(), _EPOCH + timedelta(microseconds=int(stored_at)))

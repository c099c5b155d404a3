"""The one way to Redis, which may be away at any time, and what a process remembers meanwhile."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Generic, TypeVar

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

T = TypeVar("T")
_log = structlog.get_logger("redis")

# A local round trip takes a tenth of a millisecond; whoever is slower than this is away.
_TIMEOUT = 0.25
_PAUSE = 1.0

# A lock is given back by its holder only: it may have run out and belong to another by now.
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisLink:
    """
    Speak to one Redis server and never raise.

    A verb that failed answers None or False, and for a second nobody asks again; then one
    caller probes while the others go on without. So a dead server costs one time-out a
    second per process, not one a request.
    """

    def __init__(self, url: str, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._client = Redis.from_url(
            url,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._ticks = ticks
        self._lock = Lock()
        self._next_probe: float | None = None

    @property
    def is_away(self) -> bool:
        """Say whether the last command failed and none has succeeded since."""
        return self._next_probe is not None

    def ping(self) -> bool:
        """Say whether the server answers, unless it was found away within the last second."""
        return self._ask(self._client.ping) is not None

    def get(self, key: str) -> bytes | None:
        found: bytes | None = self._ask(lambda: self._client.get(key))
        return found

    def set(self, key: str, value: bytes, seconds: float) -> bool:
        """Store for a time; say whether it was stored."""
        life = max(1, int(seconds * 1000))
        return self._ask(lambda: self._client.set(key, value, px=life)) is not None

    def delete(self, *keys: str) -> bool:
        """Delete; say whether the server did as told, not whether there was anything."""
        return self._ask(lambda: self._client.delete(*keys)) is not None

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """Take a lock that runs out by itself; False when another has it or the server is away."""
        life = int(seconds * 1000)
        return bool(self._ask(lambda: self._client.set(key, owner, nx=True, px=life)))

    def release(self, key: str, owner: str) -> None:
        """Give a lock back, if it is still this owner's."""
        self.run(_RELEASE, [key], [owner])

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[str] = ()) -> Any:
        """Run a Lua script, atomic on the server; None when it failed."""
        registered = self._client.register_script(script)
        return self._ask(lambda: registered(keys=keys, args=arguments))

    def close(self) -> None:
        """Close every connection: before a server forks, and at the end."""
        self._client.close()

    def _ask(self, command: Callable[[], Any]) -> Any:
        if not self._may_ask():
            return None
        try:
            answer = command()
        except RedisError as error:
            self._note_failure(error)
            return None
        self._note_success()
        return answer

    def _may_ask(self) -> bool:
        if self._next_probe is None:
            return True
        with self._lock:
            if self._next_probe is None:
                return True
            if self._ticks() < self._next_probe:
                return False
            self._next_probe = self._ticks() + _PAUSE
            return True

    def _note_failure(self, error: RedisError) -> None:
        with self._lock:
            if self._next_probe is None:
                _log.warning("redis_away", error=type(error).__name__)
            self._next_probe = self._ticks() + _PAUSE

    def _note_success(self) -> None:
        if self._next_probe is None:
            return
        with self._lock:
            self._next_probe = None
        _log.warning("redis_back")


class Memory(Generic[T]):
    """A bounded memory of one process: beyond its entries or bytes the least recently used goes."""

    def __init__(self, entries: int, size: int = 0) -> None:
        self._entries, self._size = entries, size
        self._lock = Lock()
        self._held: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._weight = 0

    def get(self, key: str) -> T | None:
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def put(self, key: str, value: T, weight: int = 0) -> None:
        """Remember; a value heavier than the whole memory is not kept."""
        with self._lock:
            self._remove(key)
            if weight > self._size:
                return
            self._held[key] = (value, weight)
            self._weight += weight
            while len(self._held) > self._entries or self._weight > self._size:
                self._remove(next(iter(self._held)))

    def __bool__(self) -> bool:
        return bool(self._held)

    def drain(self) -> list[T]:
        """Return everything that was remembered, and forget it."""
        with self._lock:
            values = [value for value, _ in self._held.values()]
            self._held.clear()
            self._weight = 0
            return values

    def forget(self, meant: Callable[[T], bool]) -> None:
        """Drop every value that is meant."""
        with self._lock:
            for key in [key for key, (value, _) in self._held.items() if meant(value)]:
                self._remove(key)

    def _remove(self, key: str) -> None:
        _, weight = self._held.pop(key, (None, 0))
        self._weight -= weight

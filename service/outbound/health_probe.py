"""What the probes ask: does each store answer within a moment? Never raises, never hangs."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa
import structlog

from service.outbound.database_sql import Database
from service.outbound.redis_link import RedisLink

_log = structlog.get_logger("health")


class _Check:
    """
    Run one question on a thread, with a bounded wait.

    A store that hangs would hold its caller for longer than a probe may take. All callers
    share the question that is under way, so that a hung store costs one thread, not one
    for every probe.
    """

    def __init__(self, name: str, ask: Callable[[], bool]) -> None:
        self._name = name
        self._ask = ask
        self._lock = threading.Lock()
        self._running: _Answer | None = None

    def within(self, seconds: float) -> bool:
        """Say whether the question was answered, by this or by a question under way, in time."""
        answer = self._join()
        return answer.done.wait(seconds) and answer.good

    def _join(self) -> "_Answer":
        with self._lock:
            if self._running is None or self._running.done.is_set():
                self._running = _Answer()
                threading.Thread(
                    target=self._work, args=(self._running,), name=f"health-{self._name}", daemon=True
                ).start()
            return self._running

    def _work(self, answer: "_Answer") -> None:
        try:
            answer.good = self._ask()
        except Exception as error:  # noqa: BLE001  whatever goes wrong, the store is not well
            _log.warning("health.failed", store=self._name, error=type(error).__name__)
        finally:
            answer.done.set()


@dataclass(slots=True)
class _Answer:
    done: threading.Event = field(default_factory=threading.Event)
    good: bool = False


class Probe:
    """Ask the SQL database and Redis; each answer comes within `seconds`."""

    def __init__(self, database: Database, redis: RedisLink, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._sql = _Check("sql", lambda: _select_one(database))
        self._redis = _Check("redis", redis.ping)

    def sql(self) -> bool:
        return self._sql.within(self._seconds)

    def redis(self) -> bool:
        return self._redis.within(self._seconds)


def _select_one(database: Database) -> bool:
    with database.read() as connection:
        return connection.execute(sa.select(sa.literal(1))).scalar_one() == 1

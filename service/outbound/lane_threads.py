"""The bounded lane in which purchases run on, one thread each, after the client was answered."""

import contextvars
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from service.model.errors import Busy
from service.model.policy import MoneyPolicy

T = TypeVar("T")
_log = structlog.get_logger("lane")


class ThreadLane:
    """
    Run purchases: so many per process, per target and one per subscriber.

    A purchase outlives the wait of whoever asked for it, since what was begun upstream
    must be followed to its end.
    """

    def __init__(self, policy: MoneyPolicy) -> None:
        self._policy = policy
        self._changed = threading.Condition()
        self._subscribers: set[str] = set()
        self._targets: Counter[str] = Counter()
        self._closed = False

    def run(self, subscriber_id: str, target: str, work: Callable[[], T], wait: float) -> T | None:
        """
        Run `work` on a thread of its own; return its result if it comes within `wait` seconds.

        What `work` raises is raised here, or logged when nobody waits any more. Raises Busy
        before anything was started when the lane, the subscriber or the target is full.
        """
        self._enter(subscriber_id, target)
        task = _Task(work, lambda: self._leave(subscriber_id, target))
        # The request id travels along, so that the audit of the send names it.
        context = contextvars.copy_context()
        try:
            threading.Thread(target=context.run, args=(task.run,), name="lane", daemon=True).start()
        except RuntimeError as error:
            self._leave(subscriber_id, target)
            raise Busy from error
        return task.result(wait)

    def drain(self, seconds: float) -> bool:
        """Refuse new work and wait for what runs; say whether all of it ended in time."""
        with self._changed:
            self._closed = True
            return self._changed.wait_for(lambda: not self._subscribers, seconds)

    def _enter(self, subscriber_id: str, target: str) -> None:
        with self._changed:
            full = (
                self._closed
                or subscriber_id in self._subscribers
                or len(self._subscribers) >= self._policy.in_flight
                or self._targets[target] >= self._policy.in_flight_per_operator
            )
            if full:
                raise Busy
            self._subscribers.add(subscriber_id)
            self._targets[target] += 1

    def _leave(self, subscriber_id: str, target: str) -> None:
        with self._changed:
            self._subscribers.discard(subscriber_id)
            self._targets[target] -= 1
            # A target that is at rest leaves no trace, or the table would grow for ever.
            self._targets += Counter()
            self._changed.notify_all()


class _Task(Generic[T]):
    """One piece of work, and whether somebody still waits for it."""

    def __init__(self, work: Callable[[], T], leave: Callable[[], None]) -> None:
        self._work = work
        self._leave = leave
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._awaited = True
        self._result: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001  it is raised to the waiter, or logged
            self._error = error
        # The place is free before the waiter goes on, so that its next call finds room.
        self._leave()
        with self._lock:
            self._done.set()
            lost = self._error if not self._awaited else None
        if lost:
            _log.error("lane.work_failed", error=type(lost).__name__, at=_place(lost))

    def result(self, wait: float) -> T | None:
        if not self._done.wait(wait):
            with self._lock:
                if not self._done.is_set():
                    self._awaited = False
                    return None
        if self._error:
            raise self._error
        return self._result


def _place(error: BaseException) -> str:
    """Name the line that failed; the message stays out, since it may quote what must not be logged."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"

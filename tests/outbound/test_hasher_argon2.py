"""Argon2id behind a bound: what it answers, what it costs, and how many run at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier, Event, Lock, Thread
from time import process_time
from typing import TypeVar

import pytest
from argon2 import PasswordHasher as Argon2
from argon2.profiles import CHEAPEST

from service.model.errors import Busy
from service.model.policy import PasswordPolicy
from service.model.secret import Secret
from service.outbound.hasher_argon2 import Argon2Hasher, BoundedLane, hashing_lane

T = TypeVar("T")
CHEAP = PasswordPolicy(time_cost=2, memory_kib=19_456, parallelism=1, slots=2, queue=16)
RIGHT = Secret("correct horse battery staple")


class CountingLane(BoundedLane):
    """Counts how much runs in it at once."""

    def __init__(self, slots: int, queue: int) -> None:
        super().__init__(slots, queue)
        self.running = self.most = self.ran = 0
        self.lock = Lock()

    @contextmanager
    def place(self) -> Iterator[None]:
        with super().place():
            self._count(1)
            try:
                yield
            finally:
                self._count(-1)

    def _count(self, by: int) -> None:
        with self.lock:
            self.running, self.ran = self.running + by, self.ran + max(by, 0)
            self.most = max(self.most, self.running)


def run(lane: BoundedLane, work: Callable[[], T]) -> T:
    """Do something in a place of the lane."""
    with lane.place():
        return work()


@pytest.fixture(scope="module")
def hasher() -> Argon2Hasher:
    return Argon2Hasher(CHEAP, hashing_lane(CHEAP, processes=1))


def in_threads(count: int, work: Callable[[], object]) -> list[object]:
    """Run `work` on many threads at once; return what each returned, or the Busy it raised."""
    barrier, outcomes = Barrier(count), list[object]()

    def one() -> None:
        barrier.wait()
        try:
            outcomes.append(work())
        except Busy as busy:
            outcomes.append(busy)

    threads = [Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_only_the_right_password_verifies(hasher: Argon2Hasher) -> None:
    stored = hasher.hash(RIGHT)
    assert hasher.verify(stored, RIGHT) is True
    assert hasher.verify(stored, Secret("correct horse battery stapl")) is False


def test_the_profile_is_the_policys(hasher: Argon2Hasher) -> None:
    assert hasher.hash(RIGHT).value.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_one_password_has_many_hashes(hasher: Argon2Hasher) -> None:
    assert hasher.hash(RIGHT).value != hasher.hash(RIGHT).value


def test_no_hash_and_any_password_is_wrong(hasher: Argon2Hasher) -> None:
    assert hasher.verify(None, RIGHT) is False
    assert hasher.verify(None, Secret("")) is False


@pytest.mark.parametrize(
    "stored", ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$x", "$2b$12$abc", "\uff21", "\ud800"]
)
def test_a_malformed_hash_is_a_wrong_password(hasher: Argon2Hasher, stored: str) -> None:
    assert hasher.verify(Secret(stored), RIGHT) is False


@pytest.mark.parametrize("stored", [None, "", "$argon2id$v=19$m=19456,t=2,p=1$x"])
def test_a_refusal_costs_as_much_as_a_comparison(hasher: Argon2Hasher, stored: str | None) -> None:
    real, given = hasher.hash(RIGHT), None if stored is None else Secret(stored)
    comparison = min(cost(lambda: hasher.verify(real, Secret("wrong"))) for _ in range(5))
    refusal = min(cost(lambda: hasher.verify(given, Secret("wrong"))) for _ in range(5))
    assert 0.5 < refusal / comparison < 2


def cost(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began


def test_a_lone_surrogate_is_a_password_like_any_other(hasher: Argon2Hasher) -> None:
    stored = hasher.hash(Secret("\ud800 and more text"))
    assert hasher.verify(stored, Secret("\ud800 and more text")) is True
    assert hasher.verify(stored, Secret("\udfff and more text")) is False


def test_another_profile_asks_for_a_rehash(hasher: Argon2Hasher) -> None:
    assert hasher.needs_rehash(hasher.hash(RIGHT)) is False
    assert hasher.needs_rehash(Secret(Argon2.from_parameters(CHEAPEST).hash("x"))) is True
    assert hasher.needs_rehash(Secret("unreadable")) is True


def test_never_more_hashes_at_once_than_slots() -> None:
    lane = CountingLane(CHEAP.slots, CHEAP.queue)
    hasher = Argon2Hasher(CHEAP, lane)
    stored = hasher.hash(RIGHT)
    outcomes = in_threads(16, lambda: hasher.verify(stored, RIGHT))
    assert outcomes == [True] * 16
    assert lane.most == CHEAP.slots
    assert lane.ran == 17


def test_no_hash_takes_its_turn_in_the_lane_too() -> None:
    lane = CountingLane(1, 16)
    hasher = Argon2Hasher(CHEAP, lane)
    assert in_threads(4, lambda: hasher.verify(None, RIGHT)) == [False] * 4
    assert (lane.most, lane.ran) == (1, 4)


def test_a_full_queue_is_busy_at_once_and_starts_nothing() -> None:
    lane, began, end, ran = BoundedLane(1, 1, patience=60), Event(), Event(), list[int]()

    def occupy() -> None:
        began.set()
        end.wait()

    occupant = Thread(target=lambda: run(lane, occupy))
    occupant.start()
    began.wait()
    # One of the two gets the only place in the queue, the other is refused, and the queue moves on.
    outcomes: list[object] = []

    def queue_up() -> None:
        try:
            outcomes.append(run(lane, lambda: ran.append(1)))
        except Busy as busy:
            outcomes.append(busy)
            end.set()

    waiting = [Thread(target=queue_up) for _ in range(2)]
    for thread in waiting:
        thread.start()
    for thread in [occupant, *waiting]:
        thread.join()
    assert len(ran) == 1
    assert [one.retry_after for one in outcomes if isinstance(one, Busy)] == [2]


def test_whoever_waits_too_long_is_told_busy_and_leaves_no_trace() -> None:
    lane, began, end = BoundedLane(1, 1, patience=0.02), Event(), Event()

    def occupy() -> None:
        began.set()
        end.wait()

    occupant = Thread(target=lambda: run(lane, occupy))
    occupant.start()
    began.wait()
    for _ in range(3):
        with pytest.raises(Busy):
            run(lane, lambda: None)
    end.set()
    occupant.join()
    assert run(lane, lambda: "free") == "free"


def test_work_that_fails_gives_its_slot_back() -> None:
    lane = BoundedLane(1, 1, patience=0.02)
    for _ in range(4):
        with pytest.raises(ZeroDivisionError):
            run(lane, lambda: 1 // 0)
    assert run(lane, lambda: "free") == "free"

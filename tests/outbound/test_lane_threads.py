"""The lane is bounded, and what runs in it runs to its end."""

import threading
from collections.abc import Iterator

import pytest
import structlog

from service.model.errors import Busy, UpstreamTimedOut
from service.model.policy import MoneyPolicy
from service.outbound.lane_threads import ThreadLane
from tests.outbound.racing import race


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What runs waits for this; it opens at the latest at the end of the test."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def lane() -> ThreadLane:
    return ThreadLane(MoneyPolicy(in_flight=3, in_flight_per_operator=2))


def test_a_result_that_comes_in_time_is_returned(lane: ThreadLane) -> None:
    assert lane.run("ann", "640", lambda: 42, 5) == 42


def test_what_the_work_raises_is_raised_to_the_waiter(lane: ThreadLane) -> None:
    def fail() -> None:
        raise UpstreamTimedOut

    with pytest.raises(UpstreamTimedOut):
        lane.run("ann", "640", fail, 5)


def test_a_time_out_of_the_work_is_not_taken_for_the_end_of_the_wait(lane: ThreadLane) -> None:
    def fail() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        lane.run("ann", "640", fail, 5)


def test_work_outlives_the_wait_of_its_caller(lane: ThreadLane, gate: threading.Event) -> None:
    ended = threading.Event()

    def work() -> None:
        gate.wait(10)
        ended.set()

    assert lane.run("ann", "640", work, 0.01) is None
    gate.set()
    assert ended.wait(5)


def test_one_purchase_at_a_time_for_a_subscriber(lane: ThreadLane, gate: threading.Event) -> None:
    lane.run("ann", "640", gate.wait, 0.01)
    with pytest.raises(Busy):
        lane.run("ann", "173", lambda: None, 1)


def test_two_purchases_at_a_time_for_an_operator(lane: ThreadLane, gate: threading.Event) -> None:
    lane.run("ann", "640", gate.wait, 0.01)
    lane.run("bob", "640", gate.wait, 0.01)
    with pytest.raises(Busy):
        lane.run("cleo", "640", lambda: None, 1)
    assert lane.run("cleo", "173", lambda: 1, 5) == 1


def test_a_full_lane_refuses_before_anything_is_started(lane: ThreadLane, gate: threading.Event) -> None:
    for subscriber in ("ann", "bob", "cleo"):
        lane.run(subscriber, subscriber, gate.wait, 0.01)
    started = threading.Event()
    with pytest.raises(Busy):
        lane.run("dan", "dan", started.set, 1)
    assert not started.is_set()


def test_of_many_calls_of_one_subscriber_one_runs(lane: ThreadLane, gate: threading.Event) -> None:
    runs: list[int] = []

    def work() -> None:
        runs.append(1)
        gate.wait(10)

    def call() -> bool:
        try:
            lane.run("ann", "640", work, 0.05)
        except Busy:
            return False
        return True

    assert race(32, call).count(True) == 1
    assert len(runs) == 1


def test_a_place_is_free_again_as_soon_as_the_result_is_there(lane: ThreadLane) -> None:
    results = [lane.run("ann", "640", lambda: 1, 5) for _ in range(200)]
    assert results == [1] * 200


def test_a_failure_that_nobody_waits_for_is_logged_without_its_message(
    lane: ThreadLane, gate: threading.Event
) -> None:
    def fail() -> None:
        gate.wait(10)
        raise ValueError("+50936377111")

    with structlog.testing.capture_logs() as logs:
        lane.run("ann", "640", fail, 0.01)
        gate.set()
        assert lane.drain(5)
        for thread in threading.enumerate():
            if thread.name == "lane":
                thread.join(5)
    assert [line["error"] for line in logs] == ["ValueError"]
    assert "50936377111" not in str(logs)


def test_the_request_id_travels_with_the_work(lane: ThreadLane) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        seen = lane.run("ann", "640", structlog.contextvars.get_contextvars, 5)
    assert seen == {"request_id": "r-1"}


def test_draining_waits_for_what_runs_and_refuses_the_rest(lane: ThreadLane, gate: threading.Event) -> None:
    lane.run("ann", "640", gate.wait, 0.01)
    assert not lane.drain(0.01)
    with pytest.raises(Busy):
        lane.run("bob", "640", lambda: None, 1)
    gate.set()
    assert lane.drain(5)

"""The link to Redis: short-tempered, quick to give up, and back within a second."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from threading import Thread

import pytest

from sandbox.embedded import RedisServer
from service.outbound.redis_link import Memory, RedisLink
from tests.outbound.racing import race


class Ticks:
    """A monotonic clock that stands still until told to move."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@contextmanager
def deaf_server() -> Iterator[tuple[str, list[socket.socket]]]:
    """Accept connections, and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heard: list[socket.socket] = []

        def listen() -> None:
            while True:
                try:
                    heard.append(listener.accept()[0])
                except OSError:
                    return

        Thread(target=listen, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0", heard
        listener.shutdown(socket.SHUT_RDWR)
    for connection in heard:
        connection.close()


def test_what_was_set_can_be_had_and_deleted(redis_url: str) -> None:
    link, key = RedisLink(redis_url), token_hex(8)
    assert link.get(key) is None
    assert link.set(key, b"\x00value", 10) is True
    assert link.get(key) == b"\x00value"
    assert link.delete(key) is True
    assert link.get(key) is None
    assert not link.is_away
    link.close()


def test_of_many_claims_exactly_one_is_granted(redis_url: str) -> None:
    link, key = RedisLink(redis_url), token_hex(8)
    granted = race(32, lambda: link.claim(key, token_hex(8), 5))
    assert granted.count(True) == 1
    link.close()


def test_only_its_holder_gives_a_lock_back(redis_url: str) -> None:
    link, key = RedisLink(redis_url), token_hex(8)
    assert link.claim(key, "holder", 5)
    link.release(key, "another")
    assert not link.claim(key, "another", 5)
    link.release(key, "holder")
    assert link.claim(key, "another", 5)
    link.close()


def test_a_dead_server_is_an_answer_and_not_an_exception() -> None:
    link = RedisLink("redis://127.0.0.1:1/0")
    assert link.get("key") is None
    assert link.set("key", b"value", 1) is False
    assert link.delete("key") is False
    assert link.claim("key", "me", 1) is False
    assert link.run("return 1", []) is None
    assert link.ping() is False
    assert link.is_away


def test_a_deaf_server_is_asked_once_a_second_however_many_ask() -> None:
    ticks = Ticks()
    with deaf_server() as (url, heard):
        link = RedisLink(url, ticks=ticks)
        link.get("first")
        asked = len(heard)
        assert [link.get("key") for _ in range(100)] == [None] * 100
        assert len(heard) == asked
        ticks.at += 1.0
        assert race(32, lambda: link.get("key")) == [None] * 32
        # One probe; the connections of the other thirty-one were never made.
        assert len(heard) == asked + 1
        link.close()


def test_the_link_comes_back_with_its_server() -> None:
    ticks = Ticks()
    with RedisServer() as server:
        link = RedisLink(server.url, ticks=ticks)
        assert link.set("key", b"before", 60)
        server.stop()
        assert link.get("key") is None
        assert link.is_away
        server.start()
        assert link.get("key") is None
        ticks.at += 1.0
        assert link.ping() is True
        assert not link.is_away
        assert link.set("key", b"after", 60)
        assert link.get("key") == b"after"
        link.close()


def test_the_least_recently_used_goes_first() -> None:
    memory: Memory[str] = Memory(2)
    memory.put("a", "A")
    memory.put("b", "B")
    assert memory.get("a") == "A"
    memory.put("c", "C")
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == ("A", None, "C")


def test_a_memory_stays_below_its_weight() -> None:
    memory: Memory[str] = Memory(10, 100)
    memory.put("a", "A", 60)
    memory.put("b", "B", 60)
    assert (memory.get("a"), memory.get("b")) == (None, "B")
    memory.put("b", "B2", 90)
    assert memory.get("b") == "B2"
    memory.put("huge", "H", 101)
    assert (memory.get("huge"), memory.get("b")) == (None, "B2")


def test_a_memory_forgets_what_is_meant() -> None:
    memory: Memory[int] = Memory(10, 100)
    for number in range(6):
        memory.put(str(number), number, 10)
    memory.forget(lambda number: number % 2 == 0)
    assert [memory.get(str(number)) for number in range(6)] == [None, 1, None, 3, None, 5]
    assert memory.drain() == [1, 3, 5]
    assert not memory


@pytest.mark.parametrize("times", [1000])
def test_a_memory_is_safe_among_threads(times: int) -> None:
    memory: Memory[int] = Memory(8, 64)

    def work() -> None:
        for number in range(times):
            memory.put(str(number % 20), number, number % 9)
            memory.get(str(number % 7))

    race(8, work)
    assert len(memory.drain()) <= 8
    memory.put("whole", 1, 64)
    assert memory.get("whole") == 1

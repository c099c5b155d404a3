"""Many threads that begin at one instant."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def race(runners: int, act: Callable[[], T]) -> list[T]:
    """Let `act` run on so many threads at once; return what each of them got."""
    start = threading.Barrier(runners)

    def run(_: int) -> T:
        start.wait(timeout=30)
        return act()

    with ThreadPoolExecutor(runners) as pool:
        return list(pool.map(run, range(runners)))

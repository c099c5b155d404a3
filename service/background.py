"""One daemon thread per job in each process; what a job takes up, it claims in SQL first."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from service.flows import Gateway

_log = structlog.get_logger("background")
_PAUSE_AFTER_FAILURE = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """Work in small pieces: `run` does one and says whether there was one; `wait` is the pause between."""

    name: str
    run: Callable[[], bool]
    wait: Callable[[], None]


def jobs(gateway: Gateway, wait_for_texts: Callable[[float], None]) -> tuple[Job, ...]:
    """Return the jobs of one process. Two send texts, so that a slow carrier holds up half of them."""
    return (
        Job("texts-1", gateway.send_texts, lambda: wait_for_texts(1.0)),
        Job("texts-2", gateway.send_texts, lambda: wait_for_texts(1.0)),
        Job("reconcile", gateway.reconcile, lambda: time.sleep(1.0)),
        Job("expire", gateway.expire, lambda: time.sleep(1.0)),
    )


def start(work: tuple[Job, ...]) -> None:
    """Start every job; the threads die with the process, and what they had claimed runs out."""
    for job in work:
        threading.Thread(target=_run, args=(job,), name=job.name, daemon=True).start()


def _run(job: Job) -> None:
    while True:
        try:
            while job.run():
                continue
            job.wait()
        except Exception as error:  # noqa: BLE001  a job outlives whatever fails in it
            _log.error("job_failed", job=job.name, error=type(error).__name__, exc_info=error)
            time.sleep(_PAUSE_AFTER_FAILURE)

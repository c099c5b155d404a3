"""What a request may be at all: its size, its framing, and how many half-sent ones are waited for."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from flask import Flask, request

from service.model.errors import BadRequest, Busy, NoSuchThing

LONGEST_TARGET = 2048


def install(app: Flask) -> None:
    """Refuse what could be read in two ways, before anything is read."""
    app.before_request(_check)


def _check() -> None:
    environ = request.environ
    if len(environ.get("PATH_INFO", "")) + len(environ.get("QUERY_STRING", "")) > LONGEST_TARGET:
        raise BadRequest(f"The address is longer than {LONGEST_TARGET} bytes.")
    if environ.get("PATH_INFO", "").startswith("//"):
        raise NoSuchThing
    if not environ["REQUEST_METHOD"].isupper():
        raise BadRequest("Methods are written in capitals.")
    # The server says that it ends bodies itself; then nobody would notice one that was cut off.
    environ.pop("wsgi.input_terminated", None)
    if "Transfer-Encoding" in request.headers:
        raise BadRequest("Send the body whole, with its Content-Length.")


class Intake:
    """
    At most so many bodies of strangers are read at once.

    A body that never comes holds a thread; half of them stay free for whoever is signed in.
    """

    def __init__(self, most: int) -> None:
        self._turns = BoundedSemaphore(most)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises Busy when too many are being read."""
        if not self._turns.acquire(blocking=False):
            raise Busy
        try:
            yield
        finally:
            self._turns.release()

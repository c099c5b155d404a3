"""What a request may be at all: its size, its framing, and how many half-sent ones are waited for."""

from collections import Counter
from threading import Condition

from flask import Flask, request

from service.model.errors import BadRequest, Busy, NoSuchThing
from service.model.session import Session

LONGEST_TARGET = 2048
_STRANGERS, _EACH, _PATIENCE = "", 2, 1.0


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
    So many bodies are read at once: half of the threads for strangers, two for each subscriber.

    A body that never comes holds a thread. Whoever sends many of them waits for a moment
    and is then refused, while the other threads serve the others.
    """

    def __init__(self, threads: int) -> None:
        self._strangers = max(1, threads // 2)
        self._changed = Condition()
        self._reading: Counter[str] = Counter()

    def receive(self, caller: Session | None) -> None:
        """Read the body of this request, for whoever parses it. Raises Busy."""
        who, most = (caller.subscriber_id, _EACH) if caller else (_STRANGERS, self._strangers)
        with self._changed:
            if not self._changed.wait_for(lambda: self._reading[who] < most, _PATIENCE):
                raise Busy
            self._reading[who] += 1
        try:
            request.get_data()
        finally:
            with self._changed:
                self._reading -= Counter({who: 1})
                self._changed.notify_all()

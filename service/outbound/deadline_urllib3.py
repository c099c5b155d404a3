"""Connections for one request, with one deadline over the whole answer; they tell when nothing was sent."""

import io
import socket
from functools import partial
from http.client import HTTPResponse
from time import monotonic
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class NothingSent(Exception):
    """The connection did not come about, so not one byte of the request left."""


class _DeadlineReader(io.RawIOBase):
    """
    A socket's reading end that gives up at one instant.

    A socket's own time limit begins anew with every byte, so that an answer of one byte a
    second, in its headers too, would never end.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._socket = sock
        self._reader: Any = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        rest = self._deadline - monotonic()
        if rest <= 0:
            raise TimeoutError("the answer took too long")
        self._socket.settimeout(rest)
        count: int | None = self._reader.readinto(buffer)
        return count

    def close(self) -> None:
        self._reader.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, deadline: float, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_DeadlineReader(sock, deadline))

    def begin(self) -> None:
        super().begin()
        # Whatever the other side intends: a connection that lay idle may be closed by the time
        # the next request is written to it, and nobody could say whether that one arrived.
        self.will_close = True


class _Watched:
    """What both kinds of connection have in common."""

    response_class: Any
    timeout: Any
    close: Any

    def connect(self) -> None:
        begun = monotonic()
        try:
            super().connect()  # type: ignore[misc]
        except Exception as error:
            raise NothingSent from error
        # The limit holds for each address of a host; all of them together may take longer.
        if monotonic() - begun > self.timeout:
            self.close()
            raise NothingSent

    def getresponse(self) -> Any:
        # By now `timeout` is what connecting and sending left of the whole time.
        self.response_class = partial(_DeadlineResponse, deadline=monotonic() + self.timeout)
        return super().getresponse()  # type: ignore[misc]


class _Http(_Watched, HTTPConnection):
    pass


class _Https(_Watched, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _HttpPool, "https": _HttpsPool}

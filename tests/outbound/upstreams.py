"""Servers that answer as a test says, byte by byte, on a port of this machine."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser

import simplejson

# A script gets the connection after one whole request was read, and may do with it what it likes.
Script = Callable[[socket.socket], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Nasty:
    """A server that plays one script for each connection; the last one is played for ever."""

    url: str
    scripts: list[Script] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = _read_request(connection)
                with self.lock:
                    self.seen.append(request)
                    script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                script(connection)
            except OSError:
                # The client under test hung up, as it should on some of these answers.
                return


@contextmanager
def serving(*scripts: Script) -> Iterator[Nasty]:
    """Listen until the end of the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        nasty = Nasty(f"http://127.0.0.1:{listener.getsockname()[1]}", list(scripts))
        thread = threading.Thread(target=_accept, args=(listener, nasty), daemon=True)
        thread.start()
        try:
            yield nasty
        finally:
            # Closing alone would leave the thread in accept.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def answer(value: object, status: int = 200) -> Script:
    """Answer with JSON and a length."""
    return raw(status, simplejson.dumps(value, use_decimal=True).encode())


def raw(status: int, body: bytes, length: int | None = None, **headers: str) -> Script:
    """Answer with these bytes; `length` may lie."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return lambda connection: connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)


def drip(data: bytes, pause: float) -> Script:
    """Send byte by byte; the pause ends early when nobody listens any more."""

    def play(connection: socket.socket) -> None:
        connection.settimeout(pause)
        for byte in data:
            connection.sendall(bytes([byte]))
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    return play


def silence(seconds: float) -> Script:
    """Say nothing until the client hangs up."""

    def play(connection: socket.socket) -> None:
        connection.settimeout(seconds)
        connection.recv(1)

    return play


def reset(connection: socket.socket) -> None:
    """Break the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def _accept(listener: socket.socket, nasty: Nasty) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=nasty.serve, args=(connection,), daemon=True).start()


def _read_request(connection: socket.socket) -> Seen:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65_536)
        data += chunk
        if not chunk or not data[:1].isalpha():
            raise ConnectionError("this is not HTTP")
    head, _, body = data.partition(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    headers = {name.lower(): value for name, value in BytesParser().parsebytes(rest).items()}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65_536)
    return Seen(line.decode(), headers, body)

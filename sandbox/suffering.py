"""Makes one request suffer what a scripted fault asks for."""

import select
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import sleep
from typing import Never, TypeAlias
from wsgiref.types import WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Response

from sandbox import exact, twilio_shapes
from sandbox.faults import Fault
from sandbox.reloadly.errors import Refusal, business
from sandbox.reloadly.topups import OUTCOME

HUGE = 100 * 1024 * 1024
CHUNK = b"0" * 65_536
HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
ELSEWHERE = "http://elsewhere.invalid/"
# Longer than any client waits.
FOREVER = 600.0
# With a linger time of zero, closing resets the connection and throws away what was not sent.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Hold one request on its way to a stand-in."""

    app: WSGIApplication
    environ: WSGIEnvironment

    def execute(self) -> Response:
        return Response.from_app(self.app, self.environ, buffered=True)

    def execute_if(self, fault: Fault) -> Response:
        return self.execute() if fault.executes() else Response("{}", mimetype="application/json")

    def cut(self) -> Never:
        """Cut the connection. The server takes the exception for a client that went away."""
        connection: socket.socket = self.environ["werkzeug.socket"]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError


Affliction: TypeAlias = Callable[[Fault, Exchange], Response]


def suffer(fault: Fault, exchange: Exchange) -> Response:
    """Answer what the fault makes of the request. Raises ConnectionResetError where it cuts."""
    return AFFLICTIONS[fault.kind](fault, exchange)


def _delay(fault: Fault, exchange: Exchange) -> Response:
    if fault.executes():
        response = exchange.execute()
        sleep(fault.seconds or 0)
        return response
    sleep(fault.seconds or 0)
    return exchange.execute()


def _drop(fault: Fault, exchange: Exchange) -> Response:
    exchange.execute_if(fault)
    exchange.cut()


def _drop_midway(fault: Fault, exchange: Exchange) -> Response:
    """Promise the whole body, send half of it, then cut."""
    response = exchange.execute_if(fault)
    body = response.get_data()
    headers = {"Content-Length": str(len(body)), "Content-Type": "application/json"}

    def half() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        exchange.cut()

    return Response(half(), response.status, headers)


def _half_open(fault: Fault, exchange: Exchange) -> Response:
    """Say nothing until the client gives up."""
    exchange.execute_if(fault)
    connection: socket.socket = exchange.environ["werkzeug.socket"]
    select.select([connection], [], [], FOREVER if fault.seconds is None else fault.seconds)
    exchange.cut()


def _status(fault: Fault, exchange: Exchange) -> Response:
    exchange.execute_if(fault)
    status = fault.status or 500
    body = _body(fault) or _error(fault, status, exchange.environ)
    return Response(body, status, dict(fault.headers), mimetype="application/json")


def _html(fault: Fault, exchange: Exchange) -> Response:
    exchange.execute_if(fault)
    return Response(_body(fault) or HTML, fault.status or 502, dict(fault.headers), mimetype="text/html")


def _redirect(fault: Fault, exchange: Exchange) -> Response:
    exchange.execute_if(fault)
    return Response("", fault.status or 302, {"Location": ELSEWHERE, **fault.headers})


def _unauthorized(fault: Fault, exchange: Exchange) -> Response:
    exchange.execute_if(fault)
    return Response(_error(fault, 401, exchange.environ), 401, mimetype="application/json")


def _malformed(fault: Fault, exchange: Exchange) -> Response:
    whole = exchange.execute_if(fault).get_data(as_text=True)
    body = _body(fault) or whole[: len(whole) // 2]
    return Response(body, fault.status or 200, mimetype="application/json")


def _slow(fault: Fault, exchange: Exchange) -> Response:
    """Send one byte at a time, a second apart unless the fault says otherwise."""
    response = exchange.execute_if(fault)
    pause = 1.0 if fault.seconds is None else fault.seconds

    def drip(body: bytes) -> Iterator[bytes]:
        for value in body:
            yield bytes([value])
            sleep(pause)

    response.response = drip(response.get_data())
    return response


def _huge(fault: Fault, exchange: Exchange) -> Response:
    exchange.execute_if(fault)

    def flood() -> Iterator[bytes]:
        yield b'{"padding":"'
        for _ in range(HUGE // len(CHUNK)):
            yield CHUNK
        yield b'"}'

    return Response(flood(), fault.status or 200, mimetype="application/json")


def _outcome(fault: Fault, exchange: Exchange) -> Response:
    exchange.environ[OUTCOME] = fault.kind.upper()
    return exchange.execute()


def _body(fault: Fault) -> str:
    return fault.body if isinstance(fault.body, str) else exact.write(fault.body) if fault.body else ""


def _error(fault: Fault, status: int, environ: WSGIEnvironment) -> str:
    """Word an error in the shape of the host that is hurt."""
    code = fault.code or ("INVALID_TOKEN" if status == 401 else None)
    if fault.host == "twilio":
        number = code if isinstance(code, int) else 20003 if status == 401 else 20500
        return twilio_shapes.error(status, number, "A scripted fault").get_data(as_text=True)
    refusal = Refusal(status, None if code is None else str(code), "A scripted fault")
    return exact.write(business(refusal, environ["PATH_INFO"]))


AFFLICTIONS: dict[str, Affliction] = {
    "delay": _delay,
    "drop_before": _drop,
    "drop_after": _drop,
    "drop_midway": _drop_midway,
    "half_open": _half_open,
    "status": _status,
    "html": _html,
    "redirect": _redirect,
    "slow": _slow,
    "huge": _huge,
    "malformed": _malformed,
    "unauthorized_once": _unauthorized,
    "processing": _outcome,
    "refunded": _outcome,
    "failed": _outcome,
}

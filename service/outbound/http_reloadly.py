"""One HTTP exchange with Reloadly: bounded in time and size, JSON both ways, never repeated."""

import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, RemoteDisconnected
from typing import Any

import simplejson
import structlog
import urllib3
from urllib3.exceptions import HTTPError, ProtocolError

from service.model.errors import BadUpstreamAnswer, GatewayError, UpstreamTimedOut, UpstreamUnavailable
from service.outbound.deadline_urllib3 import POOLS, NothingSent
from service.ports import Reply

CONNECT_WITHIN = 5.0
ANSWER_WITHIN = 16.0
_CHUNK = 65_536
_MIB = 1 << 20
# The wrapper of RFC 1952 only: zlib would take others too.
_GZIP = 16 + zlib.MAX_WBITS

_log = structlog.get_logger("upstream")
# The library would log addresses, and an address may hold a phone number.
for _name in ("connectionpool", "connection", "response", "util.retry", "poolmanager"):
    logging.getLogger(f"urllib3.{_name}").addFilter(lambda _record: False)


@dataclass(frozen=True, slots=True, repr=False)
class Outgoing:
    """A request with every header it needs; `largest` bounds the answer, unpacked, in bytes."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, object] | None = None
    largest: int = _MIB


class JsonHttp:
    """
    Make single requests, without a redirect, a retry, a cookie, or a proxy that was not asked for.

    Every connection serves one request, as Reloadly closes them anyway.
    """

    def __init__(self, egress_proxy: str | None = None, ca_file: str | None = None) -> None:
        verified: dict[str, Any] = {"cert_reqs": "CERT_REQUIRED", "ca_certs": ca_file}
        self._manager = (
            urllib3.ProxyManager(egress_proxy, **verified)
            if egress_proxy
            else urllib3.PoolManager(**verified)
        )
        self._manager.pool_classes_by_scheme = POOLS

    def send(
        self, outgoing: Outgoing, seconds: float = ANSWER_WITHIN, connect: float = CONNECT_WITHIN
    ) -> Reply:
        """
        Return the answer to one request, which takes no longer than `seconds` in all.

        The connection stands within `connect` seconds, or nothing is sent.

        Raises UpstreamUnavailable when certainly nothing was sent, UpstreamTimedOut when the
        answer did not come, BadUpstreamAnswer when it is a redirect, too large, cut off, or
        not JSON; an answer from 400 on must be a JSON object.
        """
        try:
            response = self._open(outgoing, seconds, min(connect, CONNECT_WITHIN))
            try:
                return _read(response, outgoing.largest)
            finally:
                response.close()
        except NothingSent as error:
            raise _explained(UpstreamUnavailable(), error) from None
        except (HTTPError, HTTPException, OSError) as error:
            cause = _cause(error)
            raise _explained(_meaning(cause), cause) from None

    def close(self) -> None:
        """Close what is open: before a server forks, and at the end."""
        self._manager.clear()

    def _open(self, outgoing: Outgoing, seconds: float, connect: float) -> urllib3.BaseHTTPResponse:
        headers = {"Accept-Encoding": "gzip", "User-Agent": "approval-gateway", "Connection": "close"}
        headers |= outgoing.headers
        body = None
        if outgoing.body is not None:
            headers["Content-Type"] = "application/json"
            body = simplejson.dumps(outgoing.body, use_decimal=True, separators=(",", ":")).encode()
        return self._manager.urlopen(
            outgoing.method,
            outgoing.url,
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(total=max(seconds, 0.001), connect=max(connect, 0.001)),
        )


def _read(response: urllib3.BaseHTTPResponse, largest: int) -> Reply:
    status = response.status
    if not 200 <= status < 600 or 300 <= status < 400:
        raise _explained(BadUpstreamAnswer(), f"status {status}")
    try:
        value = simplejson.loads(_text(response, largest), use_decimal=True)
    except (ValueError, ArithmeticError, RecursionError, zlib.error) as error:
        raise _explained(BadUpstreamAnswer(), error, status) from None
    if status >= 400 and not isinstance(value, dict):
        raise _explained(BadUpstreamAnswer(), "not an object", status)
    return Reply(status, value)


def _text(response: urllib3.BaseHTTPResponse, largest: int) -> str:
    """Return the body. Raises ValueError when it is too large, or packed in a way we did not ask for."""
    packing = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip"):
        raise ValueError("unknown packing")
    body = _Unpacked(largest) if packing == "gzip" else _Plain(largest)
    while chunk := response.read(_CHUNK, decode_content=False):
        body.add(chunk)
    return body.finish().decode("utf-8")


class _Plain:
    """Collect a body up to its largest size."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._kept = bytearray()

    def add(self, chunk: bytes) -> None:
        self._kept += chunk
        if len(self._kept) > self._largest:
            raise ValueError("too large")

    def finish(self) -> bytearray:
        return self._kept


class _Unpacked(_Plain):
    """The same for gzip: no more is ever unpacked than one byte beyond the largest size."""

    def __init__(self, largest: int) -> None:
        super().__init__(largest)
        self._gzip = zlib.decompressobj(_GZIP)

    def add(self, chunk: bytes) -> None:
        super().add(self._gzip.decompress(chunk, self._largest + 1 - len(self._kept)))
        if self._gzip.unconsumed_tail or self._gzip.unused_data:
            raise ValueError("too large")

    def finish(self) -> bytearray:
        if not self._gzip.eof:
            raise ValueError("cut off")
        return self._kept


def _cause(error: Exception) -> Exception:
    """Return what the library wrapped."""
    inner = error.args[-1] if isinstance(error, ProtocolError) and error.args else None
    return inner if isinstance(inner, Exception) else error


def _meaning(error: Exception) -> GatewayError:
    """Say what a failure after the first byte left means: an answer that makes no sense, or none."""
    garbled = isinstance(error, HTTPException) and not isinstance(error, RemoteDisconnected)
    return BadUpstreamAnswer() if garbled else UpstreamTimedOut()


def _explained(refusal: GatewayError, why: Exception | str, status: int | None = None) -> GatewayError:
    """Log one word about a failure; messages of libraries stay out, since they quote what was read."""
    kind = why if isinstance(why, str) else type(why.__cause__ or why).__name__
    _log.warning("upstream.failed", problem=refusal.code, why=kind, status=status)
    return refusal

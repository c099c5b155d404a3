"""The log of every request that reached a stand-in."""

from collections import deque
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from sandbox import clock

# A long run must not fill the memory: older requests fall out.
KEPT = 20_000
BODY_KEPT = 65_536


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold one request as it came. `raw_path` is undecoded and begins below the host's prefix."""

    id: int
    at: str
    host: str
    method: str
    raw_path: str
    query: str
    headers: dict[str, str]
    body: str


class RequestLog:
    """Remember requests in order; a bounded deque appends atomically."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._seen: deque[Seen] = deque(maxlen=KEPT)

    def add(self, host: str, prefix: str, request: Request) -> Seen:
        seen = Seen(
            id=next(self._ids),
            at=clock.now().isoformat(),
            host=host,
            method=request.method,
            raw_path=raw_path(request)[len(prefix) :],
            query=request.query_string.decode("latin-1"),
            headers=_headers(request.headers),
            body=request.get_data()[:BODY_KEPT].decode("utf-8", "replace"),
        )
        self._seen.append(seen)
        return seen

    def find(self, host: str | None, after: int) -> list[Seen]:
        return [seen for seen in list(self._seen) if seen.id > after and host in (None, seen.host)]

    def forget(self) -> None:
        self._seen.clear()


def raw_path(request: Request) -> str:
    """Answer the path as it stood on the request line: WSGI's own PATH_INFO is already decoded."""
    return urlsplit(str(request.environ.get("REQUEST_URI", request.path))).path


def _headers(headers: Headers) -> dict[str, str]:
    return {name.title(): value for name, value in headers.items()}

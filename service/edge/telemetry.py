"""Request id, access log and the headers that every answer carries."""

import time
import uuid

import structlog
from flask import Flask, Response, request

_log = structlog.get_logger("access")
_STARTED = "gateway.started"
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def install(app: Flask) -> None:
    """Give every request an id and every answer its headers and its line in the log."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    request.environ[_STARTED] = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=str(uuid.uuid4()))


def _end(response: Response) -> Response:
    for name, value in _SECURITY.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Request-Id"] = structlog.contextvars.get_contextvars().get("request_id", "")
    _write_line(response)
    return response


def _write_line(response: Response) -> None:
    """Log the template of the route, never the path: ids in it are secrets of their holders."""
    taken = time.perf_counter() - request.environ.get(_STARTED, time.perf_counter())
    _log.info(
        "request",
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        operation=request.endpoint,
        status=response.status_code,
        milliseconds=round(taken * 1000, 1),
    )

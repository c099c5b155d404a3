"""Request limits: flask-limiter, with in-process counters while Redis is away."""

import ipaddress
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.errors import RateLimitExceeded
from limits.errors import StorageError

from service.model.errors import LimitReached
from service.model.policy import LimitPolicy

# `wrap_exceptions` makes every failure of the storage a StorageError.
_TIMEOUTS: Mapping[str, Any] = {
    "socket_timeout": 0.25,
    "socket_connect_timeout": 0.25,
    "wrap_exceptions": True,
}
_bucket: ContextVar[str] = ContextVar("bucket")


@dataclass(frozen=True, slots=True)
class Limits:
    """Count a request in the caller's own bucket of one class of routes."""

    limiter: Limiter
    checks: dict[str, Callable[[], None]]

    def check(self, name: str, bucket: str) -> None:
        """Raises LimitReached with the rest of the wait."""
        _bucket.set(bucket)
        try:
            self._count(name)
        except RateLimitExceeded as error:
            raise LimitReached(self._state().rest) from error

    def _count(self, name: str) -> None:
        try:
            self.checks[name]()
        except StorageError:
            # Redis failed under two requests at once: the other one has turned the fallback on.
            self.checks[name]()

    def headers(self, response: Response) -> Response:
        """Describe the caller's own bucket in the RateLimit fields (draft-ietf-httpapi-ratelimit-headers)."""
        try:
            state = self._state()
        except StorageError:
            return response
        if state.name:
            response.headers["RateLimit-Policy"] = f'"{state.name}";q={state.quota};w={state.window}'
            response.headers["RateLimit"] = f'"{state.name}";r={state.left};t={state.rest}'
        return response

    def _state(self) -> "_State":
        limit = self.limiter.current_limit
        if limit is None:
            return _State()
        rest = max(1, limit.reset_at - int(time.time()))
        return _State(
            limit.request_args[-1],
            limit.limit.amount,
            limit.limit.get_expiry(),
            max(0, limit.remaining),
            rest,
        )


@dataclass(frozen=True, slots=True)
class _State:
    """How the caller's bucket stands; times in seconds."""

    name: str = ""
    quota: int = 0
    window: int = 0
    left: int = 0
    rest: int = 1


def address_bucket() -> str:
    """Return the caller's network: an IPv4 address, or the /48 of an IPv6 one, `::ffff:` folded."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((address, 48), strict=False))
    return str(address)


def install(app: Flask, policy: LimitPolicy, redis_url: str, fleet: int) -> Limits:
    """
    Connect flask-limiter to this app.

    Short socket time-outs and the in-memory fallback: without them a dead Redis turns
    every answer into a 500, or takes the limits away. `fleet` processes share a limit
    when each counts alone.
    """
    limiter = Limiter(
        key_func=address_bucket,
        app=app,
        storage_uri=redis_url,
        storage_options=dict(_TIMEOUTS),
        strategy="moving-window",
        in_memory_fallback_enabled=True,
        key_prefix="limit",
    )
    checks = {name: _check(limiter, name, spec, fleet) for name, spec in _classes(policy).items()}
    limits = Limits(limiter, checks)
    app.after_request(limits.headers)
    return limits


def _classes(policy: LimitPolicy) -> dict[str, str]:
    return {field.name: getattr(policy, field.name) for field in fields(policy)}


def _check(limiter: Limiter, name: str, spec: str, fleet: int) -> Callable[[], None]:
    """Return a function that counts once when called; flask-limiter limits functions, so it is one."""

    def count() -> None:
        return None

    count.__qualname__ = f"count_{name}"

    def current() -> str:
        alone = limiter._storage_dead  # noqa: SLF001  the only sign of the fallback that it gives
        return _divided(spec, fleet) if alone else spec

    decorate = limiter.shared_limit(current, scope=name, key_func=_bucket.get)
    decorated: Callable[[], None] = decorate(count)
    return decorated


def _divided(spec: str, fleet: int) -> str:
    parts = (one.split("/", 1) for one in spec.split(";"))
    return ";".join(f"{max(1, int(amount) // fleet)}/{period}" for amount, period in parts)

"""The bearer token towards Reloadly: fetched once for the whole fleet, kept sealed in SQL."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from time import monotonic

import structlog

from service.model.errors import BadUpstreamAnswer, UpstreamTimedOut, UpstreamUnavailable
from service.model.secret import Secret
from service.outbound.hosts_reloadly import Hosts
from service.outbound.http_reloadly import ANSWER_WITHIN, JsonHttp, Outgoing
from service.outbound.token_rows_sql import HeldToken, TokenRows
from service.ports import Clock, Leases, Reply

# Longer than a fetch may take, so that a lease never ends under its holder.
_LEASE = 20
_POLL = 0.25
# After a failed fetch those who queued behind it share its failure instead of trying one by one.
_PAUSE = timedelta(seconds=2)
# RFC 6750 section 2.1: what a bearer token may consist of. Nothing else may enter a header.
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*", re.ASCII)

_log = structlog.get_logger("upstream")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What Reloadly knows the company by, in one environment."""

    client_id: Secret
    client_secret: Secret


class ReloadlyTokens:
    """
    Look in memory, then in SQL, and only then ask Reloadly, under a lease of the fleet.

    `credentials` is asked at each fetch, so that files changed meanwhile are read again.
    """

    def __init__(
        self,
        hosts: Hosts,
        credentials: Callable[[], Credentials],
        http: JsonHttp,
        rows: TokenRows,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._hosts, self._credentials, self._http = hosts, credentials, http
        self._rows, self._leases, self._clock = rows, leases, clock
        self._owner = token_hex(16)
        self._held: dict[str, HeldToken] = {}
        self._failed_at: dict[str, datetime] = {}
        self._lines: dict[str, threading.Lock] = {}
        self._pause = threading.Event()

    def token(self, product: str, until: float) -> Secret:
        """
        Return a token; one that ends soon serves on while no new one can be had.

        Waits until `until`, by the monotonic clock, at most. Raises UpstreamUnavailable.
        """
        now = self._clock.now()
        held = self._held.get(product)
        if held and held.is_fresh(now):
            return held.token
        try:
            return self._other(product, None, until)
        except UpstreamUnavailable:
            if held and now < held.expires_at:
                return held.token
            raise

    def refused(self, product: str, token: Secret, until: float) -> Secret:
        """
        Return another token than the refused one; one fetch however many ask.

        Raises UpstreamUnavailable.
        """
        return self._other(product, token, until)

    def _other(self, product: str, refused: Secret | None, until: float) -> Secret:
        with self._line(product, until):
            known = self._known(product, refused)
            if known is None:
                self._check_pause(product)
                known = self._shared_fetch(product, refused, until)
            self._held[product] = known
            return known.token

    @contextmanager
    def _line(self, product: str, until: float) -> Iterator[None]:
        """Let one thread of this process at a time look for a product's token."""
        lock = self._lines.setdefault(product, threading.Lock())
        if not lock.acquire(timeout=_left(until)):
            raise UpstreamUnavailable
        try:
            yield
        finally:
            lock.release()

    def _known(self, product: str, refused: Secret | None) -> HeldToken | None:
        now = self._clock.now()
        held = self._held.get(product)
        if held and held.serves(refused, now):
            return held
        row = self._rows.read(self._hosts.token_name(product))
        return row if row and row.serves(refused, now) else None

    def _check_pause(self, product: str) -> None:
        failed_at = self._failed_at.get(product)
        if failed_at and self._clock.now() < failed_at + _PAUSE:
            raise UpstreamUnavailable

    def _shared_fetch(self, product: str, refused: Secret | None, until: float) -> HeldToken:
        """Fetch under the lease, or wait for what its holder brings."""
        lease = f"token:{self._hosts.token_name(product)}"
        end = monotonic() + _left(until)
        while monotonic() < end:
            if self._leases.claim(lease, self._owner, self._clock.now(), _LEASE):
                return self._leased_fetch(product, refused, lease, until)
            self._pause.wait(_POLL)
            known = self._known(product, refused)
            if known:
                return known
        raise UpstreamUnavailable

    def _leased_fetch(self, product: str, refused: Secret | None, lease: str, until: float) -> HeldToken:
        try:
            # Another process may have brought one between our look and our lease.
            return self._known(product, refused) or self._fetch(product, until)
        finally:
            self._leases.claim(lease, self._owner, self._clock.now(), 0)

    def _fetch(self, product: str, until: float) -> HeldToken:
        asked_at = self._clock.now()
        try:
            held = _read(self._ask(product, until), asked_at)
        except (UpstreamUnavailable, UpstreamTimedOut, BadUpstreamAnswer):
            self._failed_at[product] = self._clock.now()
            raise UpstreamUnavailable from None
        self._rows.store(self._hosts.token_name(product), held)
        return held

    def _ask(self, product: str, until: float) -> Reply:
        credentials = self._credentials()
        body = {
            "client_id": credentials.client_id.value,
            "client_secret": credentials.client_secret.value,
            "grant_type": "client_credentials",
            "audience": self._hosts.audience(product),
        }
        headers = {"Accept": "application/json"}
        outgoing = Outgoing("POST", f"{self._hosts.auth}/oauth/token", headers, body)
        return self._http.send(outgoing, _left(until))


def _read(reply: Reply, asked_at: datetime) -> HeldToken:
    """Read the token service's answer. Raises UpstreamUnavailable, which never quotes it."""
    body = reply.body if isinstance(reply.body, dict) else {}
    token, life = body.get("access_token"), str(body.get("expires_in"))
    usable = isinstance(token, str) and _BEARER.fullmatch(token) and re.fullmatch(r"[1-9][0-9]{0,8}", life)
    if reply.status != 200 or not usable:
        code = body.get("errorCode")
        known = code if code in ("INVALID_CREDENTIALS", "INVALID_AUDIENCE") else None
        _log.error("upstream.no_token", status=reply.status, code=known)
        raise UpstreamUnavailable
    return HeldToken(Secret(str(token)), asked_at, asked_at + timedelta(seconds=int(life)))


def _left(until: float) -> float:
    """Return the seconds that are left, never more than a fetch may take."""
    return min(ANSWER_WITHIN, max(0.0, until - monotonic()))

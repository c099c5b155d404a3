"""Signed callbacks, as Reloadly and Twilio send them, and wrongly signed ones."""

import hashlib
import hmac
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Literal
from urllib.parse import urlencode

import urllib3
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as validated
from twilio.request_validator import RequestValidator

from sandbox import clock, exact
from sandbox.exact import Json
from sandbox.reloadly.topups import envelope
from sandbox.state import State

REPLY_KEPT = 2000
TIMEOUT = 10.0


@validated(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Callback:
    """Hold what to send where.

    Reloadly: `transaction_id` (the body is then its status envelope) or a whole `body`. Twilio: `fields`,
    or `sid` and `status`. `timestamp` is in milliseconds; `signed_url` is the address that Twilio believes
    it calls, where that differs from `url`.
    """

    host: Literal["reloadly", "twilio"]
    url: str
    transaction_id: int | None = None
    event: str = "airtime_transaction.status"
    body: dict[str, object] | str | None = None
    sid: str | None = None
    status: str = "delivered"
    error_code: int | None = None
    fields: dict[str, str] = field(default_factory=dict)
    signature: Literal["right", "wrong", "missing"] = "right"
    timestamp: int | None = None
    signed_url: str | None = None
    secret: str | None = None
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Letter:
    """Hold a callback that is ready to be posted, the same each time."""

    body: bytes
    headers: dict[str, str]


def parse(data: object) -> Callback:
    """Read a callback from JSON. Raises ValueError (pydantic's) for anything unknown."""
    return TypeAdapter(Callback).validate_python(data)


def send(callback: Callback, state: State) -> list[Json]:
    """Post a callback as often as it says and answer what was replied. Raises ValueError, HTTPError."""
    letter = _reloadly(callback, state) if callback.host == "reloadly" else _twilio(callback, state)
    with urllib3.PoolManager(retries=False, timeout=TIMEOUT) as pool:
        return [_post(pool, callback.url, letter) for _ in range(callback.repeat)]


def reloadly_signature(secret: str, body: bytes, timestamp: str) -> str:
    """Sign as Reloadly does: hex HMAC-SHA256 over the body, a colon and the timestamp header."""
    return hmac.new(secret.encode(), body + b":" + timestamp.encode(), hashlib.sha256).hexdigest()


def twilio_signature(secret: str, url: str, fields: dict[str, str]) -> str:
    return str(RequestValidator(secret).compute_signature(url, fields))


def _reloadly(callback: Callback, state: State) -> Letter:
    raw = callback.body if callback.body is not None else _event(callback, state)
    body = (raw if isinstance(raw, str) else exact.write(raw)).encode()
    timestamp = str(callback.timestamp or clock.milliseconds(clock.now()))
    secret = callback.secret or state.credentials.webhook_secret
    signature = reloadly_signature(secret, body, timestamp)
    headers = {"Content-Type": "application/json", "X-Reloadly-Request-Timestamp": timestamp}
    return Letter(body, headers | _signed("X-Reloadly-Signature", signature, callback))


def _event(callback: Callback, state: State) -> Json:
    with state.lock:
        topup = state.book.get(callback.transaction_id or 0)
    if topup is None:
        raise ValueError("there is no transaction with this transaction_id")
    return {"type": callback.event, "data": envelope(topup)}


def _twilio(callback: Callback, state: State) -> Letter:
    fields = callback.fields or _status_fields(callback, state)
    secret = callback.secret or state.credentials.twilio_secret
    signature = twilio_signature(secret, callback.signed_url or callback.url, fields)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Letter(urlencode(fields).encode(), headers | _signed("X-Twilio-Signature", signature, callback))


def _status_fields(callback: Callback, state: State) -> dict[str, str]:
    """Word a status callback about a text in the outbox."""
    text = state.texts.by_sid(callback.sid or "")
    if text is None:
        raise ValueError("there is no text with this sid")
    kind = "Call" if text.channel == "call" else "Message"
    fields = {
        f"{kind}Sid": text.sid,
        f"{kind}Status": callback.status,
        "AccountSid": text.account_sid,
        "To": text.to,
        "From": text.sender or "",
        "ApiVersion": "2010-04-01",
    }
    return fields | ({"ErrorCode": str(callback.error_code)} if callback.error_code else {})


def _signed(name: str, signature: str, callback: Callback) -> dict[str, str]:
    values = {"right": signature, "wrong": token_hex(32), "missing": None}
    value = values[callback.signature]
    return {name: value} if value else {}


def _post(pool: urllib3.PoolManager, url: str, letter: Letter) -> Json:
    reply = pool.request("POST", url, body=letter.body, headers=letter.headers, redirect=False)
    return {"status": reply.status, "body": reply.data[:REPLY_KEPT].decode("utf-8", "replace")}

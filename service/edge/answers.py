"""Answer shapes, named as in openapi.yaml."""

import math
from datetime import datetime

from service.edge.jsons import instant
from service.model.authenticator import Authenticator
from service.model.challenge import Challenge, DeliveryStatus, Purpose
from service.model.money import plain
from service.model.operation import Operation, Status, poll_after
from service.model.session import Tokens
from service.model.subscriber import Subscriber


def challenge_body(challenge: Challenge, now: datetime) -> dict[str, object]:
    """Return a Challenge; before a proof it shows nothing but functions of the request."""
    return {
        "challenge_id": challenge.challenge_id,
        "purpose": challenge.purpose,
        "methods": list(challenge.methods),
        "channels": [challenge.delivery.channel],
        "delivery": _delivery(challenge),
        "phone_hint": challenge.phone.hint,
        "code_length": challenge.code_digits,
        "attempts_left": challenge.attempts_left,
        "expires_at": instant(challenge.expires_at),
        "expires_in": _seconds(challenge.expires_at, now),
        "resend_in": _wait(challenge.resend_at, now),
        "server_time": instant(now),
    }


def _delivery(challenge: Challenge) -> dict[str, object]:
    delivery = challenge.delivery
    # Whether a text left, or failed, would tell a stranger that the number has an account.
    unproved = challenge.purpose is Purpose.SIGN_UP
    status = DeliveryStatus.QUEUED if unproved and challenge.text_queued else delivery.status
    body: dict[str, object] = {"channel": delivery.channel, "status": status}
    return body if unproved or delivery.reason is None else {**body, "reason": delivery.reason}


def _seconds(until: datetime, now: datetime) -> int:
    return max(0, int((until - now).total_seconds()))


def _wait(until: datetime | None, now: datetime) -> int:
    """Round up: who asks again that many seconds later is never too early."""
    return max(0, math.ceil((until - now).total_seconds())) if until else 0


def tokens_body(tokens: Tokens) -> dict[str, object]:
    """Return Tokens."""
    body: dict[str, object] = {
        "token_type": "Bearer",
        "access_token": tokens.access_token.value,
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token.value,
        "refresh_expires_in": tokens.refresh_expires_in,
        "session_id": tokens.session_id,
        "scope": tokens.scope,
        "server_time": instant(tokens.server_time),
    }
    return {**body, "device_token": tokens.device_token.value} if tokens.device_token else body


def authenticator_body(authenticator: Authenticator) -> dict[str, object]:
    """Return an Authenticator."""
    body: dict[str, object] = {
        "authenticator_id": authenticator.authenticator_id,
        "kind": authenticator.kind,
        "status": authenticator.state,
        "created_at": instant(authenticator.created_at),
    }
    if authenticator.phone:
        body["phone_hint"] = authenticator.phone.hint
    if authenticator.confirmed_at:
        body["confirmed_at"] = instant(authenticator.confirmed_at)
    return body


def subscriber_body(subscriber: Subscriber) -> dict[str, object]:
    """Return a Subscriber."""
    return {
        "subscriber_id": subscriber.subscriber_id,
        "phone_hint": subscriber.phone.hint,
        "locale": subscriber.locale,
        "authenticators": [authenticator_body(one) for one in subscriber.authenticators],
    }


def operation_body(operation: Operation, now: datetime) -> dict[str, object]:
    """Return an Operation in our own shape: amounts are decimal strings."""
    body: dict[str, object] = {
        "operation_id": operation.operation_id,
        "status": operation.status,
        "settled": operation.is_settled,
        "product": operation.request.product,
        "action": operation.action,
        "summary": operation.summary,
        "amount": plain(operation.delivered.amount),
        "currency": operation.delivered.currency,
        "cost": plain(operation.cost.amount),
        "cost_currency": operation.cost.currency,
        "created_at": instant(operation.created_at),
        "updated_at": instant(operation.updated_at),
        "poll_after": poll_after(operation, now),
    }
    return {**body, **_where_known(operation, now)}


def _where_known(operation: Operation, now: datetime) -> dict[str, object]:
    known: dict[str, object] = {}
    if operation.client_reference:
        known["client_reference"] = operation.client_reference
    if operation.status is Status.AWAITING_APPROVAL:
        known["expires_at"] = instant(operation.expires_at)
        if operation.challenge:
            known["challenge"] = challenge_body(operation.challenge, now)
    if operation.reply:
        known["reply"] = dict(operation.reply)
    if operation.failure:
        known["problem"] = {"errorCode": operation.failure.code, "message": operation.failure.detail}
    return known

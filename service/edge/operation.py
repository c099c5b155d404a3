"""Money calls the native way: draft, approve, watch, cancel."""

import base64
import re
from datetime import UTC, datetime, timedelta

from flask import Response, request

from service.edge.answers import operation_body
from service.edge.bodies import ApproveOperation, DraftTopUp
from service.edge.jsons import answer
from service.flows import Gateway
from service.model.challenge import Method
from service.model.errors import BadRequest, IdempotencyKeyMissing
from service.model.money import parse_amount
from service.model.operation import IDENTIFIER_LENGTH, Cursor, Key, Operation
from service.model.phone import parse_phone
from service.model.session import Session
from service.model.topup import Wish

_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE, _LARGEST_PAGE = 50, 200


def draft_top_up(gateway: Gateway, session: Session, body: DraftTopUp) -> Response:
    """Draft a top-up, or show the one this key stands for: 201 when new, 200 on a repeat."""
    wish = Wish(
        operator_id=body.operator_id,
        amount=parse_amount(body.amount),
        recipient=parse_phone(body.recipient_phone),
        sender=parse_phone(body.sender_phone) if body.sender_phone else None,
        currency=body.currency,
    )
    drafted = gateway.draft_top_up(session, wish, read_key(body.client_reference), body.client_reference)
    return _told(gateway, drafted.operation, 201 if drafted.is_new else 200)


def read_key(reference: str | None) -> Key:
    """Return the idempotency key: the header's, else the body's identifier. Raises IdempotencyKeyMissing."""
    header = request.headers.get("Idempotency-Key")
    if header is not None:
        if not _KEY.fullmatch(header):
            raise BadRequest("The Idempotency-Key is 1 to 255 visible ASCII characters.")
        return Key(header, from_header=True)
    if reference is None:
        raise IdempotencyKeyMissing
    return Key(reference, from_header=False)


def show(gateway: Gateway, session: Session, operation_id: str) -> Response:
    """Show what became of an operation."""
    return _told(gateway, gateway.show_operation(session, operation_id), 200)


def approve(gateway: Gateway, session: Session, body: ApproveOperation, operation_id: str) -> Response:
    """Take the code that approves this operation: 200 when settled, 202 while it is under way."""
    operation = gateway.approve_operation(session, operation_id, Method(body.method), body.code)
    return _told(gateway, operation, 200 if operation.is_settled else 202)


def cancel(gateway: Gateway, session: Session, operation_id: str) -> Response:
    """Close an operation that waits."""
    return _told(gateway, gateway.cancel_operation(session, operation_id), 200)


def listed(gateway: Gateway, session: Session) -> Response:
    """List the caller's operations, newest first, a page at a time."""
    limit, before = _page()
    found = gateway.list_operations(session, before, limit + 1)
    page, more = found[:limit], len(found) > limit
    now = gateway.clock.now()
    cursor = _write_cursor(page[-1]) if more else None
    return answer({"items": [operation_body(one, now) for one in page], "next_cursor": cursor})


def _page() -> tuple[int, Cursor | None]:
    limit = request.args.get("limit", str(_PAGE))
    if not re.fullmatch(r"[0-9]{1,3}", limit, re.ASCII) or not 1 <= int(limit) <= _LARGEST_PAGE:
        raise BadRequest(f"The limit is a whole number from 1 to {_LARGEST_PAGE}.")
    cursor = request.args.get("cursor")
    return int(limit), _read_cursor(cursor) if cursor is not None else None


def _write_cursor(last: Operation) -> str:
    micros = (last.created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(micros.to_bytes(8) + last.operation_id.encode()).decode().rstrip("=")


def _read_cursor(text: str) -> Cursor:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        at = _EPOCH + timedelta(microseconds=int.from_bytes(raw[:8]))
        cursor = Cursor(at, raw[8:].decode("ascii"))
    except (ValueError, OverflowError) as error:
        raise BadRequest("The cursor is not one of ours.") from error
    if len(cursor.operation_id) != IDENTIFIER_LENGTH:
        raise BadRequest("The cursor is not one of ours.")
    return cursor


def _told(gateway: Gateway, operation: Operation, status: int) -> Response:
    response = answer(operation_body(operation, gateway.clock.now()), status)
    return described(response, operation)


def described(response: Response, operation: Operation) -> Response:
    """Name the operation in the headers, where a client of either way finds it."""
    response.headers["Operation-Id"] = operation.operation_id
    response.headers["Operation-Status"] = operation.status
    response.headers["Location"] = f"/v1/operations/{operation.operation_id}"
    return response

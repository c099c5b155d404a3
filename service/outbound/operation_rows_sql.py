"""Operations as rows: what is sealed, and how a row becomes a value again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import simplejson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from service.model.challenge import Challenge
from service.model.money import Money, amount_text
from service.model.operation import Failure, Key, Operation, Outcome, Request, Status, may_become
from service.outbound.challenges_sql import row_to_challenge
from service.outbound.schema_sql import challenges, operations
from service.ports import Seal


def operation_row(operation: Operation, seal: Seal) -> dict[str, object]:
    """Return every column of a draft; the phone numbers in it are sealed."""
    name, request = operation.operation_id, operation.request
    return {
        "id": name,
        "subscriber_id": operation.subscriber_id,
        "session_id": operation.session_id,
        "challenge_id": operation.challenge.challenge_id if operation.challenge else None,
        "key": operation.key.scoped,
        "client_reference": operation.client_reference,
        "reference_held": operation.client_reference,
        "product": request.product,
        "action": operation.action,
        "environment": request.environment,
        "rule": request.rule,
        "request_sealed": seal.seal(_dump(request.body), _place("request_sealed", name)),
        "summary_sealed": seal.seal(operation.summary, _place("summary_sealed", name)),
        "amount": amount_text(operation.delivered.amount),
        "currency": operation.delivered.currency,
        "cost": amount_text(operation.cost.amount),
        "cost_currency": operation.cost.currency,
        "status": operation.status.value,
        "created_at": operation.created_at,
        "updated_at": operation.updated_at,
        "expires_at": operation.expires_at,
        "looks": 0,
        "not_found": 0,
    }


def move(operation_id: str, status: Status, now: datetime) -> sa.Update:
    """Start the statement of one transition; its guard is the states it may come from."""
    sources = [source.value for source in may_become(status)]
    return (
        sa.update(operations)
        .where(operations.c.id == operation_id, operations.c.status.in_(sources))
        .values(status=status.value, updated_at=now)
    )


def outcome_values(operation_id: str, outcome: Outcome, seal: Seal) -> dict[str, object]:
    """Return the columns that an outcome has something to say about; the others keep what they hold."""
    failure = outcome.failure
    values: dict[str, object] = {
        "status": outcome.status.value,
        "failure_code": failure.code[:80] if failure else None,
        "failure_detail": failure.detail[:300] if failure else None,
    }
    if outcome.upstream_id is not None:
        values["upstream_id"] = outcome.upstream_id
    if outcome.reply is not None:
        values["reply_sealed"] = seal.seal(_dump(outcome.reply), _place("reply_sealed", operation_id))
    return values


def read_operations(connection: Connection, query: sa.Select[Any], seal: Seal) -> Sequence[Operation]:
    """
    Return the operations that a query over the whole table selects, in its order.

    Only one that awaits approval carries its challenge, as nothing else can be done with it.
    """
    rows = connection.execute(query).all()
    asked = [row.challenge_id for row in rows if row.challenge_id and _awaits(row)]
    found = _challenges(connection, asked, seal) if asked else {}
    return [row_to_operation(row, seal, found.get(row.challenge_id)) for row in rows]


def row_to_operation(row: sa.Row[Any], seal: Seal, challenge: Challenge | None) -> Operation:
    """Return the operation of a row that has every column of the table."""
    return Operation(
        operation_id=row.id,
        subscriber_id=row.subscriber_id,
        session_id=row.session_id,
        key=_key(row.key),
        request=_request(row, seal),
        action=row.action,
        status=Status(row.status),
        summary=_open(row, "summary_sealed", seal),
        delivered=Money(Decimal(row.amount), row.currency),
        cost=Money(Decimal(row.cost), row.cost_currency),
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        client_reference=row.client_reference,
        challenge=challenge,
        upstream_id=row.upstream_id,
        reply=_load(_open(row, "reply_sealed", seal)) if row.reply_sealed else None,
        failure=Failure(row.failure_code, row.failure_detail or "") if row.failure_code else None,
        approved_at=row.approved_at,
        sending_at=row.sending_at,
        looks=row.looks,
        not_found=row.not_found,
    )


def _awaits(row: sa.Row[Any]) -> bool:
    return bool(row.status == Status.AWAITING_APPROVAL.value)


def _challenges(connection: Connection, ids: Sequence[str], seal: Seal) -> dict[str, Challenge]:
    rows = connection.execute(sa.select(challenges).where(challenges.c.id.in_(ids)))
    return {row.id: row_to_challenge(row, seal) for row in rows}


def _request(row: sa.Row[Any], seal: Seal) -> Request:
    body = _load(_open(row, "request_sealed", seal))
    return Request(row.product, row.environment, row.rule, body)


def _key(scoped: str) -> Key:
    scope, _, text = scoped.partition(":")
    return Key(text, from_header=scope == "h")


def _open(row: sa.Row[Any], column: str, seal: Seal) -> str:
    return seal.open(bytes(getattr(row, column)), _place(column, row.id)).value


def _place(column: str, operation_id: str) -> str:
    return f"{operations.name}.{column}/{operation_id}"


def _dump(value: Mapping[str, object]) -> str:
    return simplejson.dumps(value, use_decimal=True, separators=(",", ":"))


def _load(text: str) -> dict[str, object]:
    loaded: dict[str, object] = simplejson.loads(text, use_decimal=True)
    return loaded

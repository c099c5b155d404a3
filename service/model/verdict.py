"""What Reloadly's answer to a purchase means: final, accepted, or not to be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from service.model.catalogue import Rule
from service.model.operation import Failure, Operation, Outcome, Status

# A 401 with one of these proves that nothing ran, so that one repeat is safe, for a purchase too.
REFUSED_TOKEN = frozenset({"INVALID_TOKEN", "TOKEN_EXPIRED", "MISSING_TOKEN"})
_EMPTY_WALLET = frozenset({"INSUFFICIENT_BALANCE", "INSUFFICIENT_WALLET_BALANCE"})
_STATUS = {
    "SUCCESSFUL": Status.SUCCEEDED,
    "PROCESSING": Status.ACCEPTED,
    "PENDING": Status.ACCEPTED,
    "REFUNDED": Status.REFUNDED,
    "FAILED": Status.FAILED,
}
_WORDS = {
    "PHONE_RECENTLY_RECHARGED": "This number was topped up a moment ago. Wait two minutes.",
    "INVALID_RECIPIENT_PHONE": "The operator does not know this number.",
    "OPERATOR_AND_RECIPIENT_PHONE_MISMATCH": "The number belongs to another operator.",
    "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE": "The operator is not in service right now.",
}
NEVER_SENT = Failure("NOT_SENT", "The provider could not be reached; nothing was sent.")
NOT_EXECUTED = Failure("NOT_EXECUTED", "The provider did not carry this out; nothing was charged.")
REVERSED = Failure("REFUNDED", "The operator did not deliver this; the charge was returned.")
UNCLEAR = Outcome(Status.UNCLEAR)


def judge_answer(operation: Operation, rule: Rule, status: int, body: object) -> Outcome:
    """Return what the answer to a purchase makes of its operation. Anything not definite is unclear."""
    if not isinstance(body, Mapping):
        return UNCLEAR
    code = body.get("errorCode")
    if 200 <= status < 300 and code is None:
        return judge_transaction(operation, body)
    if not isinstance(code, str):
        return UNCLEAR
    if status == 401 and code in REFUSED_TOKEN:
        return Outcome(Status.FAILED, failure=NEVER_SENT)
    return Outcome(Status.FAILED, failure=_failure(code)) if rule.is_definite(status, code) else UNCLEAR


def judge_transaction(operation: Operation, row: Mapping[str, object]) -> Outcome:
    """Return what a transaction row says, once it is shown to be this operation's."""
    if not is_of(operation, row):
        return UNCLEAR
    # Rows of 2021 lack the status; one with an identifier and no status is followed up by its id.
    status = _STATUS.get(str(row.get("status", "PROCESSING")), Status.UNCLEAR)
    upstream_id = _whole(row.get("transactionId"))
    if status is Status.UNCLEAR or upstream_id is None:
        return UNCLEAR
    failure = {Status.REFUNDED: REVERSED, Status.FAILED: NOT_EXECUTED}.get(status)
    return Outcome(status, upstream_id, row, failure)


def judge_rows(operation: Operation, rows: Sequence[Mapping[str, object]]) -> Outcome:
    """
    Return what all rows under one identifier say together.

    Whatever was delivered counts; then what may still be; a row that does not match makes
    the rest no evidence of failure.
    """
    outcomes = [judge_transaction(operation, row) for row in rows]
    order = (Status.SUCCEEDED, Status.ACCEPTED, Status.UNCLEAR, Status.REFUNDED, Status.FAILED)
    return min(outcomes, key=lambda outcome: order.index(outcome.status))


def judge_status(operation: Operation, envelope: Mapping[str, object]) -> Outcome:
    """
    Return what the status envelope of an accepted top-up says.

    Its transaction may be null; a success without one proves nothing yet and is UNCLEAR.
    """
    status = _STATUS.get(str(envelope.get("status")), Status.UNCLEAR)
    row = envelope.get("transaction")
    if isinstance(row, Mapping):
        return judge_transaction(operation, {"status": envelope.get("status"), **row})
    if status in (Status.REFUNDED, Status.FAILED):
        failure = REVERSED if status is Status.REFUNDED else NOT_EXECUTED
        return Outcome(status, operation.upstream_id, failure=failure)
    return UNCLEAR if status is Status.SUCCEEDED else Outcome(Status.ACCEPTED, operation.upstream_id)


def is_of(operation: Operation, row: Mapping[str, object]) -> bool:
    """
    Say whether a row tells of exactly what was approved.

    The identifier is compared exactly, since Reloadly's own search ignores case; the
    recipient, the operator and the amount must be those that were sent.
    """
    request = operation.request.body
    asked = Decimal(str(request["amount"]))
    shown = row.get("requestedAmount")
    phone = request.get("recipientPhone")
    number = phone.get("number") if isinstance(phone, Mapping) else None
    return (
        row.get("customIdentifier") == operation.operation_id
        and str(row.get("operatorId")) == str(request["operatorId"])
        and _digits(row.get("recipientPhone")) == _digits(number)
        and isinstance(shown, int | Decimal)
        and Decimal(shown) == asked
        and row.get("requestedAmountCurrencyCode") == _currency(operation)
    )


def permitted(outcome: Outcome, rule: Rule) -> Outcome:
    """Return the outcome with only what the subscriber may see: no balance enters our rows."""
    filtered = rule.answer.filter(outcome.reply)
    return replace(outcome, reply=filtered if isinstance(filtered, dict) else None)


def is_wallet_empty(body: object) -> bool:
    """Say whether the company, not the subscriber, has a problem."""
    code = body.get("errorCode") if isinstance(body, Mapping) else None
    return isinstance(code, str) and code in _EMPTY_WALLET


def _failure(code: str) -> Failure:
    if code in _EMPTY_WALLET:
        return Failure("TEMPORARILY_UNAVAILABLE", "This is not possible right now. Try again later.")
    return Failure(code, _WORDS.get(code, "The provider refused this."))


def _whole(value: object) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
    return value if isinstance(value, int) and fits else None


def _currency(operation: Operation) -> str:
    """Return the money in which the amount was asked for."""
    local = operation.request.body["useLocalAmount"] is True
    return operation.delivered.currency if local else operation.cost.currency


def _digits(value: object) -> str:
    return str(value or "").removeprefix("+")

"""A top-up order: read from a request's body and held against the operator's rules."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sandbox.exact import Json
from sandbox.reloadly.catalogue import Catalogue
from sandbox.reloadly.errors import Refusal, invalid_input
from sandbox.reloadly.operator import Operator
from sandbox.reloadly.phones import read_phone

LONGEST_IDENTIFIER = 150
NAUTA_OPERATOR = 683
NAUTA_ADDRESS = re.compile(r"[^@\s]+@nauta\.(com|co)\.cu")

# Raised before any attempt, and also the real answer to an operator number that does not exist.
UNAVAILABLE = Refusal(
    503, "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE", "The operator is currently unavailable or inactive"
)


@dataclass(frozen=True, slots=True)
class Order:
    """Hold a valid order; `recipient` is international digits, or an e-mail address for Nauta."""

    operator: Operator
    amount: Decimal
    local: bool
    recipient: str
    email: str | None
    sender: str | None
    identifier: str | None

    @property
    def currency(self) -> str:
        return self.operator.currency if self.local else "USD"


def read_identifier(body: Json) -> str | None:
    """Read customIdentifier; an empty one counts as none. Raises Refusal."""
    identifier = body.get("customIdentifier")
    if identifier in (None, ""):
        return None
    if len(str(identifier)) > LONGEST_IDENTIFIER:
        raise invalid_input("customIdentifier", f"must not exceed {LONGEST_IDENTIFIER} characters")
    return str(identifier)


def read_order(body: Json, catalogue: Catalogue) -> Order:
    """Read an order in the sequence in which the real host complains. Raises Refusal."""
    for name in ("operatorId", "amount"):
        if body.get(name) in (None, ""):
            raise invalid_input(name, "must be provided")
    operator = find_operator(body["operatorId"], catalogue)
    local = body.get("useLocalAmount") in (True, "true")
    amount = read_amount(body["amount"])
    email = _read_email(body, operator)
    recipient = email or _read_recipient(body, operator)
    sender = read_phone(body, "senderPhone", "INVALID_SENDER_PHONE")[1] if body.get("senderPhone") else None
    _check_amount(operator, amount, local=local)
    return Order(operator, amount, local, recipient, email, sender, read_identifier(body))


def find_operator(number: object, catalogue: Catalogue) -> Operator:
    """Answer an operator that can be ordered from. Raises Refusal."""
    operator = catalogue.operators.get(int(str(number))) if str(number).isdecimal() else None
    if operator is None or operator.status != "ACTIVE":
        raise UNAVAILABLE
    return operator


def read_amount(value: object) -> Decimal:
    """Read an amount from a JSON number or a numeral in a string. Raises Refusal."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise Refusal(400, "INVALID_AMOUNT", "The amount provided is not a number") from None
    if not amount.is_finite() or amount <= 0:
        raise invalid_input("amount", "must be greater than zero")
    return amount


def _read_email(body: Json, operator: Operator) -> str | None:
    if operator.id != NAUTA_OPERATOR:
        return None
    email = str(body.get("recipientEmail") or "")
    if not NAUTA_ADDRESS.fullmatch(email):
        raise invalid_input("recipientEmail", "must be an address of nauta.com.cu or nauta.co.cu")
    return email


def _read_recipient(body: Json, operator: Operator) -> str:
    country, digits = read_phone(body, "recipientPhone", "INVALID_RECIPIENT_PHONE")
    # Only the country is held against the operator: the real sandbox does not compare the prefix.
    if country != operator.country:
        message = "The recipient phone number does not belong to the country of the operator"
        raise Refusal(400, "INVALID_RECIPIENT_PHONE", message)
    return digits


def _check_amount(operator: Operator, amount: Decimal, *, local: bool) -> None:
    if local and not operator.supports_local_amounts:
        message = "Local amounts are not supported by the operator"
        raise Refusal(400, "LOCAL_AMOUNTS_NOT_SUPPORTED_BY_OPERATOR", message)
    low, high = (operator.local_range if local else operator.range) or (Decimal(0), Decimal(0))
    if amount in operator.fixed or low <= amount <= high:
        return
    code = "INVALID_LOCAL_AMOUNT_FOR_OPERATOR" if local else "INVALID_AMOUNT_FOR_OPERATOR"
    raise Refusal(400, code, _limits(operator, low, high, operator.currency if local else "USD"))


def _limits(operator: Operator, low: Decimal, high: Decimal, currency: str) -> str:
    if operator.fixed:
        choices = ", ".join(str(amount) for amount in operator.fixed)
        return f"Invalid amount for the operator: it must be one of {choices} USD"
    return f"Invalid amount for the operator: minimum {low} {currency}, maximum {high} {currency}"

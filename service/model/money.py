"""Amounts: decimal, with a currency, in one canonical form; never a binary float."""

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation

from service.model.errors import BadRequest

_LARGEST = Decimal(1_000_000_000)
_FINEST = -5


@dataclass(frozen=True, slots=True)
class Money:
    """An amount and its ISO 4217 code."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.currency}"


def parse_amount(value: object) -> Decimal:
    """
    Return the one form of an amount written as a JSON number or a decimal string.

    `5`, `5.0` and `"5.00"` are one amount. Zero, negatives, NaN, infinities, more than
    five decimals and more than nine digits before them raise BadRequest.
    """
    amount = _decimal(value)
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or not _FINEST <= exponent <= 0 or not 0 < amount < _LARGEST:
        raise _not_an_amount()
    return canonical(amount)


def _not_an_amount() -> BadRequest:
    words = "a positive decimal with at most five decimals"
    return BadRequest("The amount is not an amount.", errors=[{"pointer": "/amount", "detail": words}])


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise _not_an_amount()
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,5})?", value, re.ASCII):
        raise _not_an_amount()
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise _not_an_amount() from error


def canonical(amount: Decimal) -> Decimal:
    """Return the same value without trailing zeros and without an exponent."""
    short = amount.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short


def amount_text(amount: Decimal) -> str:
    """Write an amount as the canonical decimal string of a request body."""
    return format(canonical(amount), "f")


def plain(amount: Decimal) -> str:
    """Write an amount for people and for our own shapes: two decimals at least, no exponent."""
    exponent = amount.as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{amount:.{places}f}"


def rounded_up(amount: Decimal) -> Decimal:
    """Return a cost in whole cents, at the public rate at least; the company's fees are not in it."""
    return amount.quantize(Decimal("0.01"), rounding=ROUND_CEILING)


def rounded_down(amount: Decimal) -> Decimal:
    """Return what arrives in whole cents: never more than the rate gives."""
    return canonical(amount.quantize(Decimal("0.01"), rounding=ROUND_FLOOR))

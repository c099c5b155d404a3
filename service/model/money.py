"""Amounts: decimal, with a currency, in one canonical form; never a binary float."""

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from service.model.errors import BadAmount

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
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
    five decimals and more than nine digits before them raise BadAmount.
    """
    amount = _decimal(value)
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or not _FINEST <= exponent <= 0 or not 0 < amount < _LARGEST:
        raise BadAmount("Write the amount as a positive decimal with at most five decimals.")
    return canonical(amount)


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise BadAmount("Write the amount as a decimal.")
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,5})?", value, re.ASCII):
        raise BadAmount("Write the amount as a positive decimal with at most five decimals.")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise BadAmount("Write the amount as a decimal.") from error


def canonical(amount: Decimal) -> Decimal:
    """Return the same value without trailing zeros and without an exponent."""
    short = amount.normalize()
    return short.quantize(Decimal(1)) if short.as_tuple().exponent > 0 else short  # type: ignore[operator]


def plain(amount: Decimal) -> str:
    """Write an amount for people and for our own shapes: two decimals at least, no exponent."""
    exponent = amount.as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{amount:.{places}f}"


def rounded_up(amount: Decimal) -> Decimal:
    """Return the amount in whole cents, in nobody's favour but the cap's."""
    return amount.quantize(Decimal("0.01"), rounding=ROUND_CEILING)


def check_currency(text: str) -> str:
    """Return an ISO 4217 code as it was written. Raises BadAmount."""
    if not _CURRENCY.fullmatch(text):
        raise BadAmount("Write the currency as three capital letters.")
    return text

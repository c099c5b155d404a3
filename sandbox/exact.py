"""JSON whose numbers are Decimals, with their scale kept, both ways."""

from decimal import ROUND_HALF_UP, Decimal
from typing import TypeAlias

import simplejson
from flask import Response

Json: TypeAlias = dict[str, object]

FIVE_PLACES = Decimal("0.00001")


def read(text: str | bytes) -> object:
    """Parse JSON; a number with a point becomes a Decimal. Raises ValueError."""
    parsed: object = simplejson.loads(text, use_decimal=True)
    return parsed


def read_object(text: str | bytes) -> Json:
    """Parse a JSON object; an empty text is an empty object. Raises ValueError."""
    parsed = read(text or b"{}")
    if not isinstance(parsed, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - a mistake in the text
    return parsed


def write(value: object) -> str:
    return simplejson.dumps(value, use_decimal=True, ensure_ascii=False, separators=(",", ":"))


def answer(value: object, status: int = 200) -> Response:
    return Response(write(value), status, mimetype="application/json")


def to_five_places(amount: Decimal) -> Decimal:
    return amount.quantize(FIVE_PLACES, ROUND_HALF_UP)


def without_trailing_zeros(amount: Decimal) -> Decimal:
    """Drop zeros behind the point, as balances and costs are written, and never use an exponent for it."""
    text = format(amount, "f")
    return Decimal(text.rstrip("0").rstrip(".")) if "." in text else Decimal(text)

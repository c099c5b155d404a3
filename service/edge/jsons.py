"""JSON in and out: strict on the way in, exact decimals both ways."""

from datetime import UTC, datetime
from typing import NoReturn

import simplejson
from flask import Request, Response
from werkzeug.exceptions import UnsupportedMediaType

from service.model.errors import BadRequest

DEEPEST = 16
LARGEST = 64 * 1024


def answer(body: object, status: int = 200, mimetype: str = "application/json") -> Response:
    """Return a JSON answer; decimals are written as they are, never through a float."""
    # ASCII only: a provider's text may hold half a character, which UTF-8 cannot carry.
    text = simplejson.dumps(body, use_decimal=True, separators=(",", ":"))
    return Response(text, status, mimetype=mimetype)


def instant(at: datetime | None) -> str | None:
    """Write an instant as RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def read_object(request: Request) -> dict[str, object]:
    """
    Return the request's JSON object; no body at all is an empty one.

    Refuses what two parsers could read differently: repeated keys, NaN, lone surrogates,
    other encodings, trailing text, nesting beyond sixteen. Raises BadRequest.
    """
    raw = request.get_data()
    if not raw:
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    try:
        value = simplejson.loads(
            raw.decode("utf-8"),
            use_decimal=True,
            object_pairs_hook=_unrepeated,
            parse_constant=_refuse_constant,
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise BadRequest("The body is not JSON in UTF-8.") from error
    if not isinstance(value, dict):
        raise BadRequest("The body is not a JSON object.")
    _check(value, DEEPEST)
    return value


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("The body repeats a key.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequest(f"{name} is not JSON.")


def _check(value: object, depth: int) -> None:
    if depth == 0:
        raise BadRequest(f"The body is nested deeper than {DEEPEST}.")
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise BadRequest("The body holds half a character.")
    for inner in _inside(value):
        _check(inner, depth - 1 if isinstance(inner, dict | list) else depth)


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []

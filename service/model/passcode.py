"""Codes sent out of band: derived from what they approve, so that none is ever stored."""

import base64
import re

import pyotp

from service.model.challenge import Challenge, Method
from service.model.errors import BadRequest
from service.model.secret import Secret

_VERSION = b"\x01"
_NUMERIC = re.compile(r"[0-9]{6,10}", re.ASCII)


def passcode_input(challenge: Challenge) -> bytes:
    """
    Return the bytes that the passcode key turns into this challenge's code.

    Length-prefixed version, purpose, challenge id, number, and the 32-byte digest of
    what the code approves (zeros when nothing): no two meanings share an encoding.
    """
    parts = (
        _VERSION,
        challenge.purpose.encode(),
        challenge.challenge_id.encode(),
        challenge.phone.e164.encode(),
        challenge.digest,
    )
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def passcode(key_output: bytes, digits: int) -> Secret:
    """Return HOTP(key output, 0), RFC 4226 section 5.3: a code of `digits` digits, leading zeros kept."""
    hotp = pyotp.HOTP(base64.b32encode(key_output).decode(), digits=digits)
    return Secret(hotp.at(0))


def canonical_code(method: Method, text: str, digits: int) -> Secret:
    """
    Return the one spelling of a code as typed.

    Only ASCII spaces and dashes are removed; other scripts' digits are a wrong form.
    Raises BadRequest, which is not counted as a try.
    """
    code = text.replace(" ", "").replace("-", "")
    if len(text) > 64 or len(code) != digits or not _NUMERIC.fullmatch(code):
        raise BadRequest(
            "The code has the wrong form.",
            errors=[{"pointer": "/code", "detail": f"{digits} digits for method {method}"}],
        )
    return Secret(code)

"""Codes: the standard's own vectors, and what a code is bound to."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.model.challenge import Method, Purpose, open_challenge
from service.model.errors import BadRequest
from service.model.passcode import canonical_code, passcode, passcode_input
from service.model.phone import PhoneNumber
from service.model.policy import CodePolicy

# RFC 4226 appendix D: the secret "12345678901234567890", truncated values for counters 0 to 9.
SECRET = b"12345678901234567890"
TRUNCATED = (
    1284755224,
    1094287082,
    137359152,
    1726969429,
    1640338314,
    868254676,
    1918287922,
    82162583,
    673399871,
    645520489,
)
HOTP = ("755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489")

CHALLENGE = open_challenge(
    Purpose.LOG_IN,
    PhoneNumber("+50936377111", "HT"),
    (Method.SMS,),
    7,
    datetime(2026, 11, 23, tzinfo=UTC),
    CodePolicy(),
)


@pytest.mark.parametrize("digits", [6, 7, 8, 9, 10])
def test_a_passcode_is_the_standards_hotp_at_counter_zero(digits: int) -> None:
    assert passcode(SECRET, digits).value == str(TRUNCATED[0]).zfill(10)[-digits:]


def test_the_six_digits_of_the_standard() -> None:
    assert passcode(SECRET, 6).value == HOTP[0]


def test_leading_zeros_are_kept() -> None:
    codes = [passcode(number.to_bytes(32), 6).value for number in range(200)]
    assert {len(code) for code in codes} == {6}
    assert any(code.startswith("0") for code in codes)


@pytest.mark.parametrize(
    "other",
    [
        replace(CHALLENGE, purpose=Purpose.REAUTHENTICATE),
        replace(CHALLENGE, challenge_id="another"),
        replace(CHALLENGE, phone=PhoneNumber("+50936377112", "HT")),
        replace(CHALLENGE, digest=b"\x01" * 32),
    ],
)
def test_another_meaning_is_another_input(other: object) -> None:
    assert isinstance(other, type(CHALLENGE))
    assert passcode_input(other) != passcode_input(CHALLENGE)


def test_parts_cannot_trade_bytes() -> None:
    one = replace(CHALLENGE, challenge_id="ab", phone=PhoneNumber("c", "HT"))
    two = replace(CHALLENGE, challenge_id="a", phone=PhoneNumber("bc", "HT"))
    assert passcode_input(one) != passcode_input(two)


@pytest.mark.parametrize("text", ["755224", " 755 224 ", "755-224", "7-5 5-2 2-4"])
def test_spaces_and_dashes_do_not_change_a_code(text: str) -> None:
    assert canonical_code(Method.SMS, text, 6).value == "755224"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "75522",
        "7552245",
        "75522a",
        "+55224",
        "\uff17\uff15\uff15\uff12\uff12\uff14",
        "\u0667\u0665\u0665\u0662\u0662\u0664",
        "755\u00a0224",
        "755224\n",
        "755\t224",
        " " * 70 + "755224",
    ],
)
def test_another_form_is_refused_before_it_counts(text: str) -> None:
    with pytest.raises(BadRequest):
        canonical_code(Method.SMS, text, 6)

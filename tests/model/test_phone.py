"""A number has one spelling."""

import pytest

from service.model.errors import BadPhoneNumber
from service.model.phone import parse_phone, parse_recipient


@pytest.mark.parametrize(
    "written", ["+50936377111", "+509 36 37 7111", "+509-36-37-7111", "+509 (36) 37.7111", "+509 3637 7111"]
)
def test_many_spellings_are_one_number(written: str) -> None:
    number = parse_phone(written)
    assert (number.e164, number.country, number.hint) == ("+50936377111", "HT", "•••• 11")
    assert "36377" not in repr(number)


WRONG = (
    "",
    *[
        "+",
        "50936377111",
        "36377111",
        "+5093637711",
        "+509363771111",
        "+1",
        "+999123456789",
        "++50936377111",
        "+509+36377111",
    ],
    *["+５０９36377111", "+50936377111;ext=5", "tel:+50936377111", "+5O936377111", "\u200b+50936377111"],
    *("+50936377111 x5", "+50936377111\n", "+50936377111\x00", "+" + "5" * 40, "+1 800 FLOWERS"),
)


@pytest.mark.parametrize("written", WRONG)
def test_what_cannot_be_dialled_in_one_way_is_refused(written: str) -> None:
    with pytest.raises(BadPhoneNumber):
        parse_phone(written)


@pytest.mark.parametrize("written", ["50936377222", "+50936377222", "36377222", "3637 7222"])
def test_a_recipient_may_be_written_nationally_or_internationally(written: str) -> None:
    assert parse_recipient(written, "HT").e164 == "+50936377222"


def test_a_recipient_of_another_country_than_said_is_refused() -> None:
    for number, country in (("+15551234567", "HT"), ("+50936377222", "DO"), ("+50936377222", "XX")):
        with pytest.raises(BadPhoneNumber):
            parse_recipient(number, country)

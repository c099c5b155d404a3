"""Amounts have one form, whatever they were written as."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.errors import BadRequest
from service.model.money import amount_text, parse_amount, plain, rounded_up


@pytest.mark.parametrize(
    "written", [5, "5", "5.0", "5.00", Decimal(5), Decimal("5.0"), Decimal("5e0"), "005"]
)
def test_one_amount_has_one_form(written: object) -> None:
    assert amount_text(parse_amount(written)) == "5"


@pytest.mark.parametrize(
    "written",
    [
        *(Decimal("NaN"), Decimal("Infinity"), Decimal(-5), Decimal(0), Decimal("1E+400"), Decimal("1E+2")),
        *(Decimal("5.0000000000000001"), -5, 0, True, None, 5.0, [5], {"a": 1}, 10**9),
        *(
            "",
            "5e0",
            "+5",
            "-5",
            "0x5",
            "5.",
            ".5",
            "1_000",
            "\u0665",
            " 5",
            "5 ",
            "NaN",
            "5.123456",
            "1234567890",
        ),
    ],
)
def test_what_is_no_plain_positive_amount_is_refused(written: object) -> None:
    with pytest.raises(BadRequest):
        parse_amount(written)


@given(st.decimals(min_value=Decimal("0.00001"), max_value=Decimal(999999999), places=5))
def test_reading_what_was_written_gives_the_same_amount(amount: Decimal) -> None:
    parsed = parse_amount(amount)
    assert parsed == amount
    assert parse_amount(amount_text(parsed)) == parsed
    assert Decimal(plain(parsed)) == amount
    assert "E" not in plain(parsed)


@given(st.decimals(min_value=Decimal("0.00001"), max_value=Decimal(999999), places=5))
def test_a_cost_is_rounded_up_to_cents_never_down(amount: Decimal) -> None:
    assert amount <= rounded_up(amount) < amount + Decimal("0.01")

"""What is approved is what is sent, and a code for one thing is no code for another."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.challenge import Method, Purpose, open_challenge
from service.model.errors import BadAmount
from service.model.money import Money
from service.model.operation import Key, Request, Status, may_become, operation_id
from service.model.passcode import passcode_input
from service.model.phone import parse_phone
from service.model.policy import CodePolicy, MoneyPolicy, SmsPolicy
from service.model.secret import Secret
from service.model.texts import LOCALES, approval_fits, fits_one_segment, text_body, top_up_summary
from service.model.topup import Operator, Quote, TopUp

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PHONE = parse_phone("+50936377111")
TOP_UP = TopUp(173, Decimal(500), local=True, recipient=parse_phone("+50936377222"))
CHALLENGE = open_challenge(Purpose.APPROVE_OPERATION, PHONE, (Method.SMS,), 1, NOW, CodePolicy())


def digest(top_up: TopUp, product: str = "airtime", environment: str = "sandbox") -> bytes:
    return Request(product, environment, "makeTopUp", top_up.body).digest


@pytest.mark.parametrize(
    "other",
    [
        replace(TOP_UP, operator_id=174),
        replace(TOP_UP, amount=Decimal("500.01")),
        replace(TOP_UP, local=False),
        replace(TOP_UP, recipient=parse_phone("+50936377223")),
        replace(TOP_UP, sender=PHONE),
    ],
)
def test_any_change_of_a_top_up_changes_what_its_code_is_made_of(other: TopUp) -> None:
    assert digest(other) != digest(TOP_UP)
    mine, theirs = (replace(CHALLENGE, digest=digest(one)) for one in (TOP_UP, other))
    assert passcode_input(mine) != passcode_input(theirs)


def test_product_and_environment_are_part_of_what_is_approved() -> None:
    assert len({digest(TOP_UP), digest(TOP_UP, "giftcards"), digest(TOP_UP, environment="live")}) == 3


def test_purpose_number_and_challenge_are_part_of_a_code() -> None:
    others = (
        replace(CHALLENGE, purpose=Purpose.LOG_IN),
        replace(CHALLENGE, phone=parse_phone("+50936377112")),
        replace(CHALLENGE, challenge_id="x" * 43),
    )
    assert len({passcode_input(one) for one in (CHALLENGE, *others)}) == 4


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_two_meanings_share_an_encoding(first: str, second: str) -> None:
    one = replace(CHALLENGE, challenge_id=first + "|", locale=second)
    two = replace(CHALLENGE, challenge_id=first, locale=second)
    assert passcode_input(one) != passcode_input(two)


def test_a_key_gives_one_identifier_for_ever_and_namespaces_do_not_meet() -> None:
    header, body = Key("a", from_header=True), Key("a", from_header=False)
    assert operation_id("s", header) == operation_id("s", header)
    assert len({operation_id("s", header), operation_id("s", body), operation_id("t", header)}) == 3
    assert len(operation_id("s", header)) == 26


def test_nothing_leaves_a_final_state_but_what_reloadly_did_late() -> None:
    final = (Status.SUCCEEDED, Status.REFUNDED, Status.CANCELLED, Status.EXPIRED)
    for target in Status:
        assert may_become(target).isdisjoint(final)
    assert Status.FAILED in may_become(Status.SUCCEEDED)
    assert may_become(Status.SENDING) == {Status.APPROVED}


OPERATOR = Operator(
    *(173, "Digicel", "HT", Decimal("129.68"), "USD", "HTG"),
    takes_local=True,
    fixed=False,
    amounts=(),
    local_amounts=(),
    smallest=Decimal("0.5"),
    largest=Decimal(100),
    local_smallest=Decimal(50),
    local_largest=Decimal(10000),
)


def test_a_quote_rounds_the_cost_up_and_the_delivery_down() -> None:
    local = OPERATOR.quote(Decimal(500), local=True)
    assert (str(local.delivered), str(local.cost)) == ("500.00 HTG", "3.86 USD")
    abroad = OPERATOR.quote(Decimal("3.33"), local=False)
    assert (str(abroad.delivered), str(abroad.cost)) == ("431.83 HTG", "3.33 USD")


@pytest.mark.parametrize(
    ("operator", "amount", "local"),
    [
        (OPERATOR, "49.99", True),
        (OPERATOR, "10000.01", True),
        (OPERATOR, "0.49", False),
        (replace(OPERATOR, takes_local=False), "500", True),
        (replace(OPERATOR, fixed=True, amounts=(Decimal(5),)), "6", False),
        (replace(OPERATOR, smallest=None), "5", False),
    ],
)
def test_an_amount_that_the_operator_does_not_take_is_refused(
    operator: Operator, amount: str, local: bool
) -> None:
    with pytest.raises(BadAmount):
        operator.quote(Decimal(amount), local=local)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("purpose", [Purpose.SIGN_UP, Purpose.LOG_IN, Purpose.APPROVE_OPERATION])
@pytest.mark.parametrize("mute", [False, True])
def test_every_text_is_one_segment_with_the_longest_service_name(
    locale: str, purpose: Purpose, mute: bool
) -> None:
    policy = SmsPolicy(frozenset({"HT"}), "A" * 20, "pay.example.com")
    money = Money(Decimal("123456.78"), "HTG"), Money(Decimal("1234.56"), "USD")
    summary = top_up_summary(Quote("Digicel Haiti Bundles", *money), "+509 36 37 7222", locale)
    assert approval_fits(summary, locale, 10, policy)
    challenge = replace(CHALLENGE, purpose=purpose, locale=locale, mute=mute)
    body = text_body(challenge, Secret("0123456789"), summary, policy)
    assert fits_one_segment(body)
    assert ("0123456789" in body) is not mute


def test_a_policy_outside_its_range_does_not_start() -> None:
    for wrong in (
        lambda: CodePolicy(digits=5),
        lambda: CodePolicy(life=601),
        lambda: MoneyPolicy(answer_within=10),
    ):
        with pytest.raises(ValueError, match="must lie between"):
            wrong()

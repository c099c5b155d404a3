"""What Reloadly's answers mean: only what is certain is final, and only of exactly what was approved."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations

import pytest

from service.model.operation import Operation, Outcome, Status
from service.model.verdict import is_wallet_empty, judge_answer, judge_rows, judge_status, judge_transaction
from service.wiring import load_catalogue
from tests.outbound.money import draft_of

OPERATION = draft_of("ann", datetime(2026, 11, 23, tzinfo=UTC))
OTHER_CASE = {"customIdentifier": OPERATION.operation_id.upper()}
TOP_UP = load_catalogue().named("makeTopUp")


def row_of(operation: Operation = OPERATION, /, **changes: object) -> dict[str, object]:
    """Return a report's row of exactly this operation, but for the changes."""
    row: dict[str, object] = {
        "transactionId": 181_341,
        "status": "SUCCESSFUL",
        "customIdentifier": operation.operation_id,
        "recipientPhone": "50936377111",
        "operatorId": 640,
        "requestedAmount": Decimal("5.00"),
        "requestedAmountCurrencyCode": "USD",
    }
    return row | changes


def judged(status: int, body: object) -> Outcome:
    return judge_answer(OPERATION, TOP_UP, status, body)


@pytest.mark.parametrize(
    "others",
    [
        [{"status": "FAILED"}],
        [{"status": "REFUNDED"}],
        [{"status": "PROCESSING"}],
        [{"status": "FAILED"}, {"status": "REFUNDED"}],
        [{"recipientPhone": "50936377112"}],
        [{"recipientPhone": "50936377112", "status": "FAILED"}],
        [OTHER_CASE],
    ],
)
def test_whatever_was_delivered_counts_in_whatever_order_the_rows_come(
    others: list[Mapping[str, object]],
) -> None:
    rows = [row_of(transactionId=900_001), *(row_of(**one) for one in others)]
    for order in permutations(rows):
        outcome = judge_rows(OPERATION, order)
        assert (outcome.status, outcome.upstream_id) == (Status.SUCCEEDED, 900_001)


@pytest.mark.parametrize(
    ("statuses", "settled"),
    [
        (("FAILED", "PROCESSING"), Status.ACCEPTED),
        (("REFUNDED", "PENDING"), Status.ACCEPTED),
        (("FAILED", "REFUNDED"), Status.REFUNDED),
        (("FAILED", "FAILED"), Status.FAILED),
    ],
)
def test_what_may_still_be_delivered_outweighs_what_failed(
    statuses: tuple[str, ...], settled: Status
) -> None:
    for order in permutations(statuses):
        assert judge_rows(OPERATION, [row_of(status=one) for one in order]).status is settled


def test_a_row_that_does_not_match_makes_the_rest_no_evidence_of_failure() -> None:
    rows = [row_of(status="FAILED"), row_of(status="REFUNDED"), row_of(recipientPhone="50936377112")]
    for order in permutations(rows):
        assert judge_rows(OPERATION, order).status is Status.UNCLEAR


@pytest.mark.parametrize(
    "changes",
    [
        OTHER_CASE,
        {"customIdentifier": None},
        {"recipientPhone": "50936377112"},
        {"recipientPhone": None},
        {"operatorId": 641},
        {"requestedAmount": Decimal("5.01")},
        {"requestedAmount": "5.00"},
        {"requestedAmount": None},
        {"requestedAmountCurrencyCode": "HTG"},
        {"requestedAmountCurrencyCode": None},
        {"transactionId": None},
        {"transactionId": "181341"},
        {"transactionId": 10**30},
        {"transactionId": True},
        {"status": "DELIVERED"},
        {"status": None},
        {"status": ["SUCCESSFUL"]},
    ],
)
def test_a_row_that_differs_from_what_was_approved_settles_nothing(changes: dict[str, object]) -> None:
    assert judge_transaction(OPERATION, row_of(**changes)).status is Status.UNCLEAR


@pytest.mark.parametrize("shown", ["50936377111", "+50936377111", 50_936_377_111])
def test_a_recipient_is_the_same_in_any_of_reloadlys_spellings(shown: object) -> None:
    assert judge_transaction(OPERATION, row_of(recipientPhone=shown)).status is Status.SUCCEEDED


def test_a_row_without_a_status_is_followed_up_by_its_number() -> None:
    row = row_of()
    del row["status"]
    outcome = judge_transaction(OPERATION, row)
    assert (outcome.status, outcome.upstream_id) == (Status.ACCEPTED, 181_341)


@pytest.mark.parametrize(
    ("status", "code", "settled"),
    [
        (400, "INVALID_INPUT_PROVIDED", Status.FAILED),
        (500, "INVALID_INPUT_PROVIDED", Status.UNCLEAR),
        (400, "INSUFFICIENT_BALANCE", Status.FAILED),
        (200, "INSUFFICIENT_BALANCE", Status.UNCLEAR),
        (503, "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE", Status.FAILED),
        (500, "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE", Status.UNCLEAR),
        (404, "ACCOUNT_NOT_FOUND", Status.FAILED),
        (500, "ACCOUNT_NOT_FOUND", Status.UNCLEAR),
        (401, "INVALID_TOKEN", Status.FAILED),
        (403, "INVALID_TOKEN", Status.UNCLEAR),
        (400, "CUSTOM_IDENTIFIER_ALREADY_USED", Status.UNCLEAR),
        (400, "TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT", Status.UNCLEAR),
    ],
)
def test_a_refusal_is_final_only_with_the_status_that_belongs_to_its_code(
    status: int, code: str, settled: Status
) -> None:
    assert judged(status, {"errorCode": code}).status is settled


@pytest.mark.parametrize("code", [["INVALID_AMOUNT"], {"a": 1}, 5, True])
def test_a_code_that_is_no_text_decides_nothing(code: object) -> None:
    for status in (200, 400, 401, 500):
        assert judged(status, row_of(errorCode=code)).status is Status.UNCLEAR
    assert not is_wallet_empty({"errorCode": code})


@pytest.mark.parametrize("body", [None, [], "SUCCESSFUL", {}, [{"errorCode": "INVALID_AMOUNT"}]])
def test_an_answer_of_another_shape_decides_nothing(body: object) -> None:
    for status in (200, 400, 500):
        assert judged(status, body).status is Status.UNCLEAR


@pytest.mark.parametrize(
    ("envelope", "settled"),
    [
        ({"status": "SUCCESSFUL", "transaction": None}, Status.UNCLEAR),
        ({"status": "SUCCESSFUL", "transaction": row_of()}, Status.SUCCEEDED),
        ({"status": "SUCCESSFUL", "transaction": row_of(recipientPhone="1")}, Status.UNCLEAR),
        ({"status": "REFUNDED", "transaction": None}, Status.REFUNDED),
        ({"status": "FAILED", "transaction": None}, Status.FAILED),
        ({"status": "PROCESSING", "transaction": None}, Status.ACCEPTED),
    ],
)
def test_an_envelope_proves_a_success_only_with_its_transaction(
    envelope: Mapping[str, object], settled: Status
) -> None:
    assert judge_status(OPERATION, envelope).status is settled

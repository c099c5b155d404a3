"""Top-ups: charging, identifiers, the two-minute rule, undecided and refunded ones, reports."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any
from urllib.parse import quote

import pytest

from tests.stand_in import NIGER, StandIn

HAITI = {"countryCode": "HT", "number": "50936377111"}


def report(sandbox: StandIn, **query: str) -> list[dict[str, Any]]:
    text = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    rows: list[dict[str, Any]] = sandbox.airtime("GET", f"/topups/reports/transactions?{text}").json[
        "content"
    ]
    return rows


def code(answer: Any) -> tuple[int, str | None]:
    return answer.status, answer.json["errorCode"]


def test_a_local_top_up_is_charged_by_the_rate_to_five_decimals(sandbox: StandIn) -> None:
    sandbox.control("settings", balance="993.81")
    answer = sandbox.top_up(amount=100, useLocalAmount=True, customIdentifier="abc-1")
    assert '"cost":0.19785' in answer.text
    body = answer.json
    assert (body["status"], body["customIdentifier"]) == ("SUCCESSFUL", "abc-1")
    assert (body["requestedAmount"], body["requestedAmountCurrencyCode"]) == (100, "XOF")
    assert body["balanceInfo"]["oldBalance"] == Decimal("993.81")
    assert body["balanceInfo"]["newBalance"] == Decimal("993.61215")
    assert body["recipientPhone"] == "22796123456"
    assert body["pinDetail"] is None


@pytest.mark.parametrize(
    ("operator", "phone", "amount", "local", "cost"),
    [
        (640, NIGER, "5.00", False, "4.75"),  # 5 % off
        (265, {"countryCode": "KE", "number": "0722123456"}, "500", True, "3.88508"),  # 1 % off locally
        (592, {"countryCode": "US", "number": "2025550123"}, "10.00", False, "10.15"),  # a fee ends discounts
        (560, {"countryCode": "GB", "number": "07400123456"}, "10.00", False, "9.55"),  # 7 % off, 0.25 on top
    ],
)
def test_discounts_and_fees_make_the_cost(
    sandbox: StandIn, operator: int, phone: dict[str, str], amount: str, local: bool, cost: str
) -> None:
    answer = sandbox.top_up(
        operatorId=operator, recipientPhone=phone, amount=Decimal(amount), useLocalAmount=local
    )
    assert answer.status == 200, answer.text
    assert answer.json["balanceInfo"]["cost"] == Decimal(cost)
    balance = sandbox.airtime("GET", "/accounts/balance").json["balance"]
    assert balance == Decimal(1000) - Decimal(cost)


def test_the_ledger_holds_one_entry_for_each_execution(sandbox: StandIn) -> None:
    transaction = sandbox.top_up(customIdentifier="one").json["transactionId"]
    (charge,) = sandbox.charges()
    assert charge["transaction_id"] == transaction
    assert (charge["identifier"], charge["recipient"]) == ("one", "22796123456")
    assert (charge["amount"], charge["currency"], charge["cost"]) == (5, "USD", Decimal("4.75"))


def test_a_used_identifier_is_refused_whatever_else_the_body_says(sandbox: StandIn) -> None:
    assert sandbox.top_up(customIdentifier="Same").status == 200
    again = sandbox.top_up(customIdentifier="Same", amount=-1, operatorId=0)
    assert code(again) == (400, "CUSTOM_IDENTIFIER_ALREADY_USED")
    other_case = sandbox.top_up(customIdentifier="same", operatorId=173, recipientPhone=HAITI)
    assert other_case.status == 200


def test_a_refused_request_leaves_its_identifier_free(sandbox: StandIn) -> None:
    assert sandbox.top_up(customIdentifier="kept", amount=10_000).status == 400
    sandbox.control("settings", atomic_identifiers=True)
    assert sandbox.top_up(customIdentifier="kept", amount=10_000).status == 400
    assert sandbox.top_up(customIdentifier="kept").status == 200


def test_identifiers_end_at_150_characters_and_may_hold_anything(sandbox: StandIn) -> None:
    assert code(sandbox.top_up(customIdentifier="x" * 151)) == (400, "INVALID_INPUT_PROVIDED")
    odd = "a b/c?d&e=ü" + "x" * 139
    assert sandbox.top_up(customIdentifier=odd).json["customIdentifier"] == odd
    assert [row["customIdentifier"] for row in report(sandbox, customIdentifier=odd)] == [odd]


def in_parallel(sandbox: StandIn, times: int) -> list[int]:
    """Send the same top-up so many times at once and answer the statuses."""
    sandbox.token()
    sandbox.control("settings", identifier_window=1)
    start = Barrier(times)

    def send() -> int:
        start.wait()
        return sandbox.top_up(customIdentifier="one").status

    with ThreadPoolExecutor(times) as threads:
        return [future.result() for future in [threads.submit(send) for _ in range(times)]]


def test_five_parallel_top_ups_with_one_identifier_execute_five_times(sandbox: StandIn) -> None:
    assert in_parallel(sandbox, 5) == [200] * 5
    assert len(sandbox.charges()) == 5
    assert len(report(sandbox, customIdentifier="one")) == 5


def test_an_atomic_check_executes_once(sandbox: StandIn) -> None:
    sandbox.control("settings", atomic_identifiers=True)
    assert sorted(in_parallel(sandbox, 5)) == [200, 400, 400, 400, 400]
    assert len(sandbox.charges()) == 1


def test_the_same_number_rests_for_two_minutes(sandbox: StandIn) -> None:
    assert sandbox.top_up().status == 200
    spelled = {"countryCode": "NE", "number": "+227 96-12-34-56"}
    assert code(sandbox.top_up(recipientPhone=spelled)) == (400, "PHONE_RECENTLY_RECHARGED")
    assert sandbox.top_up(operatorId=173, recipientPhone=HAITI).status == 200
    sandbox.control("settings", two_minute_rule=False)
    assert sandbox.top_up().status == 200


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        ({"operatorId": None}, 400, "INVALID_INPUT_PROVIDED"),
        ({"amount": None}, 400, "INVALID_INPUT_PROVIDED"),
        ({"amount": "five"}, 400, "INVALID_AMOUNT"),
        ({"amount": -5}, 400, "INVALID_INPUT_PROVIDED"),
        ({"amount": 99}, 400, "INVALID_AMOUNT_FOR_OPERATOR"),
        ({"amount": 99, "useLocalAmount": True}, 400, "INVALID_LOCAL_AMOUNT_FOR_OPERATOR"),
        ({"operatorId": 641, "useLocalAmount": True}, 400, "LOCAL_AMOUNTS_NOT_SUPPORTED_BY_OPERATOR"),
        ({"recipientPhone": None}, 400, "INVALID_INPUT_PROVIDED"),
        ({"recipientPhone": {"countryCode": "NE", "number": "961"}}, 400, "INVALID_RECIPIENT_PHONE"),
        ({"recipientPhone": {"countryCode": "NE", "number": "096123456"}}, 400, "INVALID_RECIPIENT_PHONE"),
        ({"recipientPhone": {"countryCode": "NE", "number": "96ABCDEF"}}, 400, "INVALID_RECIPIENT_PHONE"),
        ({"recipientPhone": HAITI}, 400, "INVALID_RECIPIENT_PHONE"),
        ({"senderPhone": {"countryCode": "US", "number": "1"}}, 400, "INVALID_SENDER_PHONE"),
        ({"operatorId": 999_999}, 503, "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE"),
        (
            {"operatorId": 382, "recipientPhone": {"countryCode": "PK", "number": "3101234567"}},
            503,
            "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE",
        ),
    ],
)
def test_a_refusal_charges_nothing(
    sandbox: StandIn, changes: dict[str, Any], status: int, expected: str
) -> None:
    assert code(sandbox.top_up(**changes)) == (status, expected)
    assert sandbox.charges() == []


def test_an_empty_wallet_refuses(sandbox: StandIn) -> None:
    sandbox.control("settings", balance="4.74999")
    assert code(sandbox.top_up()) == (400, "INSUFFICIENT_BALANCE")
    sandbox.control("settings", balance="4.75")
    assert sandbox.top_up().json["balanceInfo"]["newBalance"] == 0


def test_a_slow_operator_fails_in_the_end(sandbox: StandIn) -> None:
    sandbox.control("settings", time_factor="0.001")
    spain = {"countryCode": "ES", "number": "612345678"}
    answer = sandbox.top_up(operatorId=1213, recipientPhone=spain)
    assert code(answer) == (400, "TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT")
    assert sandbox.charges() == []


def test_a_pin_operator_answers_a_pin(sandbox: StandIn) -> None:
    france = {"countryCode": "FR", "number": "0612345678"}
    answer = sandbox.top_up(operatorId=125, recipientPhone=france, amount=Decimal("12.90")).json
    fields = {"serial", "info1", "info2", "info3", "value", "code", "ivr", "validity"}
    assert answer["pinDetail"].keys() == fields
    assert answer["deliveredAmount"] == 10


def test_an_async_top_up_is_undecided_for_some_polls(sandbox: StandIn) -> None:
    answer = sandbox.top_up("/topups-async").json
    assert answer.keys() == {"transactionId"}
    path = f"/topups/{answer['transactionId']}/status"
    undecided = {"code": None, "message": None, "status": "PROCESSING", "transaction": None}
    assert [sandbox.airtime("GET", path).json for _ in range(2)] == [undecided] * 2
    final = sandbox.airtime("GET", path).json
    assert final["status"] == final["transaction"]["status"] == "SUCCESSFUL"
    assert final["transaction"]["balanceInfo"]["cost"] == Decimal("4.75")
    assert len(sandbox.charges()) == 1


def test_a_refunded_transaction_costs_nothing(sandbox: StandIn) -> None:
    salvador = {"countryCode": "SV", "number": "70123456"}
    order: dict[str, Any] = {"operatorId": 113, "recipientPhone": salvador}
    transaction = sandbox.top_up("/topups-async", **order).json["transactionId"]
    assert sandbox.airtime("GET", "/accounts/balance").json["balance"] == Decimal("995.5")
    for _ in range(3):
        status = sandbox.airtime("GET", f"/topups/{transaction}/status").json
    assert (status["status"], status["transaction"]) == ("REFUNDED", None)
    assert status["code"]
    assert sandbox.airtime("GET", "/accounts/balance").json["balance"] == 1000
    row = sandbox.airtime("GET", f"/topups/reports/transactions/{transaction}").json
    assert (row["status"], row["balanceInfo"]["cost"]) == ("REFUNDED", 0)
    assert [charge["refunded"] for charge in sandbox.charges()] == [True]


def test_unknown_transactions_are_not_found_in_two_ways(sandbox: StandIn) -> None:
    assert code(sandbox.airtime("GET", "/topups/1/status")) == (404, "TRANSACTION_NOT_FOUND")
    assert code(sandbox.airtime("GET", "/topups/reports/transactions/1")) == (404, None)


def test_the_report_is_searched_without_regard_to_case_and_lists_oldest_first(sandbox: StandIn) -> None:
    first = sandbox.top_up(customIdentifier="Abc").json["transactionId"]
    second = sandbox.top_up(customIdentifier="aBC", operatorId=173, recipientPhone=HAITI).json[
        "transactionId"
    ]
    assert [row["transactionId"] for row in report(sandbox, customIdentifier="ABC")] == [first, second]
    assert [row["transactionId"] for row in report(sandbox, countryCode="HT")] == [second]
    assert [row["transactionId"] for row in report(sandbox, operatorId="640")] == [first]


def test_report_dates_are_read_four_hours_west_of_the_bodies(sandbox: StandIn) -> None:
    sandbox.top_up()
    now = datetime.now(UTC)

    def found(start: datetime) -> int:
        return len(report(sandbox, startDate=start.strftime("%Y-%m-%d %H:%M:%S")))

    assert found(now - timedelta(minutes=1)) == 0
    assert found(now - timedelta(hours=4, minutes=1)) == 1


def test_transactions_are_numbered_one_after_the_other(sandbox: StandIn) -> None:
    first = sandbox.top_up().json["transactionId"]
    sandbox.reset()
    assert sandbox.top_up().json["transactionId"] == first + 1

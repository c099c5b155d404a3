"""Attacks on money that once came through: each of them is charged as approved, or not at all."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
import simplejson

from service.app import create_app
from service.flows.quote import QuoteTopUp
from service.model.operation import Operation, Status
from tests.house import House, at_once, beside, open_home
from tests.phone import Answer, Phone
from tests.stand_in import StandIn

BASE = "/v1/reloadly/airtime"
# Generous, so that a slow machine does not fail it; before, these took 16 s and more.
SOON = 10.0
OVERFLOWS = '{"x":1e99999999999999999999}'


@pytest.fixture
def home(tmp_path: Path, redis_url: str, sandbox_server: StandIn) -> Iterator[House]:
    with open_home(tmp_path, redis_url, sandbox_server) as opened:
        yield opened


def subscriber(house: House) -> Phone:
    """Return a phone with an authenticator app whose present code is unused."""
    phone = house.phone()
    phone.sign_up()
    assert phone.bind_app().status == 200
    return phone


def later(house: House, phone: Phone, seconds: float = 61) -> None:
    """Let quotes grow old and a new time step begin."""
    house.clock.advance(seconds=seconds)
    assert phone.refresh().status == 200


def status_of(house: House, operation: dict[str, str]) -> Status:
    return stored(house, operation).status


def stored(house: House, operation: dict[str, str]) -> Operation:
    found = house.parts.operations.find(operation["operation_id"])
    assert found
    return found


def drafted(phone: Phone) -> int:
    """Count what this phone has drafted."""
    return len(phone.get("/v1/operations").json["items"])


def sent(house: House) -> list[dict[str, object]]:
    """Return the bodies of the purchases that reached the stand-in."""
    found = house.sandbox.read("requests?host=airtime")
    return [
        simplejson.loads(one["body"])
        for one in found
        if (one["method"], one["raw_path"]) == ("POST", "/topups")
    ]


# ── numbers ──


def test_a_german_number_is_charged_to_exactly_the_number_approved(home: House) -> None:
    phone = subscriber(home)
    german = {"operator_id": 541, "recipient_phone": "+4915123456789"}
    operation = phone.draft("de", "6.60", "USD", **german).json
    assert "+49 1512 3456789" in operation["summary"]
    assert phone.approve(operation, "totp", phone.app_code()).json["status"] == "succeeded"
    assert [charge["recipient"] for charge in home.charges] == ["4915123456789"]
    assert [body["recipientPhone"] for body in sent(home)] == [
        {"countryCode": "DE", "number": "+4915123456789"}
    ]


def test_a_number_that_reads_two_ways_is_refused_and_with_its_plus_sign_taken(home: House) -> None:
    phone = subscriber(home)
    german = {"operatorId": 541, "useLocalAmount": False}
    two_ways = {"countryCode": "DE", "number": "4915123456789"}
    answer = phone.top_up_as_reloadly("two", "6.60", recipientPhone=two_ways, **german)
    assert (answer.status, answer.code) == (422, "BAD_PHONE_NUMBER")
    as_number = two_ways | {"number": 4915123456789}
    answer = phone.top_up_as_reloadly("two", "6.60", recipientPhone=as_number, **german)
    assert (answer.status, answer.code) == (422, "BAD_PHONE_NUMBER")
    assert drafted(phone) == 0
    plain = two_ways | {"number": "+4915123456789"}
    answer = phone.top_up_as_reloadly("two", "6.60", recipientPhone=plain, **german)
    assert answer.code == "APPROVAL_REQUIRED"
    assert "+49 1512 3456789" in answer.json["operation"]["summary"]


# ── amounts ──


def fixed_operators(phone: Phone) -> list[dict[str, Any]]:
    found = phone.get(f"{BASE}/operators?size=1000").json["content"]
    return [one for one in found if one["denominationType"] == "FIXED"]


def number_in(country: str) -> str:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    assert example
    return phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)


def test_every_fixed_denomination_promises_exactly_what_is_delivered(home: House) -> None:
    phone = subscriber(home)
    operators = fixed_operators(phone)
    assert len(operators) >= 10
    for operator in operators:
        number = number_in(operator["country"]["isoName"])
        for amount in operator["fixedAmounts"]:
            later(home, phone, 31)
            key, whom = f"{operator['id']}-{amount}", {"operator_id": operator["id"]}
            body = whom | {"recipient_phone": number}
            operation = phone.draft(key, format(amount, "f"), "USD", **body).json
            reply = phone.approve(operation, "totp", phone.app_code()).json["reply"]
            promised = (Decimal(operation["amount"]), operation["currency"])
            assert promised == (reply["deliveredAmount"], reply["deliveredAmountCurrencyCode"]), key
            assert f"{operation['amount']} {operation['currency']}" in operation["summary"]
            assert Decimal(operation["cost"]) == amount


@pytest.mark.parametrize("amount", ["1e99999999999999999999", "1e400", "5e-7", "NaN", "Infinity", "5" * 30])
def test_a_number_beyond_all_bounds_in_a_clients_body_is_a_bad_request(home: House, amount: str) -> None:
    phone = subscriber(home)
    body = (
        f'{{"operatorId":173,"amount":{amount},"recipientPhone":{{"countryCode":"HT","number":"36377222"}}}}'
    )
    answer = phone.post(f"{BASE}/topups", body.encode(), Idempotency_Key="big")
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    quote = phone.post(f"{BASE}/operators/fx-rate", f'{{"operatorId":173,"amount":{amount}}}'.encode())
    assert (quote.status, quote.code) == (400, "BAD_REQUEST")
    assert drafted(phone) == 0


def test_a_query_that_a_top_up_does_not_have_is_a_bad_request(home: House) -> None:
    phone = subscriber(home)
    body = {"operatorId": 173, "amount": 5, "recipientPhone": {"countryCode": "HT", "number": "+50936377222"}}
    for query in ("?foo=1", "?customIdentifier=x", "?amount=5&amount=6"):
        answer = phone.post(f"{BASE}/topups{query}", body, Idempotency_Key="query")
        assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert drafted(phone) == 0


# ── a provider that hangs ──


def test_an_approval_answers_soon_while_the_quote_hangs_and_sends_nothing(home: House) -> None:
    phone = subscriber(home)
    operation = phone.draft("hang").json
    later(home, phone)
    home.fault(host="airtime", match="GET /operators/173", kind="half_open", seconds=30, count=5)
    begun = time.monotonic()
    answer = phone.approve(operation, "totp", phone.app_code())
    assert time.monotonic() - begun < SOON
    assert (answer.status, answer.code) == (504, "UPSTREAM_TIMED_OUT")
    assert status_of(home, operation) is Status.AWAITING_APPROVAL
    assert sent(home) == []


def test_a_draft_answers_soon_while_the_quote_hangs_and_a_repeat_at_once(home: House) -> None:
    phone = subscriber(home)
    first = phone.draft("known")
    later(home, phone)
    home.fault(host="airtime", match="GET /operators/173", kind="delay", seconds=20, count=5)
    begun = time.monotonic()
    again = phone.draft("known")
    assert (again.status, again.json["operation_id"]) == (200, first.json["operation_id"])
    as_reloadly = phone.top_up_as_reloadly("known")
    assert (as_reloadly.status, as_reloadly.code) == (403, "APPROVAL_REQUIRED")
    assert phone.draft("known", amount="501.00").code == "IDEMPOTENCY_KEY_REUSED"
    assert [one["raw_path"] for one in home.sandbox.read("requests?host=airtime")] == ["/operators/173"]

    answer = phone.draft("new")
    assert time.monotonic() - begun < SOON
    assert (answer.status, answer.code) == (504, "UPSTREAM_TIMED_OUT")
    assert drafted(phone) == 1


def test_an_approval_answers_soon_while_no_token_is_to_be_had(home: House) -> None:
    phone = subscriber(home)
    operation = phone.draft("token").json
    later(home, phone)
    home.sandbox.control("revoke")
    home.fault(host="auth", match="POST /oauth/token", kind="half_open", seconds=30, count=5)
    begun = time.monotonic()
    answer = phone.approve(operation, "totp", phone.app_code())
    assert time.monotonic() - begun < SOON
    assert (answer.status, answer.code) == (503, "UPSTREAM_UNAVAILABLE")
    assert sent(home) == []


# ── our own settings ──


def test_a_draft_of_one_environment_is_not_sent_in_another(house: House) -> None:
    phone = subscriber(house)
    operation = phone.draft("mixed").json
    house.sandbox.control("settings", environment="live")
    with beside(house, reloadly_environment="live") as live:
        other = replace(phone, wire=live.wire)
        answer = other.approve(operation, "totp", phone.app_code())
        assert (answer.status, answer.json["status"]) == (200, "expired")
        assert (house.charges, sent(house)) == ([], [])
        # With the same key the live gateway has something else to draft.
        assert other.draft("mixed").code == "IDEMPOTENCY_KEY_REUSED"
        assert other.draft("other").status == 201


def test_what_is_unclear_is_never_counted_as_absent_in_another_environment(house: House) -> None:
    phone = subscriber(house)
    house.fault(host="airtime", match="POST /topups", kind="drop_after")
    operation = phone.approve(phone.draft("gone").json, "totp", phone.app_code()).json
    house.sandbox.control("settings", environment="live")
    with beside(house, reloadly_environment="live") as live:
        for _ in range(5):
            live.clock.advance(hours=1)
            live.reconcile()
    found = stored(house, operation)
    assert (found.status, found.looks, found.not_found) == (Status.UNCLEAR, 5, 0)
    house.sandbox.control("settings", environment="sandbox")
    house.clock.advance(hours=1)
    house.reconcile()
    assert status_of(house, operation) is Status.SUCCEEDED


def test_an_emptied_credential_file_is_an_outage_and_sends_nothing(home: House) -> None:
    phone = subscriber(home)
    approved, waiting = phone.draft("one").json, phone.draft("two").json
    home.sandbox.control("revoke")
    file = home.settings.reloadly_client_secret_file
    secret = file.read_text()
    file.write_text("")
    # The quote is still fresh here, so it is the send that finds no token.
    unsent = phone.approve(approved, "totp", phone.app_code()).json
    assert (unsent["status"], unsent["problem"]["errorCode"]) == ("failed", "NOT_SENT")
    later(home, phone)
    for answer in (
        phone.get(f"{BASE}/countries/HT"),
        phone.draft("three"),
        phone.approve(waiting, "totp", phone.app_code()),
    ):
        assert (answer.status, answer.code) == (503, "UPSTREAM_UNAVAILABLE")
    assert home.charges == []

    file.write_text(secret)
    later(home, phone)
    assert phone.approve(waiting, "totp", phone.app_code()).json["status"] == "succeeded"
    assert len(home.charges) == 1


# ── approvals at once ──


def test_nobody_who_approved_rightly_is_told_to_start_again(house: House) -> None:
    phone = subscriber(house)
    with beside(house) as second:
        elsewhere = replace(phone, wire=second.wire)
        for number in range(4):
            later(house, phone)
            operation, code = phone.draft(f"race-{number}").json, phone.app_code()
            elsewhere.tokens = phone.tokens
            phones = [phone, elsewhere] * 10
            answers = at_once([partial(one.approve, operation, "totp", code) for one in phones])
            assert {(answer.status, answer.code) for answer in answers} <= {
                (200, None),
                (202, None),
                (503, "BUSY"),
            }
            assert status_of(house, operation) is Status.SUCCEEDED
    assert len(house.charges) == 4


@dataclass(frozen=True, slots=True)
class ApprovedMeanwhile(QuoteTopUp):
    """Let an equal request go through while this one looks at the price."""

    phone: Phone
    operation: dict[str, str]
    code: str
    drifted: bool

    def has_drifted(self, operation: Operation) -> bool:
        first = self.phone.approve(self.operation, "totp", self.code)
        assert first.json["status"] == "succeeded"
        return self.drifted


@pytest.mark.parametrize("drifted", [True, False])
def test_an_approval_that_comes_second_tells_what_the_first_brought_about(
    house: House, drifted: bool
) -> None:
    phone = subscriber(house)
    operation, code = phone.draft("second").json, phone.app_code()
    approve = house.gateway.approve_operation
    known = approve.quote
    quote = ApprovedMeanwhile(known.catalogue, known.reader, known.policy, phone, operation, code, drifted)
    late = replace(house.gateway, approve_operation=replace(approve, quote=quote))
    app = create_app(house.settings, late)
    answer = replace(phone, wire=replace(house, app=app).wire).approve(operation, "totp", code)
    assert (answer.status, answer.json["status"]) == (200, "succeeded")
    assert len(house.charges) == 1


# ── answers that say one thing and mean another ──


def spoilt(house: House, phone: Phone, **fault: object) -> Answer:
    """Draft and approve a top-up whose answer is a scripted one."""
    later(house, phone)
    operation = phone.draft(f"spoilt-{len(sent(house))}").json
    house.fault(host="airtime", match="POST /topups", kind="status", **fault)
    return phone.approve(operation, "totp", phone.app_code())


def looked_up(house: House, operation: dict[str, str]) -> Status:
    house.clock.advance(seconds=6)
    house.reconcile()
    return status_of(house, operation)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "code": "INVALID_INPUT_PROVIDED"},
        {"status": 200, "body": {"errorCode": "INSUFFICIENT_BALANCE"}},
        {"status": 400, "body": {"errorCode": ["INVALID_AMOUNT"]}},
        {"status": 200, "body": OVERFLOWS},
        {"status": 401, "body": {"errorCode": ["INVALID_TOKEN"]}},
        {"status": 200, "body": {"transactionId": 5, "status": "SUCCESSFUL"}},
    ],
)
def test_an_odd_answer_after_charging_is_unclear_until_it_is_looked_up(
    home: House, answer: dict[str, object]
) -> None:
    phone = subscriber(home)
    told = spoilt(home, phone, when="after", **answer)
    assert (told.status, told.json["status"]) == (202, "unclear")
    assert len(home.charges) == 1
    assert looked_up(home, told.json) is Status.SUCCEEDED
    assert len(sent(home)) == 1


def test_a_refusal_of_what_was_asked_is_final(home: House) -> None:
    phone = subscriber(home)
    told = spoilt(home, phone, status=400, code="INVALID_INPUT_PROVIDED")
    assert (told.status, told.json["status"]) == (200, "failed")
    assert told.json["problem"]["errorCode"] == "INVALID_INPUT_PROVIDED"
    assert home.charges == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, OVERFLOWS), (400, {"errorCode": ["X"]}), (500, {"errorCode": {}}), (200, "{}"), (200, "[]")],
)
def test_a_read_with_an_unreadable_answer_is_the_providers_fault_not_ours(
    home: House, status: int, body: object
) -> None:
    phone = subscriber(home)
    home.fault(host="airtime", match="GET /*", kind="status", status=status, body=body, count=2)
    told = phone.get(f"{BASE}/countries/HT"), phone.draft("odd")
    expected = (503, "UPSTREAM_UNAVAILABLE") if status == 500 else (502, "BAD_UPSTREAM_ANSWER")
    assert [(answer.status, answer.code) for answer in told] == [expected, expected]
    assert drafted(phone) == 0


def test_a_report_nobody_could_read_is_no_look_that_found_nothing(house: House) -> None:
    phone = subscriber(house)
    house.fault(host="airtime", match="POST /topups", kind="drop_after")
    operation = phone.approve(phone.draft("report").json, "totp", phone.app_code()).json
    report = {"host": "airtime", "match": "GET /topups/reports/transactions", "kind": "status", "status": 200}
    bodies: list[object] = [
        '{"content":[],"last":true,"totalElements":0,"x":1e99999999999999999999}',
        {"content": [], "last": True, "totalElements": 3},
        {"content": [], "last": False, "totalElements": 0},
    ]
    for body in bodies:
        house.fault(**report, body=body)
        house.clock.advance(hours=2)
        house.reconcile()
    found = stored(house, operation)
    assert (found.status, found.looks, found.not_found) == (Status.UNCLEAR, 3, 0)
    assert looked_up(house, operation) is Status.UNCLEAR
    house.clock.advance(hours=1)
    assert looked_up(house, operation) is Status.SUCCEEDED


def test_half_a_character_in_an_answer_breaks_no_list(house: House) -> None:
    phone = subscriber(house)
    operation = phone.draft("half").json
    row = {
        "transactionId": 7,
        "status": "SUCCESSFUL",
        "customIdentifier": operation["operation_id"],
        "recipientPhone": "50936377222",
        "operatorId": 173,
        "operatorName": "Digicel \ud83d",
        "requestedAmount": 500,
        "requestedAmountCurrencyCode": "HTG",
    }
    house.fault(host="airtime", match="POST /topups", kind="status", status=200, body=simplejson.dumps(row))
    headers = {
        "Authorization": f"Bearer {phone.tokens['access_token']}",
        "Content-Type": "application/json",
    }
    approval = simplejson.dumps({"method": "totp", "code": phone.app_code()}).encode()
    told = house.wire("POST", f"/v1/operations/{operation['operation_id']}/approve", headers, approval)
    listed = house.wire("GET", "/v1/operations", headers, None)
    assert (told.status, told.json["status"]) == (200, "succeeded")
    assert listed.status == 200
    assert listed.json["items"][0]["reply"]["operatorName"] == row["operatorName"]

"""Scripted faults: what the client sees, and whether the ledger has a charge."""

from typing import Any

import pytest
import urllib3

from tests.stand_in import StandIn

CUT = (urllib3.exceptions.ProtocolError,)


@pytest.mark.parametrize(("kind", "charges"), [("drop_before", 0), ("drop_after", 1), ("drop_midway", 1)])
def test_a_cut_connection_executes_or_does_not(sandbox: StandIn, kind: str, charges: int) -> None:
    sandbox.fault(kind)
    with pytest.raises(CUT):
        sandbox.top_up()
    assert len(sandbox.charges()) == charges
    assert sandbox.airtime("GET", "/accounts/balance").status == 200


@pytest.mark.parametrize(("when", "charges"), [(None, 0), ("before", 0), ("after", 1)])
def test_a_status_comes_before_or_after_executing(sandbox: StandIn, when: str | None, charges: int) -> None:
    sandbox.fault("status", status=500, when=when)
    answer = sandbox.top_up()
    assert (answer.status, answer.json["errorCode"]) == (500, None)
    assert len(sandbox.charges()) == charges


def test_a_status_carries_code_headers_and_body(sandbox: StandIn) -> None:
    sandbox.fault("status", status=429, code="RATE_LIMIT_REACHED", headers={"Retry-After": "7"})
    sandbox.fault("status", status=403, body={"error": "forbidden"})
    first, second = sandbox.top_up(), sandbox.top_up()
    assert (first.status, first.headers["Retry-After"]) == (429, "7")
    assert first.json["errorCode"] == "RATE_LIMIT_REACHED"
    assert (second.status, second.json) == (403, {"error": "forbidden"})


def test_a_proxy_page_is_html(sandbox: StandIn) -> None:
    sandbox.fault("html")
    answer = sandbox.top_up()
    assert (answer.status, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert sandbox.charges() == []


def test_a_redirect_leads_elsewhere(sandbox: StandIn) -> None:
    sandbox.fault("redirect", headers={"Location": "http://127.0.0.1:9/"})
    answer = sandbox.top_up()
    assert (answer.status, answer.headers["Location"]) == (302, "http://127.0.0.1:9/")
    assert sandbox.charges() == []


def test_a_malformed_answer_follows_an_execution(sandbox: StandIn) -> None:
    sandbox.fault("malformed")
    answer = sandbox.top_up()
    assert answer.status == 200
    with pytest.raises(ValueError):
        assert answer.json
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize(("when", "charges"), [("before", 0), ("after", 1)])
def test_a_delay_holds_back_the_execution_or_the_answer(sandbox: StandIn, when: str, charges: int) -> None:
    # Longer than the module runs: a request that was sent is executed in the end, client or no client.
    sandbox.fault("delay", seconds=60, when=when)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        sandbox.top_up(timeout=0.5)
    assert len(sandbox.charges()) == charges


def test_a_delayed_answer_is_the_right_one(sandbox: StandIn) -> None:
    sandbox.fault("delay", seconds=0.01)
    assert sandbox.top_up().json["status"] == "SUCCESSFUL"


def test_a_half_open_connection_says_nothing_after_executing(sandbox: StandIn) -> None:
    sandbox.fault("half_open")
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        sandbox.top_up(timeout=0.5)
    assert len(sandbox.charges()) == 1


def test_a_slow_answer_comes_byte_by_byte(sandbox: StandIn) -> None:
    sandbox.fault("slow", seconds=0.0005)
    assert sandbox.top_up().json["status"] == "SUCCESSFUL"
    sandbox.fault("slow", match="GET /accounts/balance")
    with pytest.raises(urllib3.exceptions.TimeoutError):
        sandbox.airtime("GET", "/accounts/balance", timeout=0.5)


def test_a_huge_answer_does_not_end_soon(sandbox: StandIn) -> None:
    sandbox.fault("huge", match="GET /countries", host="airtime")
    path = f"{sandbox.url}/reloadly/airtime/countries"
    reply = sandbox.pool.request("GET", path, preload_content=False, timeout=5)
    assert sum(len(reply.read(65_536)) for _ in range(100)) > 5_000_000
    reply.close()


def test_unauthorized_once_executes_nothing_and_then_lets_through(sandbox: StandIn) -> None:
    sandbox.fault("unauthorized_once")
    first, second = sandbox.top_up(), sandbox.top_up()
    assert (first.status, first.json["errorCode"], second.status) == (401, "INVALID_TOKEN", 200)
    assert len(sandbox.charges()) == 1


def test_a_synchronous_top_up_can_stay_undecided(sandbox: StandIn) -> None:
    sandbox.fault("processing")
    answer = sandbox.top_up().json
    assert answer["status"] == "PROCESSING"
    path = f"/topups/{answer['transactionId']}/status"
    assert [sandbox.airtime("GET", path).json["status"] for _ in range(3)][-1] == "SUCCESSFUL"


@pytest.mark.parametrize(("kind", "refunded"), [("refunded", [True]), ("failed", [])])
def test_a_top_up_can_end_badly(sandbox: StandIn, kind: str, refunded: list[bool]) -> None:
    sandbox.fault(kind)
    answer = sandbox.top_up().json
    assert (answer["status"], answer["balanceInfo"]["cost"]) == (kind.upper(), 0)
    assert [charge["refunded"] for charge in sandbox.charges()] == refunded


def test_a_match_means_a_method_and_a_path_with_what_lies_below(sandbox: StandIn) -> None:
    sandbox.fault("status", match="POST /topups")
    sandbox.fault("status", match="GET /topups", status=501)
    sandbox.fault("status", match="* /operators/*/commissions", status=502)
    assert sandbox.top_up("/topups-async").status == 200
    assert sandbox.airtime("GET", "/topups/reports/transactions").status == 501
    assert sandbox.airtime("GET", "/operators/640/commissions").status == 502
    assert [fault["match"] for fault in sandbox.read("faults")] == ["POST /topups"]


def test_a_count_wears_off(sandbox: StandIn) -> None:
    sandbox.fault("status", match="GET /countries", count=2)
    assert [sandbox.airtime("GET", "/countries").status for _ in range(3)] == [500, 500, 200]


def test_the_token_service_can_be_hurt_too(sandbox: StandIn) -> None:
    sandbox.fault("html", host="auth", match="POST /oauth/token", status=503)
    assert [sandbox.ask_token().status for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    "fault",
    [
        {"host": "airtime", "kind": "unheard_of"},
        {"host": "airtime", "kind": "delay", "secnods": 1},
        {"kind": "delay"},
    ],
)
def test_a_misspelt_fault_is_refused(sandbox: StandIn, fault: dict[str, Any]) -> None:
    answer = sandbox.call("POST", "/sandbox/faults", fault)
    assert (answer.status, answer.json.keys()) == (400, {"error"})

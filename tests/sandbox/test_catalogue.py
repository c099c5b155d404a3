"""The airtime catalogue: paging, flags, auto-detection and exact numbers."""

from decimal import Decimal

import pytest

from tests.stand_in import StandIn


def ids(page: dict[str, list[dict[str, int]]]) -> list[int]:
    return [row["id"] for row in page["content"]]


def test_page_zero_is_page_one_and_the_answer_counts_from_zero(sandbox: StandIn) -> None:
    zero = sandbox.airtime("GET", "/operators?page=0&size=5").json
    one = sandbox.airtime("GET", "/operators?page=1&size=5").json
    two = sandbox.airtime("GET", "/operators?page=2&size=5").json
    assert ids(zero) == ids(one)
    assert not set(ids(one)) & set(ids(two))
    assert (one["number"], two["number"], two["pageable"]["offset"]) == (0, 1, 5)
    assert (one["first"], one["last"]) == (True, False)


def test_a_page_past_the_end_is_empty(sandbox: StandIn) -> None:
    page = sandbox.airtime("GET", "/operators?page=99&size=50").json
    assert (page["content"], page["empty"], page["last"]) == ([], True, True)


@pytest.mark.parametrize(
    ("path", "default", "most"),
    [
        ("/operators", 200, 1000),
        ("/operators/commissions", 300, 1000),
        ("/topups/reports/transactions", 100, 500),
    ],
)
def test_sizes_have_defaults_and_silent_caps(sandbox: StandIn, path: str, default: int, most: int) -> None:
    assert sandbox.airtime("GET", path).json["size"] == default
    assert sandbox.airtime("GET", f"{path}?size=99999").json["size"] == most


def test_following_the_pages_meets_every_operator_once(sandbox: StandIn) -> None:
    found: list[int] = []
    for page in range(1, 100):
        answer = sandbox.airtime("GET", f"/operators?page={page}&size=7").json
        found += ids(answer)
        if answer["last"]:
            break
    assert len(found) == len(set(found)) == answer["totalElements"]
    assert {173, 174, 640} <= set(found)


def test_numbers_keep_their_scale(sandbox: StandIn) -> None:
    text = sandbox.airtime("GET", "/operators/640").text
    for part in ('"minAmount":0.20', '"localMaxAmount":50000.00', '"rate":505.427', '"commission":5.0'):
        assert part in text


def test_fixed_operators_have_amounts_and_no_range(sandbox: StandIn) -> None:
    operator = sandbox.airtime("GET", "/operators/288").json
    assert operator["denominationType"] == "FIXED"
    assert operator["minAmount"] is operator["maxAmount"] is None
    assert len(operator["fixedAmounts"]) == len(operator["localFixedAmounts"])
    assert operator["fixedAmountsDescriptions"]["1.75"] == "Amigo 30"


def test_suggested_amounts_come_when_asked_for(sandbox: StandIn) -> None:
    plain = sandbox.airtime("GET", "/operators/640").json
    assert (plain["suggestedAmounts"], plain["suggestedAmountsMap"]) == ([], {})
    asked = sandbox.airtime("GET", "/operators/640?suggestedAmounts=true&suggestedAmountsMap=true").json
    assert asked["suggestedAmounts"][:3] == [1, 5, 10]
    assert asked["suggestedAmountsMap"]["5"] == Decimal("2527.00")


def test_flags_choose_kinds_of_operators(sandbox: StandIn) -> None:
    path = "/operators/countries/ht"
    assert {row["id"] for row in sandbox.airtime("GET", path).json} == {173, 174, 175}
    assert {row["id"] for row in sandbox.airtime("GET", f"{path}?dataOnly=true").json} == {175}
    assert {row["id"] for row in sandbox.airtime("GET", f"{path}?includeData=false").json} == {173, 174}


@pytest.mark.parametrize("spelling", ["countries", "country-code"])
@pytest.mark.parametrize(
    ("phone", "iso", "operator"),
    [("50936377111", "HT", 173), ("+50932377111", "HT", 174), ("96123456", "NE", 640)],
)
def test_a_number_leads_to_its_operator(
    sandbox: StandIn, spelling: str, phone: str, iso: str, operator: int
) -> None:
    answer = sandbox.airtime("GET", f"/operators/auto-detect/phone/{phone}/{spelling}/{iso}")
    assert (answer.status, answer.json["operatorId"]) == (200, operator)


@pytest.mark.parametrize(
    ("phone", "iso", "status", "code"),
    [
        ("50912345678", "HT", 404, "COULD_NOT_AUTO_DETECT_OPERATOR"),
        ("50936", "HT", 404, "COULD_NOT_AUTO_DETECT_OPERATOR"),
        ("12345678", "AQ", 409, "COUNTRY_NOT_SUPPORTED"),
        ("9812345678", "IN", 500, None),
    ],
)
def test_auto_detection_fails_as_it_really_does(
    sandbox: StandIn, phone: str, iso: str, status: int, code: str | None
) -> None:
    answer = sandbox.airtime("GET", f"/operators/auto-detect/phone/{phone}/countries/{iso}")
    assert (answer.status, answer.json["errorCode"]) == (status, code)


def test_both_spellings_of_a_quote_agree(sandbox: StandIn) -> None:
    new = sandbox.airtime("POST", "/operators/fx-rate", {"operatorId": 174, "amount": 10})
    old = sandbox.airtime("POST", "/operators/174/fx-rate", {"amount": 10})
    assert new.status == 200
    assert new.json == old.json
    assert new.json.keys() == {"id", "name", "fxRate", "currencyCode"}


def test_countries_promotions_and_commissions_answer(sandbox: StandIn) -> None:
    assert sandbox.airtime("GET", "/countries/HT").json["callingCodes"] == ["+509"]
    assert sandbox.airtime("GET", "/countries/XX").status == 404
    assert isinstance(sandbox.airtime("GET", "/promotions/country-codes/HT").json, list)
    assert sandbox.airtime("GET", "/promotions/5665").json["operatorId"] == 173
    assert sandbox.airtime("GET", "/promotions/1").json["message"] == "Promotion not found"
    commission = sandbox.airtime("GET", "/operators/640/commissions").json
    assert commission["operator"]["countryCode"] == "NE"

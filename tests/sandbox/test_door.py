"""The token rules and the door of Reloadly's hosts."""

import jwt
import pytest

from tests.stand_in import ACCEPT, AUDIENCE, StandIn


def test_a_token_is_a_jwt_bound_to_its_audience(sandbox: StandIn) -> None:
    answer = sandbox.ask_token()
    assert answer.status == 200
    assert {k: v for k, v in answer.json.items() if k != "access_token"} == {
        "scope": "developer",
        "expires_in": 3600,
        "token_type": "Bearer",
    }
    token = answer.json["access_token"]
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert header["alg"] == "HS256"
    assert header["kid"]
    assert claims["aud"] == AUDIENCE
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["https://reloadly.com/sandbox"] is True


def test_the_older_spelling_of_the_audience_opens_the_same_door(sandbox: StandIn) -> None:
    older = sandbox.ask_token(audience="https://topups-hs256-sandbox.reloadly.com").json["access_token"]
    assert sandbox.airtime("GET", "/accounts/balance", Authorization=f"Bearer {older}").status == 200


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, "INVALID_CREDENTIALS"),
        ({"client_id": "wrong"}, 401, "INVALID_CREDENTIALS"),
        ({"audience": "https://topups.reloadly.com"}, 401, "INVALID_CREDENTIALS"),
        ({"audience": "https://elsewhere.example"}, 400, "INVALID_AUDIENCE"),
    ],
)
def test_the_token_service_refuses(
    sandbox: StandIn, change: dict[str, object], status: int, code: str
) -> None:
    answer = sandbox.ask_token(**change)
    assert (answer.status, answer.json["errorCode"]) == (status, code)


def test_the_live_environment_knows_only_live_audiences(sandbox: StandIn) -> None:
    sandbox.control("settings", environment="live")
    assert sandbox.ask_token(audience="https://topups.reloadly.com").status == 200
    assert sandbox.ask_token().status == 401


def test_a_request_without_a_token_is_told_so(sandbox: StandIn) -> None:
    answer = sandbox.airtime("GET", "/countries", Authorization="")
    assert (answer.status, answer.json["errorCode"]) == (401, "MISSING_TOKEN")


def test_a_forged_token_is_invalid(sandbox: StandIn) -> None:
    forged = jwt.encode({"aud": AUDIENCE}, "0" * 64, "HS256")
    answer = sandbox.airtime("GET", "/countries", Authorization=f"Bearer {forged}")
    assert (answer.status, answer.json["errorCode"]) == (401, "INVALID_TOKEN")


def test_a_token_of_another_product_is_invalid(sandbox: StandIn) -> None:
    other = sandbox.ask_token(audience="https://giftcards-sandbox.reloadly.com").json["access_token"]
    answer = sandbox.airtime("GET", "/countries", Authorization=f"Bearer {other}")
    assert (answer.status, answer.json["errorCode"]) == (401, "INVALID_TOKEN")


def test_an_expired_token_is_told_apart(sandbox: StandIn) -> None:
    sandbox.control("settings", token_lifetime=0)
    answer = sandbox.ask_token().json
    assert answer["expires_in"] == 0
    refused = sandbox.airtime("GET", "/countries", Authorization=f"Bearer {answer['access_token']}")
    assert (refused.status, refused.json["errorCode"]) == (401, "TOKEN_EXPIRED")


def test_revoking_kills_tokens_and_new_ones_work(sandbox: StandIn) -> None:
    assert sandbox.airtime("GET", "/countries").status == 200
    sandbox.control("revoke")
    assert sandbox.airtime("GET", "/countries").json["errorCode"] == "INVALID_TOKEN"
    sandbox.known_token = ""
    assert sandbox.airtime("GET", "/countries").status == 200


def test_only_the_versioned_media_type_is_acceptable(sandbox: StandIn) -> None:
    for accept in ("application/json", "*/*"):
        answer = sandbox.airtime("GET", "/countries", Accept=accept)
        assert (answer.status, answer.json["errorCode"]) == (406, "MEDIA_TYPE_NOT_ACCEPTABLE")
    sandbox.control("settings", strict_accept=False)
    assert sandbox.airtime("GET", "/countries", Accept="application/json").status == 200


def test_business_errors_and_framework_errors_have_different_shapes(sandbox: StandIn) -> None:
    business = sandbox.airtime("GET", "/operators/999999")
    assert business.status == 404
    assert business.json.keys() == {"timeStamp", "message", "path", "errorCode", "infoLink", "details"}
    assert business.json["errorCode"] is None
    spring = sandbox.airtime("GET", "/no/such/path")
    assert spring.status == 404
    assert spring.json.keys() == {"timestamp", "status", "error", "path"}
    assert spring.json["path"] == "/no/such/path"


def test_every_answer_closes_the_connection(sandbox: StandIn) -> None:
    for answer in (sandbox.ask_token(), sandbox.airtime("GET", "/countries")):
        assert answer.headers["Connection"] == "close"


def test_the_log_shows_requests_as_they_came(sandbox: StandIn) -> None:
    path = "/operators/auto-detect/phone/%2B50936377111/countries/HT"
    sandbox.airtime("GET", f"{path}?suggestedAmounts=true&x=%20", Via="1.1 phone")
    seen = sandbox.read("requests?host=airtime")[-1]
    assert (seen["method"], seen["raw_path"], seen["query"]) == ("GET", path, "suggestedAmounts=true&x=%20")
    assert (seen["headers"]["Accept"], seen["headers"]["Via"]) == (ACCEPT, "1.1 phone")
    assert sandbox.read(f"requests?after={seen['id']}") == []


def test_token_fetches_can_be_counted(sandbox: StandIn) -> None:
    sandbox.ask_token()
    sandbox.ask_token()
    assert len(sandbox.read("requests?host=auth")) == 2

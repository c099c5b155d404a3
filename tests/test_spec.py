"""The helper that holds answers to the contract: what it lets pass, and what it does not."""

import gzip
import json

import pytest

from tests.document import items, read_spec
from tests.spec import Contract

CONTRACT = Contract.load()
SPEC = read_spec()
REQUEST_ID = "5b1a7a52-3a0f-4be5-a3d5-5a9ddc4a8f5e"
ME = {
    "subscriber_id": "3f0e8a4c-6a0e-4d53-9a51-2f3c4a3a9c11",
    "phone_hint": "•••• 11",
    "locale": "fr",
    "authenticators": [],
}
OPERATION = "/v1/operations/mfrggzdfmztwq2lknnwg23tpob"


def headers(**more: str) -> dict[str, str]:
    """Return what every private answer carries; `_` in a name stands for `-`."""
    plain = {"X-Request-Id": REQUEST_ID, "Content-Type": "application/json", "Cache-Control": "no-store"}
    return plain | {name.replace("_", "-"): value for name, value in more.items()}


def of_operation(**more: str) -> dict[str, str]:
    named = {"Operation_Id": OPERATION[-26:], "Operation_Status": "succeeded", "Location": OPERATION}
    return headers(**named, **more)


def problem(code: str, status: int, **more: object) -> bytes:
    body = {
        "type": f"/docs/problems/{code.lower().replace('_', '-')}",
        "title": "A refusal",
        "status": status,
        "detail": "No.",
        "instance": f"urn:uuid:{REQUEST_ID}",
        "request_id": REQUEST_ID,
        "errorCode": code,
        "message": "No.",
    }
    return json.dumps(body | more).encode()


def refuse(code: str, status: int, path: str = "/v1/me", method: str = "GET", **more: object) -> None:
    """Hold a refusal with the right headers to the contract."""
    sent = headers(Content_Type="application/problem+json", WWW_Authenticate="Bearer", Retry_After="3")
    CONTRACT.check(method, path, status, sent, problem(code, status, **more))


def me(**more: object) -> bytes:
    return json.dumps(ME | more).encode()


def example(name: str) -> object:
    return SPEC["components"]["examples"][name]["value"]


def test_a_right_answer_passes() -> None:
    CONTRACT.check("GET", "/v1/me", 200, headers(), me())


def test_names_of_headers_and_methods_have_no_case() -> None:
    sent = {name.upper(): value for name, value in headers().items()}
    CONTRACT.check("get", "/v1/me", 200, sent, me())


def test_a_query_is_not_part_of_the_path() -> None:
    page = json.dumps({"items": [example("SucceededOperation")], "next_cursor": None}).encode()
    CONTRACT.check("GET", "/v1/operations?limit=1", 200, headers(), page)


def test_a_packed_answer_is_read() -> None:
    CONTRACT.check("GET", "/v1/me", 200, headers(Content_Encoding="gzip"), gzip.compress(me()))


def test_a_literal_path_beats_a_template() -> None:
    drafted = CONTRACT.find("POST", "/v1/operations/top-ups")
    quoted = CONTRACT.find("POST", "/v1/reloadly/airtime/operators/fx-rate")
    assert drafted is not None
    assert quoted is not None
    assert (drafted.operation_id, quoted.operation_id) == ("draftTopUp", "quoteFxRate")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/mine"), ("DELETE", "/v1/me"), ("GET", "/v1/me/"), ("GET", "/v1/operations/a/b")],
)
def test_what_is_not_declared_fails(method: str, path: str) -> None:
    with pytest.raises(AssertionError, match="is not in the contract"):
        CONTRACT.check(method, path, 200, headers(), me())


@pytest.mark.parametrize("status", [201, 204, 418, 500])
def test_an_undeclared_status_fails(status: int) -> None:
    with pytest.raises(AssertionError, match=f"showSubscriber does not declare {status}"):
        CONTRACT.check("GET", "/v1/me", status, headers(), me())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"subscriber_id": "3f0e8a4c-6a0e-4d53-9a51-2f3c4a3a9c11"}', "required property"),
        (me(locale=None), "at /locale"),
        (me(subscriber_id="17"), "at /subscriber_id"),
        (me(phone_hint="+50936377111"), "at /phone_hint"),
        (me(nickname="Rose"), "nickname"),
        (me(errorCode=None), "errorCode"),
        (me(authenticators=[{"kind": "voice"}]), "at /authenticators/0/kind"),
        (b"{", "not JSON"),
        (b'{"locale": NaN}', "not JSON"),
    ],
)
def test_a_wrong_body_fails_and_is_named(body: bytes, words: str) -> None:
    with pytest.raises(AssertionError, match=r"showSubscriber 200 is against the contract") as caught:
        CONTRACT.check("GET", "/v1/me", 200, headers(), body)
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", ["text/html", "application/problem+json", ""])
def test_another_media_type_fails(kind: str) -> None:
    with pytest.raises(AssertionError, match="the media type is"):
        CONTRACT.check("GET", "/v1/me", 200, headers(Content_Type=kind), me())


@pytest.mark.parametrize("name", ["X-Request-Id", "Cache-Control"])
def test_a_missing_header_fails(name: str) -> None:
    left = {key: value for key, value in headers().items() if key != name}
    with pytest.raises(AssertionError, match=f"{name} is missing"):
        CONTRACT.check("GET", "/v1/me", 200, left, me())


@pytest.mark.parametrize(
    ("name", "value"), [("Cache_Control", "public"), ("RateLimit", "118"), ("X_Request_Id", "a b")]
)
def test_a_wrong_header_fails(name: str, value: str) -> None:
    with pytest.raises(AssertionError, match="header"):
        CONTRACT.check("GET", "/v1/me", 200, headers(**{name: value}), me())


def test_a_wait_is_a_whole_number() -> None:
    sent = headers(Content_Type="application/problem+json", Retry_After="soon")
    with pytest.raises(AssertionError, match="Retry-After is 'soon', not a number"):
        CONTRACT.check("GET", "/v1/me", 429, sent, problem("RATE_LIMIT_REACHED", 429, retry_after=3))


def test_an_answer_without_content_has_no_body() -> None:
    CONTRACT.check("POST", "/v1/tokens/revoke", 204, headers(), b"")
    with pytest.raises(AssertionError, match="a body where none is declared"):
        CONTRACT.check("POST", "/v1/tokens/revoke", 204, headers(), b"{}")


def test_text_is_held_to_the_contract_too() -> None:
    CONTRACT.check("GET", "/openapi.yaml", 200, headers(Content_Type="application/yaml"), b"openapi: 3.1.0")


def test_every_example_of_an_operation_passes() -> None:
    for name in ("WaitingOperation", "SendingOperation", "FailedOperation", "CancelledOperation"):
        CONTRACT.check("GET", OPERATION, 200, of_operation(), json.dumps(example(name)).encode())


def test_company_data_fails_wherever_it_stands() -> None:
    told = example("SucceededOperation")
    assert isinstance(told, dict)
    told = {**told, "reply": {**told["reply"], "balanceInfo": {"cost": 3.5}}}
    with pytest.raises(AssertionError, match="company data: balanceInfo"):
        CONTRACT.check("GET", OPERATION, 200, of_operation(), json.dumps(told).encode())


def test_a_right_refusal_passes() -> None:
    refuse("INVALID_TOKEN", 401)
    refuse("RATE_LIMIT_REACHED", 429, retry_after=3)
    refuse("STALE_AUTHENTICATION", 401, "/v1/authenticators/totp", "POST", max_age=300)


def test_reloadlys_own_words_pass_where_reloadly_refused() -> None:
    refuse("COULD_NOT_AUTO_DETECT_OPERATOR", 404, "/v1/reloadly/airtime/operators/1")
    refuse("RATE_LIMIT_REACHED", 422, "/v1/reloadly/airtime/topups", "POST")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"status": 403}, "status is 403"),
        ({"message": "Yes."}, "message is 'Yes.'"),
        ({"type": "/docs/problems/other"}, "type is"),
        ({"request_id": "5b1a7a52-0000-4be5-a3d5-5a9ddc4a8f5e"}, "request_id is"),
        ({"errorCode": "NO_SUCH_CODE"}, "NO_SUCH_CODE is not documented for 401"),
        ({"errorCode": "INVALID_CODE"}, "INVALID_CODE is not documented for 401"),
    ],
)
def test_a_refusal_that_contradicts_itself_fails(more: dict[str, object], words: str) -> None:
    sent = headers(Content_Type="application/problem+json", WWW_Authenticate="Bearer")
    body = json.dumps(json.loads(problem("INVALID_TOKEN", 401)) | more).encode()
    with pytest.raises(AssertionError) as caught:
        CONTRACT.check("GET", "/v1/me", 401, sent, body)
    assert words in str(caught.value)


def test_the_wait_in_the_body_is_the_wait_in_the_header() -> None:
    with pytest.raises(AssertionError, match="retry_after is 4, not 3"):
        refuse("RATE_LIMIT_REACHED", 429, retry_after=4)


def test_a_refusal_that_lacks_what_its_code_promises_fails() -> None:
    with pytest.raises(AssertionError, match="APPROVAL_REQUIRED lacks its member operation"):
        refuse("APPROVAL_REQUIRED", 403, "/v1/reloadly/airtime/topups", "POST")


def test_an_unlisted_path_is_refused_in_the_common_form() -> None:
    sent = headers(Content_Type="application/problem+json")
    CONTRACT.check_unlisted("GET", "/v1/mine", 404, sent, problem("NOT_FOUND", 404))
    with pytest.raises(AssertionError, match="answers 200"):
        CONTRACT.check_unlisted("GET", "/v1/mine", 200, headers(), me())
    with pytest.raises(AssertionError, match="is in the contract"):
        CONTRACT.check_unlisted("GET", "/v1/me", 404, sent, problem("NOT_FOUND", 404))


def test_every_error_code_is_known() -> None:
    assert len(CONTRACT.problems) == len(items(SPEC["components"]["schemas"]["Problem"]["x-problems"]))

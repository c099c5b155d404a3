"""Every refusal is the documented problem, and look-alike failures look alike."""

import pytest

from service.outbound.schema_sql import authenticators
from tests.house import House
from tests.phone import Answer, Phone


def shape(answer: Answer) -> tuple[int, dict[str, object]]:
    """Return what of an answer a stranger could compare, without what differs by design."""
    changing = {"request_id", "instance", "challenge_id"}
    body = {name: value for name, value in answer.json.items() if name not in changing}
    return answer.status, body


def headers(answer: Answer) -> dict[str, str]:
    """Return the headers without the request's own id and the caller's own count."""
    own = ("X-Request-Id", "RateLimit")
    return {name: value for name, value in answer.headers.items() if name not in own}


def test_a_wrong_password_looks_like_an_unknown_number(house: House, phone: Phone) -> None:
    phone.sign_up()
    wrong = phone.start_log_in("another horse battery staple")
    unknown = house.phone("+50936377119").start_log_in()
    assert (wrong.status, wrong.code) == (401, "INVALID_CREDENTIALS")
    assert shape(wrong) == shape(unknown)
    assert headers(wrong) == headers(unknown)


def test_a_taken_number_gets_the_same_sign_up_and_no_code(house: House, phone: Phone) -> None:
    first = phone.start_sign_up()
    phone.answer(first.json["challenge_id"], "sms", phone.texted_code())
    house.clock.advance(seconds=31)
    other = house.phone("+50936377119")
    taken, free = phone.start_sign_up(), other.start_sign_up()
    mask = {"phone_hint": None}
    assert taken.json | mask | {"challenge_id": ""} | {"resend_in": 0} == free.json | mask | {
        "challenge_id": ""
    } | {"resend_in": 0}
    assert "already have an account" in phone.last_text()
    for code in (f"{number:06}" for number in range(3)):
        assert phone.answer(taken.json["challenge_id"], "sms", code).code == "INVALID_CODE"


def test_five_wrong_codes_kill_the_challenge_and_the_right_one_comes_too_late(phone: Phone) -> None:
    challenge = phone.start_sign_up().json["challenge_id"]
    right = phone.texted_code()
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    left = [phone.answer(challenge, "sms", wrong).json["attempts_left"] for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    assert phone.answer(challenge, "sms", right).code == "CHALLENGE_GONE"


def test_a_code_of_wrong_form_is_not_counted(phone: Phone) -> None:
    challenge = phone.start_sign_up().json["challenge_id"]
    right = phone.texted_code()
    for form in ("12345", "1234567", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16", "12_345", "½23456"):
        assert phone.answer(challenge, "sms", form).code == "BAD_REQUEST"
    assert phone.answer(challenge, "sms", f" {right[:3]}-{right[3:]} ").status == 200


def test_gone_challenges_look_alike_whether_unknown_spent_or_expired(house: House, phone: Phone) -> None:
    spent = phone.start_sign_up().json["challenge_id"]
    code = phone.texted_code()
    phone.answer(spent, "sms", code)
    house.clock.advance(seconds=31)
    expired = phone.start_log_in().json["challenge_id"]
    late = phone.texted_code()
    house.clock.advance(seconds=300)
    answers = [phone.answer(one, "sms", late) for one in (spent, expired, "A" * 43)]
    assert {answer.code for answer in answers} == {"CHALLENGE_GONE"}
    assert len({str(shape(answer)) for answer in answers}) == 1


def test_a_totp_step_is_taken_once_over_all_purposes(house: House, phone: Phone) -> None:
    phone.sign_up()
    phone.bind_app()
    bound_with = phone.app_code(-1)
    replay = phone.answer(phone.start_log_in().json["challenge_id"], "totp", bound_with)
    assert replay.code == "INVALID_CODE"

    phone.log_in()
    again = phone.answer(phone.start_log_in().json["challenge_id"], "totp", phone.app_code())
    assert again.code == "INVALID_CODE"
    operation = phone.draft("step").json
    assert phone.approve(operation, "totp", phone.app_code()).code == "INVALID_CODE"
    house.clock.advance(seconds=30)
    assert phone.approve(operation, "totp", phone.app_code(-1)).code == "INVALID_CODE"
    assert phone.approve(operation, "totp", phone.app_code()).status == 200


def test_approving_within_the_step_of_the_log_in_is_no_failure_of_the_app(house: House, phone: Phone) -> None:
    phone.sign_up()
    phone.bind_app()
    phone.log_in()
    operation = phone.draft("honest").json
    assert phone.approve(operation, "totp", phone.app_code()).json["attempts_left"] == 4
    with house.parts.database.read() as connection:
        streaks = connection.execute(authenticators.select()).all()
    assert all(row.streak == 0 for row in streaks)


def test_the_code_of_one_challenge_opens_no_other(house: House, phone: Phone) -> None:
    phone.sign_up()
    house.clock.advance(seconds=60)
    first = phone.start_log_in().json["challenge_id"]
    code = phone.texted_code()
    house.clock.advance(seconds=60)
    second = phone.start_log_in().json["challenge_id"]
    assert phone.answer(second, "sms", code).code == "INVALID_CODE"
    assert phone.answer(first, "sms", code).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/accounts/balance"),
        ("GET", "/operators/commissions"),
        ("GET", "/operators/173/commissions"),
        ("GET", "/topups/reports/transactions"),
        ("GET", "/topups/1/status"),
        ("GET", "/operators/173/"),
        ("GET", "/operators/0173"),
        ("GET", "/operators/../accounts/balance"),
        ("GET", "/operators/..%2faccounts%2fbalance"),
        ("GET", "/operators//173"),
        ("GET", "/operators/173;x"),
        ("GET", "/operators/countries/H%54%00"),
        ("GET", "/Operators"),
        ("POST", "/topups-async"),
        ("GET", "/topups"),
        ("POST", "/operators/173"),
    ],
)
def test_a_path_that_is_not_listed_is_not_offered_and_reaches_nobody(
    house: House, phone: Phone, method: str, path: str
) -> None:
    phone.sign_up()
    before = len(house.sandbox.read("requests?host=airtime"))
    full = f"/v1/reloadly/airtime{path}"
    headers = {"Authorization": f"Bearer {phone.tokens['access_token']}"}
    answer = house.wire(method, full, headers, None)
    assert (answer.status, answer.code) == (404, "OPERATION_NOT_LISTED")
    assert len(house.sandbox.read("requests?host=airtime")) == before


def test_a_money_call_needs_a_key_and_a_key_stands_for_one_body(phone: Phone) -> None:
    phone.sign_up()
    assert phone.top_up_as_reloadly(None).code == "IDEMPOTENCY_KEY_MISSING"
    assert phone.post("/v1/operations/top-ups", draft_body()).code == "IDEMPOTENCY_KEY_MISSING"
    first = phone.draft("one")
    assert phone.draft("one").json["operation_id"] == first.json["operation_id"]
    assert phone.draft("one").status == 200
    assert phone.draft("one", amount="600.00").code == "IDEMPOTENCY_KEY_REUSED"
    assert phone.top_up_as_reloadly("one", amount="500.01").code == "IDEMPOTENCY_KEY_REUSED"


def test_one_identifier_under_two_keys_answers_as_reloadly_does(phone: Phone) -> None:
    phone.sign_up()
    phone.draft("one", client_reference="order-7")
    assert phone.draft("two", client_reference="order-7").code == "CUSTOM_IDENTIFIER_ALREADY_USED"
    # Without a header the reference is itself the key, in a namespace of its own.
    assert phone.post("/v1/operations/top-ups", draft_body(client_reference="order-7")).status == 400


def draft_body(**more: object) -> dict[str, object]:
    return {
        "operator_id": 173,
        "amount": "500.00",
        "currency": "HTG",
        "recipient_phone": "+50936377222",
        **more,
    }


@pytest.mark.parametrize(
    "body",
    [
        b'{"phone":"+50936377111","password":"correct horse battery staple","admin":true}',
        b'{"phone":"+50936377111","phone":"+50936377112","password":"correct horse battery staple"}',
        b'{"phone":["+50936377111"],"password":"correct horse battery staple"}',
        b'{"phone":50936377111,"password":"correct horse battery staple"}',
        b'{"phone":"+50936377111"}',
        b"[]",
        b'"text"',
        b"{",
        b'{"phone":"+50936377111","password":NaN}',
        b'{"phone":"\\ud800","password":"correct horse battery staple"}',
        b'\xff\xfe{"phone":1}',
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"[" * 100_000,
    ],
)
def test_a_body_against_the_contract_is_a_bad_request(phone: Phone, body: bytes) -> None:
    answer = phone.call("POST", "/v1/signup", body, token="")
    assert answer.code in ("BAD_REQUEST", "BODY_TOO_LARGE"), answer.body


def test_a_body_beyond_64_kib_is_refused(phone: Phone) -> None:
    body = b'{"phone":"' + b"1" * 65_536 + b'"}'
    assert phone.call("POST", "/v1/login", body, token="").code == "BODY_TOO_LARGE"


def test_a_session_that_is_not_fresh_reauthenticates_before_it_binds(house: House, phone: Phone) -> None:
    phone.sign_up()
    house.clock.advance(seconds=301)
    phone.refresh()
    stale = phone.post("/v1/authenticators/totp")
    assert stale.code == "STALE_AUTHENTICATION"
    assert "insufficient_user_authentication" in stale.headers["WWW-Authenticate"]
    challenge = phone.post("/v1/reauthenticate")
    assert phone.answer(challenge.json["challenge_id"], "sms", phone.texted_code()).status == 200
    assert phone.post("/v1/authenticators/totp").status == 201


def test_a_challenge_of_a_session_is_gone_for_any_other(house: House, phone: Phone) -> None:
    phone.sign_up()
    house.clock.advance(seconds=31)
    challenge = phone.post("/v1/reauthenticate").json["challenge_id"]
    code = phone.texted_code()
    stranger = house.phone("+50936377119")
    stranger.sign_up()
    for token in ("", stranger.tokens["access_token"]):
        body = {"method": "sms", "code": code}
        answer = phone.call("POST", f"/v1/challenges/{challenge}/verify", body, token=token)
        assert answer.code == "CHALLENGE_GONE"
    assert phone.answer(challenge, "sms", code).status == 200


def test_an_operation_of_somebody_else_is_not_there(house: House, phone: Phone) -> None:
    phone.sign_up()
    operation = phone.draft("mine").json
    stranger = house.phone("+50936377119")
    stranger.sign_up()
    for answer in (
        stranger.get(f"/v1/operations/{operation['operation_id']}"),
        stranger.approve(operation, "sms", "123456"),
        stranger.post(f"/v1/operations/{operation['operation_id']}/cancel"),
    ):
        assert (answer.status, answer.code) == (404, "NOT_FOUND")
    assert stranger.get("/v1/operations").json["items"] == []


def test_only_the_session_that_drafted_approves(house: House, phone: Phone) -> None:
    phone.sign_up()
    phone.bind_app()
    operation = phone.draft("mine").json
    second = house.phone()
    second.app = phone.app
    second.log_in()
    house.clock.advance(seconds=30)
    assert second.approve(operation, "totp", second.app_code()).code == "CHALLENGE_GONE"
    assert phone.approve(operation, "totp", phone.app_code()).status == 200

"""Attacks on identity that once came through: the owner gets in, and nobody else does."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.house import House, at_once, open_house
from tests.phone import Answer, Phone
from tests.stand_in import StandIn
from tests.stories.test_refusals import shape

STALE = 301


@pytest.fixture
def narrow(tmp_path: Path, database_url: str, redis_url: str, sandbox_server: StandIn) -> Iterator[House]:
    """A house that hashes one password at a time, while one more waits."""
    sandbox_server.reset()
    passwords = {"time_cost": 2, "memory_kib": 19456, "parallelism": 1, "queue": 1, "slots": 1}
    with open_house(tmp_path, database_url, redis_url, sandbox_server, passwords=passwords) as opened:
        yield opened


@pytest.fixture
def lonely(
    tmp_path: Path, postgres_database: str, redis_url: str, sandbox_server: StandIn
) -> Iterator[House]:
    """A house on PostgreSQL where a subscriber has one session at most."""
    sandbox_server.reset()
    with open_house(tmp_path, postgres_database, redis_url, sandbox_server, sessions={"most": 1}) as opened:
        yield opened


def subscriber(house: House) -> Phone:
    """Return a phone with an authenticator app whose present code is unused."""
    phone = house.phone()
    phone.sign_up()
    assert phone.bind_app().status == 200
    return phone


def stranger(phone: Phone) -> Phone:
    """Return another device of the same owner, without a session."""
    return replace(phone, tokens={}, app=phone.app)


def wrong(phone: Phone) -> str:
    """Return a code that the authenticator app shows in none of the steps that count."""
    shown = {phone.app_code(steps) for steps in (-1, 0, 1)}
    return next(code for code in map("{:06}".format, range(4)) if code not in shown)


def asked_again(phone: Phone) -> str:
    """Return a fresh question to this session."""
    challenge: str = phone.post("/v1/reauthenticate").json["challenge_id"]
    return challenge


# ── passwords ──


def test_a_password_that_nobody_had_time_to_judge_does_not_count(narrow: House) -> None:
    phone = narrow.phone()
    phone.sign_up()
    narrow.clock.advance(seconds=61)
    with narrow.parts.hasher.place():
        refused = at_once([phone.start_log_in] * 12)
    assert {(answer.status, answer.code) for answer in refused} == {(503, "BUSY")}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert phone.start_log_in().status == 200


# ── binding ──


def test_binding_an_app_closes_log_ins_that_were_opened_before(house: House, phone: Phone) -> None:
    phone.sign_up()
    house.clock.advance(seconds=31)
    thief = stranger(phone)
    challenge = thief.start_log_in().json["challenge_id"]
    code = thief.texted_code()
    assert phone.bind_app().status == 200
    assert thief.answer(challenge, "sms", code).code == "CHALLENGE_GONE"
    assert thief.tokens == {}


def test_binding_another_app_closes_log_ins_that_were_opened_before(house: House) -> None:
    phone = subscriber(house)
    thief = stranger(phone)
    challenge = thief.start_log_in().json["challenge_id"]
    old = thief.app_code()
    assert phone.bind_app().status == 200
    assert thief.answer(challenge, "totp", old).code == "CHALLENGE_GONE"
    assert thief.answer(challenge, "totp", phone.app_code()).code == "CHALLENGE_GONE"


def test_binding_an_app_ends_the_other_sessions_and_what_they_drafted(house: House, phone: Phone) -> None:
    phone.sign_up()
    house.clock.advance(seconds=61)
    other = stranger(phone)
    other.log_in()
    house.clock.advance(seconds=121)
    operation = other.draft("other").json
    code = other.texted_code()
    mine = asked_again(phone)
    assert phone.bind_app().status == 200
    assert other.get("/v1/me").code == "INVALID_TOKEN"
    assert other.get("/v1/reloadly/airtime/countries").code == "INVALID_TOKEN"
    assert phone.approve(operation, "sms", code).code == "CHALLENGE_GONE"
    assert house.charges == []
    # The session that bound the app keeps its own questions.
    assert phone.get(f"/v1/challenges/{mine}").status == 200


# ── ids ──


ROUTES = [
    ("GET", "/v1/challenges/{}", None, (410, "CHALLENGE_GONE")),
    ("POST", "/v1/challenges/{}/send", {"channel": "sms"}, (410, "CHALLENGE_GONE")),
    ("POST", "/v1/challenges/{}/verify", {"method": "sms", "code": "123456"}, (410, "CHALLENGE_GONE")),
    ("POST", "/v1/authenticators/{}/confirm", {"code": "123456"}, (404, "NOT_FOUND")),
    ("GET", "/v1/operations/{}", None, (404, "NOT_FOUND")),
    ("POST", "/v1/operations/{}/approve", {"method": "sms", "code": "123456"}, (404, "NOT_FOUND")),
    ("POST", "/v1/operations/{}/cancel", {}, (404, "NOT_FOUND")),
]
ODD_IDS = ["%00", "a%00b", "A" * 300, "%ff%fe", "%ed%a0%80", "%F0%9F%98%80", "'or'1'='1", "a%0d%0ab", "-"]


def test_an_id_that_cannot_be_one_answers_as_one_that_nobody_has(phone: Phone) -> None:
    phone.sign_up()
    for method, path, body, expected in ROUTES:
        unknown = phone.call(method, path.format("B" * 43), body)
        assert (unknown.status, unknown.code) == expected
        for odd in ODD_IDS:
            answer = phone.call(method, path.format(odd), body)
            assert shape(answer) == shape(unknown), (path, odd)


# ── codes in a row ──


def guess(house: House, phone: Phone, times: int) -> None:
    """Try so many wrong codes, each as soon as it may be."""
    while times:
        challenge = asked_again(phone)
        answer = phone.answer(challenge, "totp", wrong(phone))
        if answer.status == 429:
            house.clock.advance(seconds=int(answer.headers["Retry-After"]))
            assert phone.refresh().status == 200
        else:
            assert answer.code == "INVALID_CODE"
            times -= 1


def test_the_twentieth_code_in_a_row_is_still_judged_and_a_right_one_accepted(house: House) -> None:
    phone = subscriber(house)
    guess(house, phone, 19)
    house.clock.advance(hours=1)
    assert phone.refresh().status == 200
    assert phone.answer(asked_again(phone), "totp", phone.app_code()).status == 200


def test_after_twenty_wrong_codes_in_a_row_the_app_proves_nothing_any_more(house: House) -> None:
    phone = subscriber(house)
    guess(house, phone, 20)
    house.clock.advance(hours=2)
    assert phone.refresh().status == 200
    assert phone.answer(asked_again(phone), "totp", phone.app_code()).code == "INVALID_CODE"


def test_the_fifth_code_in_a_row_over_two_challenges_uses_up_the_second(house: House) -> None:
    phone = subscriber(house)
    first, second = asked_again(phone), asked_again(phone)
    answers = [phone.answer(one, "totp", wrong(phone)) for one in (first, first, first, second, second)]
    assert [answer.json["attempts_left"] for answer in answers] == [4, 3, 2, 4, 0]
    waiting = phone.answer(first, "totp", phone.app_code())
    assert (waiting.code, waiting.json["retry_after"]) == ("TOO_MANY_ATTEMPTS", 60)
    house.clock.advance(seconds=61)
    assert phone.answer(second, "totp", phone.app_code()).code == "CHALLENGE_GONE"
    assert phone.answer(first, "totp", phone.app_code()).status == 200


def test_an_honest_repeat_that_came_fifth_in_a_row_leaves_no_wait(house: House) -> None:
    phone = subscriber(house)
    assert phone.answer(asked_again(phone), "totp", phone.app_code()).status == 200
    guess(house, phone, 4)
    repeat = phone.answer(asked_again(phone), "totp", phone.app_code())
    assert (repeat.status, repeat.code) == (422, "INVALID_CODE")
    house.clock.advance(seconds=30)
    assert phone.answer(asked_again(phone), "totp", phone.app_code()).status == 200


# ── tokens that are no good any more ──


@pytest.mark.parametrize("token", ["gws_x", "gws_" + "A" * 48, "x" * 256, "not even a token"])
def test_logging_out_with_an_unknown_token_is_done(phone: Phone, token: str) -> None:
    assert phone.call("POST", "/v1/tokens/revoke", {}, token=token).status == 204
    body = {"refresh_token": token.replace(" ", "")[:128]}
    assert phone.call("POST", "/v1/tokens/revoke", body, token=token).status == 204


def test_logging_out_with_an_expired_access_token_ends_the_session_of_the_refresh_token(
    house: House, phone: Phone
) -> None:
    phone.sign_up()
    house.clock.advance(seconds=STALE)
    assert phone.get("/v1/me").code == "INVALID_TOKEN"
    body = {"refresh_token": phone.tokens["refresh_token"]}
    assert phone.post("/v1/tokens/revoke", body).status == 204
    assert phone.refresh().code == "INVALID_TOKEN"
    assert phone.post("/v1/tokens/revoke", body).status == 204
    assert phone.post("/v1/tokens/revoke", {}).status == 204


def test_an_expired_token_beside_a_log_in_does_not_matter(house: House) -> None:
    phone = subscriber(house)
    house.clock.advance(seconds=STALE)
    assert phone.get("/v1/me").code == "INVALID_TOKEN"
    challenge = phone.start_log_in().json["challenge_id"]
    assert phone.get(f"/v1/challenges/{challenge}").status == 200
    assert phone.answer(challenge, "totp", phone.app_code()).status == 200
    assert phone.get("/v1/me").status == 200


def test_an_expired_token_opens_no_question_of_its_session(house: House) -> None:
    phone = subscriber(house)
    house.clock.advance(seconds=299)
    challenge = asked_again(phone)
    house.clock.advance(seconds=2)
    assert phone.answer(challenge, "totp", phone.app_code()).code == "CHALLENGE_GONE"


# ── at once ──


def test_a_log_in_that_ends_a_session_never_collides_with_codes_tried_in_it(lonely: House) -> None:
    phone = subscriber(lonely)
    lonely.clock.advance(seconds=30)
    for _ in range(30):
        phone = _replaced(lonely, phone)


def _replaced(house: House, phone: Phone) -> Phone:
    """Log in on another device while wrong codes are tried in the one session; return the other device."""
    questions = [asked_again(phone) for _ in range(3)]
    house.clock.advance(seconds=61)
    other, guesses = stranger(phone), wrong(phone)
    challenge, code = other.start_log_in().json["challenge_id"], other.app_code()
    tries = [partial(phone.answer, one, "totp", guesses) for one in questions]
    opened, *tried = at_once([partial(other.answer, challenge, "totp", code), *tries])
    assert opened.status == 200, opened.body
    assert {answer.code for answer in tried} <= {"INVALID_CODE", "CHALLENGE_GONE"}, _codes(tried)
    return other


def _codes(answers: list[Answer]) -> list[tuple[int, str | None]]:
    return [(answer.status, answer.code) for answer in answers]

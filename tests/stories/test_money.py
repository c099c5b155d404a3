"""A top-up is sent at most once, whatever happens, and ends as what Reloadly made of it."""

import threading

from tests.house import House
from tests.phone import Answer, Phone


def approved(house: House, phone: Phone, key: str = "key") -> Answer:
    """Draft a top-up and approve it by text."""
    operation = phone.draft(key).json
    if operation["challenge"]["delivery"]["status"] == "not_requested":
        house.clock.advance(seconds=600)
        phone.post(f"/v1/challenges/{operation['challenge']['challenge_id']}/send", {"channel": "sms"})
    return phone.approve(operation, "sms", phone.texted_code())


def ready(house: House, phone: Phone) -> None:
    """Sign up, and let the wait between two texts pass."""
    phone.sign_up()
    house.clock.advance(seconds=61)


def test_a_lost_answer_after_charging_is_unclear_then_found_and_never_sent_again(
    house: House, phone: Phone
) -> None:
    ready(house, phone)
    house.fault(host="airtime", match="POST /topups", kind="drop_after")
    answer = approved(house, phone)
    assert (answer.status, answer.json["status"]) == (202, "unclear")
    assert len(house.charges) == 1

    house.reconcile()
    path = f"/v1/operations/{answer.json['operation_id']}"
    assert phone.get(path).json["status"] == "unclear"
    house.clock.advance(seconds=6)
    house.reconcile()
    assert phone.get(path).json["status"] == "succeeded"
    assert len(house.charges) == 1
    assert sends(house) == 1


def sends(house: House) -> int:
    """Count the purchases that reached the stand-in."""
    found = house.sandbox.read("requests?host=airtime")
    return sum(1 for one in found if one["method"] == "POST" and one["raw_path"] == "/topups")


def test_a_send_that_never_arrived_fails_only_after_three_empty_answers(house: House, phone: Phone) -> None:
    ready(house, phone)
    house.fault(host="airtime", match="POST /topups", kind="drop_before")
    answer = approved(house, phone)
    path = f"/v1/operations/{answer.json['operation_id']}"
    for seconds in (6, 31, 121, 601):
        house.clock.advance(seconds=seconds)
        house.reconcile()
        phone.refresh()
        assert phone.get(path).json["status"] == "unclear"
    house.clock.advance(seconds=1801)
    house.reconcile()
    phone.refresh()
    failed = phone.get(path).json
    assert (failed["status"], failed["problem"]["errorCode"]) == ("failed", "NOT_EXECUTED")
    assert house.charges == []
    assert sends(house) == 1


def test_a_slow_operator_lets_the_client_go_and_the_send_ends_by_itself(house: House, phone: Phone) -> None:
    ready(house, phone)
    house.fault(host="airtime", match="POST /topups", kind="delay", when="after", seconds=9)
    answer = approved(house, phone)
    assert (answer.status, answer.json["status"]) == (202, "sending")
    assert answer.json["poll_after"] > 0
    repeated = phone.draft("key")
    assert (repeated.status, repeated.json["status"]) == (200, "sending")
    assert house.parts.lane.drain(20)  # type: ignore[attr-defined]
    assert phone.get(f"/v1/operations/{answer.json['operation_id']}").json["status"] == "succeeded"
    assert len(house.charges) == 1


def test_what_is_processing_is_followed_to_its_end(house: House, phone: Phone) -> None:
    ready(house, phone)
    house.fault(host="airtime", match="POST /topups", kind="processing")
    answer = approved(house, phone)
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    for _ in range(6):
        house.clock.advance(seconds=60)
        house.reconcile()
    phone.refresh()
    assert phone.get(f"/v1/operations/{answer.json['operation_id']}").json["status"] == "succeeded"


def test_a_definite_refusal_fails_at_once_and_frees_the_reference(house: House, phone: Phone) -> None:
    ready(house, phone)
    house.sandbox.control("settings", balance="0.01")
    operation = phone.draft("poor", client_reference="order-1").json
    answer = phone.approve(operation, "sms", phone.texted_code())
    assert (answer.status, answer.json["status"]) == (200, "failed")
    assert answer.json["problem"]["errorCode"] == "TEMPORARILY_UNAVAILABLE"
    house.sandbox.control("settings", balance="1000")
    assert phone.draft("rich", client_reference="order-1").status == 201
    as_reloadly = phone.top_up_as_reloadly("poor")
    assert (as_reloadly.status, as_reloadly.code) == (422, "TEMPORARILY_UNAVAILABLE")


def test_an_expired_upstream_token_is_replaced_once_and_the_top_up_goes_through(
    house: House, phone: Phone
) -> None:
    ready(house, phone)
    phone.get("/v1/reloadly/airtime/countries")
    house.sandbox.control("revoke")
    assert approved(house, phone).json["status"] == "succeeded"
    tokens = [one for one in house.sandbox.read("requests?host=auth") if one["raw_path"] == "/oauth/token"]
    assert len(tokens) == 2
    assert len(house.charges) == 1


def test_the_fifth_wrong_code_cancels_the_operation(house: House, phone: Phone) -> None:
    ready(house, phone)
    operation = phone.draft("guess").json
    right = phone.texted_code()
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for _ in range(5):
        assert phone.approve(operation, "sms", wrong).code == "INVALID_CODE"
    late = phone.approve(operation, "sms", right)
    assert (late.status, late.json["status"]) == (200, "cancelled")
    assert phone.top_up_as_reloadly("guess").code == "OPERATION_CLOSED"
    assert house.charges == []


def test_an_operation_expires_with_its_challenge(house: House, phone: Phone) -> None:
    ready(house, phone)
    operation = phone.draft("late").json
    code = phone.texted_code()
    house.clock.advance(seconds=299)
    phone.refresh()
    house.clock.advance(seconds=1)
    late = phone.approve(operation, "sms", code)
    assert late.json["status"] == "expired"
    assert house.charges == []


def test_what_is_approved_twice_is_sent_once_and_tells_the_present_state(house: House, phone: Phone) -> None:
    ready(house, phone)
    operation = phone.draft("twice").json
    code = phone.texted_code()
    assert phone.approve(operation, "sms", code).json["status"] == "succeeded"
    assert phone.approve(operation, "sms", "000000").json["status"] == "succeeded"
    assert sends(house) == 1


def test_fifty_equal_top_ups_at_once_are_one_charge(house: House, phone: Phone) -> None:
    ready(house, phone)
    drafts = at_once(50, lambda _: phone.draft("equal"))
    assert {answer.status for answer in drafts} <= {200, 201}
    operations = {answer.json["operation_id"] for answer in drafts}
    assert len(operations) == 1
    code = phone.texted_code()
    at_once(50, lambda _: phone.approve(drafts[0].json, "sms", code))
    house.parts.lane.drain(20)  # type: ignore[attr-defined]
    assert [charge["identifier"] for charge in house.charges] == list(operations)


def test_fifty_right_codes_at_once_open_one_session(house: House, phone: Phone) -> None:
    challenge = phone.start_sign_up().json["challenge_id"]
    code = phone.texted_code()
    answers = at_once(50, lambda _: house.phone().answer(challenge, "sms", code))
    assert sorted(answer.status for answer in answers) == [200] + [410] * 49


def test_two_hundred_wrong_codes_at_once_are_judged_five_times(phone: Phone) -> None:
    challenge = phone.start_sign_up().json["challenge_id"]
    wrong = f"{(int(phone.texted_code()) + 1) % 1_000_000:06}"
    answers = at_once(200, lambda _: phone.answer(challenge, "sms", wrong))
    codes = [answer.code for answer in answers]
    assert (codes.count("INVALID_CODE"), codes.count("CHALLENGE_GONE")) == (5, 195)


def at_once(threads: int, act: object) -> list[Answer]:
    """Let threads act at the same moment; return what each got."""
    barrier, answers = threading.Barrier(threads), []

    def run(number: int) -> None:
        barrier.wait()
        answers.append(act(number))  # type: ignore[operator]

    crowd = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len(answers) == threads
    return answers

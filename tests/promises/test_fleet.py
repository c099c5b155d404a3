"""Several processes on one PostgreSQL are one gateway: two servers with two workers each."""

import threading
from collections.abc import Callable
from pathlib import Path

from tests.phone import Answer
from tests.street import Street, open_street


def at_once(threads: int, act: Callable[[int], Answer]) -> list[Answer]:
    """Let threads act at the same moment; return what each got."""
    barrier, got = threading.Barrier(threads), list[Answer]()

    def run(number: int) -> None:
        barrier.wait()
        got.append(act(number))

    crowd = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len(got) == threads
    return got


def test_fifty_right_codes_at_four_processes_open_one_session(tmp_path: Path, postgres_database: str) -> None:
    with open_street(tmp_path, postgres_database, gateways=2, WORKERS="2") as street:
        phone = street.phone()
        challenge = phone.start_sign_up().json["challenge_id"]
        code = phone.texted_code()
        phones = [street.phone(house=number % 2) for number in range(50)]
        answers = at_once(50, lambda number: phones[number].answer(challenge, "sms", code))
        assert sorted(answer.status for answer in answers) == [200] + [410] * 49


def test_fifty_equal_top_ups_at_four_processes_are_one_charge(tmp_path: Path, postgres_database: str) -> None:
    with open_street(tmp_path, postgres_database, gateways=2, WORKERS="2") as street:
        operation_id = _topped_up_by_fifty(street)
        assert [charge["identifier"] for charge in street.charges] == [operation_id]
        assert street.asked("airtime", "POST", "/topups") == 1
        assert street.asked("auth", "POST", "/oauth/token") == 1


def _topped_up_by_fifty(street: Street) -> str:
    phone = street.phone()
    phone.sign_up()
    phone.bind_app()
    phones = [street.phone(house=number % 2) for number in range(50)]
    for one in phones:
        one.tokens = phone.tokens
    drafts = at_once(50, lambda number: phones[number].draft("equal"))
    operations = {draft.json["operation_id"] for draft in drafts}
    assert len(operations) == 1
    code = phone.app_code()
    answers = at_once(50, lambda number: phones[number].approve(drafts[0].json, "totp", code))
    assert {answer.status for answer in answers} <= {200, 202, 410, 422, 429, 503}
    assert sum(answer.status == 200 for answer in answers) >= 1
    return str(operations.pop())

"""A money call moves one step at a time, and each step is taken once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from service.model.challenge import Method
from service.model.errors import CustomIdentifierUsed, IdempotencyKeyReused, InvalidCode, TooManyWaiting
from service.model.events import Kind
from service.model.operation import Cursor, Key, Operation, Status
from service.model.policy import CodePolicy
from service.outbound.challenges_sql import SqlChallenges
from service.outbound.database_sql import Database
from tests.fakes import FixedClock
from tests.outbound.money import Ledger, challenge_of, draft_of, event, open_ledger
from tests.outbound.racing import race


@pytest.fixture
def ledger(database: Database, clock: FixedClock) -> Ledger:
    return open_ledger(database, clock.now())


def find_challenge(ledger: Ledger, challenge_id: str) -> bool:
    """Say whether a challenge is still open at the instant it was made."""
    seal = ledger.store.seal
    challenges = SqlChallenges(ledger.database, seal, seal, NoIndex(), CodePolicy())
    found = challenges.find(challenge_id)
    assert found
    return found.is_open(found.created_at)


class NoIndex:
    def of(self, text: str) -> bytes:
        return text.encode()


def test_a_draft_comes_back_as_it_was_stored(ledger: Ledger, clock: FixedClock) -> None:
    drafted = draft_of(ledger.subscriber_id, clock.now(), amount="0.00001", reference="mine")
    challenge = challenge_of(drafted)
    stored = ledger.store.draft(drafted, challenge, event(drafted.operation_id))
    assert stored.challenge == challenge
    assert stored.request == drafted.request
    assert stored.request.digest == drafted.request.digest
    assert (stored.delivered, stored.cost) == (drafted.delivered, drafted.cost)
    assert stored.summary == drafted.summary
    assert ledger.store.find(drafted.operation_id) == stored
    assert ledger.store.find_by_key(ledger.subscriber_id, drafted.key) == stored


def test_no_number_stands_in_the_row(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.draft(clock.now())
    assert b"36377111" not in repr(tuple(ledger.row(operation))).encode()


def test_of_many_equal_drafts_one_is_stored_and_all_get_it(ledger: Ledger, clock: FixedClock) -> None:
    got = race(50, lambda: ledger.draft(clock.now()))
    assert len({operation.challenge.challenge_id for operation in got if operation.challenge}) == 1
    assert all(operation == got[0] for operation in got)
    assert ledger.events(Kind.OPERATION_DRAFTED) == 1


def test_of_many_different_drafts_under_one_key_one_is_stored(ledger: Ledger, clock: FixedClock) -> None:
    amounts = iter(range(1, 40))

    def draft() -> Operation | None:
        try:
            return ledger.draft(clock.now(), amount=str(next(amounts)))
        except IdempotencyKeyReused:
            return None

    assert sum(result is not None for result in race(32, draft)) == 1


def test_a_key_stands_for_one_body(ledger: Ledger, clock: FixedClock) -> None:
    ledger.draft(clock.now())
    with pytest.raises(IdempotencyKeyReused):
        ledger.draft(clock.now(), amount="6")


def test_a_header_key_and_a_body_identifier_never_meet(ledger: Ledger, clock: FixedClock) -> None:
    ledger.draft(clock.now())
    assert ledger.store.find_by_key(ledger.subscriber_id, Key("k-1", from_header=False)) is None


def test_an_identifier_of_the_client_is_taken_once(ledger: Ledger, clock: FixedClock) -> None:
    ledger.draft(clock.now(), reference="mine")
    with pytest.raises(CustomIdentifierUsed):
        ledger.draft(clock.now(), key="k-2", reference="mine")


@pytest.mark.parametrize("end", [Status.CANCELLED, Status.EXPIRED])
def test_closing_frees_the_identifier_and_closes_the_challenge(
    ledger: Ledger, clock: FixedClock, end: Status
) -> None:
    operation = ledger.draft(clock.now(), reference="mine")
    assert operation.challenge
    assert ledger.store.close(operation.operation_id, end, clock.now(), event(operation.operation_id))
    assert not find_challenge(ledger, operation.challenge.challenge_id)
    assert ledger.draft(clock.now(), key="k-2", reference="mine").client_reference == "mine"


def test_a_definite_refusal_frees_the_identifier_and_doubt_does_not(
    ledger: Ledger, clock: FixedClock
) -> None:
    operation = ledger.sending(clock.now(), reference="mine")
    assert ledger.settle(operation, Status.UNCLEAR, clock.now())
    with pytest.raises(CustomIdentifierUsed):
        ledger.draft(clock.now(), key="k-2", reference="mine")
    assert ledger.settle(operation, Status.FAILED, clock.now())
    ledger.draft(clock.now(), key="k-2", reference="mine")


def test_three_may_wait_and_no_more_however_many_come_at_once(ledger: Ledger, clock: FixedClock) -> None:
    keys = iter(range(100))

    def draft() -> bool:
        try:
            ledger.draft(clock.now(), key=f"k-{next(keys)}")
        except TooManyWaiting:
            return False
        return True

    assert race(32, draft).count(True) == 3


def test_expired_ones_do_not_count_as_waiting(ledger: Ledger, clock: FixedClock) -> None:
    for key in ("a", "b", "c"):
        ledger.draft(clock.now(), key=key)
    clock.advance(seconds=300)
    ledger.draft(clock.now(), key="d")


def test_an_approval_is_taken_once(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.draft(clock.now())
    steps = iter(range(1, 100))
    won = race(32, lambda: ledger.approve(operation, clock.now(), next(steps)))
    assert won.count(True) == 1
    assert ledger.events(Kind.OPERATION_APPROVED) == 1
    assert ledger.now(operation).status is Status.APPROVED


def test_a_burnt_step_approves_nothing_and_spends_nothing(ledger: Ledger, clock: FixedClock) -> None:
    first, second = (ledger.draft(clock.now(), key=key) for key in ("a", "b"))
    assert ledger.approve(first, clock.now(), 100)
    with pytest.raises(InvalidCode):
        ledger.approve(second, clock.now(), 100)
    assert second.challenge
    assert find_challenge(ledger, second.challenge.challenge_id)
    assert ledger.now(second).status is Status.AWAITING_APPROVAL
    assert ledger.approve(second, clock.now(), 101)


def test_an_approval_comes_in_time_and_from_the_session_that_drafted(
    ledger: Ledger, clock: FixedClock
) -> None:
    operation = ledger.draft(clock.now())
    values = {name: getattr(operation, name) for name in operation.__dataclass_fields__}
    stranger = Operation(**(values | {"session_id": "session-2"}))
    assert not ledger.approve(stranger, clock.now())
    clock.advance(seconds=300)
    assert not ledger.approve(operation, clock.now())


def test_sending_begins_once_ever(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.draft(clock.now())
    assert ledger.approve(operation, clock.now())
    assert race(50, lambda: ledger.begin(operation, clock.now())).count(True) == 1
    assert not ledger.begin(operation, clock.now())


def test_nothing_is_sent_unapproved_or_late(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.draft(clock.now())
    assert not ledger.begin(operation, clock.now())
    assert ledger.approve(operation, clock.now())
    clock.advance(seconds=30)
    assert not ledger.begin(operation, clock.now())


def test_of_cancelling_and_sending_one_wins(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.draft(clock.now())
    assert ledger.approve(operation, clock.now())
    turns = iter(range(100))

    def act() -> bool:
        if next(turns) % 2:
            return ledger.begin(operation, clock.now())
        word = event(operation.operation_id)
        return ledger.store.close(operation.operation_id, Status.CANCELLED, clock.now(), word)

    assert race(32, act).count(True) == 1


def test_what_is_under_way_cannot_be_cancelled(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.sending(clock.now())
    for status in (Status.CANCELLED, Status.EXPIRED, Status.FAILED):
        assert not ledger.store.close(operation.operation_id, status, clock.now(), event("x"))


def test_the_list_is_newest_first_and_goes_on_where_it_stopped(ledger: Ledger, clock: FixedClock) -> None:
    for key in ("a", "b", "c"):
        ledger.draft(clock.now(), key=key)
        clock.advance(seconds=1)
    first = ledger.store.listed(ledger.subscriber_id, None, 2)
    assert [one.key.text for one in first] == ["c", "b"]
    rest = ledger.store.listed(ledger.subscriber_id, Cursor(first[-1].created_at, first[-1].operation_id), 2)
    assert [one.key.text for one in rest] == ["a"]
    assert all(one.challenge for one in (*first, *rest))
    assert not ledger.store.listed("somebody else", None, 2)


def test_amounts_stay_what_they_were(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.draft(clock.now(), amount="0.00001")
    assert ledger.row(operation).cost == "0.00001"
    assert ledger.now(operation).cost.amount == Decimal("0.00001")
    assert operation.expires_at == clock.now() + timedelta(seconds=300)
    assert operation.challenge
    assert operation.challenge.methods == (Method.TOTP, Method.SMS)

"""What was sent is followed to its end, by one process at a time."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from service.model.events import Kind
from service.model.operation import Failure, Found, Operation, Outcome, Status
from service.outbound.database_sql import Database
from tests.fakes import FixedClock
from tests.outbound.money import Ledger, event, open_ledger
from tests.outbound.racing import race


@pytest.fixture
def ledger(database: Database, clock: FixedClock) -> Ledger:
    return open_ledger(database, clock.now())


def after(clock: FixedClock, seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)


def note(ledger: Ledger, operation: Operation, found: Found, next_look: datetime, now: datetime) -> None:
    word = event(operation.operation_id, Kind.OPERATION_LOOKED_UP)
    ledger.due.note_look(operation, found, next_look, now, word)


def test_an_outcome_is_kept_exactly(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.sending(clock.now())
    reply = {"transactionId": 5, "requestedAmount": Decimal("500.00000000000"), "pinDetail": None}
    assert ledger.settle(operation, Outcome(Status.SUCCEEDED, 5, reply), clock.now())
    found = ledger.now(operation)
    assert (found.status, found.upstream_id) == (Status.SUCCEEDED, 5)
    assert found.reply == reply
    assert str((found.reply or {})["requestedAmount"]) == "500.00000000000"
    assert ledger.row(operation).look_at is None


def test_a_failure_keeps_its_problem(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.sending(clock.now())
    failure = Failure("INVALID_RECIPIENT_PHONE", "x" * 500)
    assert ledger.settle(operation, Outcome(Status.FAILED, failure=failure), clock.now())
    found = ledger.now(operation)
    assert found.failure == Failure("INVALID_RECIPIENT_PHONE", "x" * 300)


def test_one_final_word_stands(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.sending(clock.now())
    turns = iter(range(100))

    def settle() -> Status | None:
        word = (Status.SUCCEEDED, Status.REFUNDED)[next(turns) % 2]
        return word if ledger.settle(operation, word, clock.now()) else None

    words = [word for word in race(32, settle) if word]
    assert words == [ledger.now(operation).status]
    assert ledger.events(Kind.OPERATION_SETTLED) == 1


def test_a_late_success_corrects_a_failure_and_nothing_corrects_a_success(
    ledger: Ledger, clock: FixedClock
) -> None:
    operation = ledger.sending(clock.now())
    assert ledger.settle(operation, Status.FAILED, clock.now())
    assert not ledger.settle(operation, Status.REFUNDED, clock.now())
    assert ledger.settle(operation, Status.SUCCEEDED, clock.now())
    assert not ledger.settle(operation, Status.FAILED, clock.now())


def test_nothing_is_due_while_its_sender_may_live(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.sending(clock.now())
    clock.advance(seconds=94.9)
    assert ledger.due.claim_due(clock.now()) is None
    clock.advance(seconds=0.1)
    due = ledger.due.claim_due(clock.now())
    assert due
    assert (due.operation_id, due.status) == (operation.operation_id, Status.SENDING)


@pytest.mark.parametrize(("status", "wait"), [(Status.UNCLEAR, 5), (Status.ACCEPTED, 10)])
def test_what_is_undecided_is_looked_at_soon(
    ledger: Ledger, clock: FixedClock, status: Status, wait: int
) -> None:
    operation = ledger.sending(clock.now())
    assert ledger.settle(operation, status, clock.now())
    assert ledger.row(operation).look_at == after(clock, wait)


def test_a_failure_out_of_doubt_is_looked_at_again_and_a_definite_one_is_not(
    ledger: Ledger, clock: FixedClock
) -> None:
    sure = ledger.sending(clock.now())
    assert ledger.settle(sure, Status.FAILED, clock.now())
    assert ledger.row(sure).look_at is None
    doubted = ledger.sending(clock.now(), key="k-2", step=101)
    assert ledger.settle(doubted, Status.UNCLEAR, clock.now())
    assert ledger.settle(doubted, Status.FAILED, clock.now())
    assert ledger.row(doubted).look_at == after(clock, 7200)


def test_of_many_processes_one_looks(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.sending(clock.now())
    assert ledger.settle(operation, Status.UNCLEAR, clock.now())
    clock.advance(seconds=5)
    claims = race(32, lambda: ledger.due.claim_due(clock.now()))
    assert [claim.operation_id for claim in claims if claim] == [operation.operation_id]


def test_many_processes_share_what_is_due(ledger: Ledger, clock: FixedClock) -> None:
    for number in range(12):
        operation = ledger.sending(clock.now(), key=f"k-{number}", step=100 + number)
        assert ledger.settle(operation, Status.UNCLEAR, clock.now())
    clock.advance(seconds=5)
    claims = race(32, lambda: ledger.due.claim_due(clock.now()))
    claimed = [claim.operation_id for claim in claims if claim]
    assert len(claimed) == len(set(claimed)) == 12


def test_a_process_that_died_looking_is_followed_by_another(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.sending(clock.now())
    assert ledger.settle(operation, Status.UNCLEAR, clock.now())
    clock.advance(seconds=5)
    assert ledger.due.claim_due(clock.now())
    clock.advance(seconds=119)
    assert ledger.due.claim_due(clock.now()) is None
    clock.advance(seconds=1)
    assert ledger.due.claim_due(clock.now())


def test_a_look_is_counted_once_and_puts_off_the_next(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.sending(clock.now())
    assert ledger.settle(operation, Status.UNCLEAR, clock.now())
    clock.advance(seconds=5)
    claimed = ledger.due.claim_due(clock.now())
    assert claimed
    for _ in range(2):
        note(ledger, claimed, Found.NONE, after(clock, 30), clock.now())
    found = ledger.now(operation)
    assert (found.looks, found.not_found) == (1, 1)
    assert found.updated_at == clock.now() - timedelta(seconds=5)
    assert ledger.due.claim_due(clock.now()) is None
    assert ledger.events(Kind.OPERATION_LOOKED_UP) == 1
    clock.advance(seconds=30)
    claimed = ledger.due.claim_due(clock.now())
    assert claimed
    note(ledger, claimed, Found.ERROR, after(clock, 120), clock.now())
    found = ledger.now(operation)
    assert (found.looks, found.not_found) == (2, 1)


def test_a_look_that_ends_after_the_final_word_changes_nothing(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.sending(clock.now())
    assert ledger.settle(operation, Status.UNCLEAR, clock.now())
    clock.advance(seconds=5)
    claimed = ledger.due.claim_due(clock.now())
    assert claimed
    assert ledger.settle(operation, Status.SUCCEEDED, clock.now())
    note(ledger, claimed, Found.NONE, clock.now(), clock.now())
    assert ledger.due.claim_due(clock.now()) is None


def test_what_waited_too_long_expires_with_its_challenge(ledger: Ledger, clock: FixedClock) -> None:
    operation = ledger.draft(clock.now(), reference="mine")
    clock.advance(seconds=299)
    ledger.due.expire(clock.now())
    assert ledger.now(operation).status is Status.AWAITING_APPROVAL
    clock.advance(seconds=1)
    ledger.due.expire(clock.now())
    assert ledger.now(operation).status is Status.EXPIRED
    assert ledger.events(Kind.OPERATION_CLOSED) == 1
    ledger.draft(clock.now(), key="k-2", reference="mine")


def test_what_was_approved_and_never_sent_is_looked_up_and_not_sent(
    ledger: Ledger, clock: FixedClock
) -> None:
    operation = ledger.draft(clock.now())
    assert ledger.approve(operation, clock.now())
    clock.advance(seconds=30)
    ledger.due.expire(clock.now())
    due = ledger.due.claim_due(clock.now())
    assert due
    assert due.status is Status.UNCLEAR
    assert not ledger.begin(operation, clock.now())


def test_of_many_sweeps_one_expires_each(ledger: Ledger, clock: FixedClock) -> None:
    for key in ("a", "b", "c"):
        ledger.draft(clock.now(), key=key)
    clock.advance(seconds=300)
    race(32, lambda: ledger.due.expire(clock.now()))
    assert ledger.events(Kind.OPERATION_CLOSED) == 3

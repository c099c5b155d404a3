"""The reconciler looks and never sends: it settles on proof, counts only real absence, and alarms."""

from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from service.flows.reconcile import Reconcile
from service.model.errors import UpstreamTimedOut
from service.model.events import Kind
from service.model.operation import Operation, Outcome, Status
from service.outbound.audit_sql import SqlAudit
from service.outbound.database_sql import Database
from service.outbound.schema_sql import audit_events
from service.ports import Reply
from service.wiring import load_catalogue
from tests.fakes import FixedClock, ScriptedUpstream
from tests.model.test_verdict import row_of
from tests.outbound.money import Ledger, open_ledger

REPORT, STATUS = "reportTopUps", "statusOfTopUp"


def page(*rows: object, **changes: object) -> dict[str, object]:
    """Return a complete page of a report, but for the changes."""
    return {"content": list(rows), "last": True, "totalElements": len(rows), **changes}


@dataclass
class Desk:
    """A reconciler on real stores, and an upstream that says what a test tells it to."""

    ledger: Ledger
    clock: FixedClock
    upstream: ScriptedUpstream
    environment: str = "sandbox"

    def unclear(self) -> Operation:
        """Return an operation nobody heard back from."""
        return self._left_at(Outcome(Status.UNCLEAR))

    def accepted(self) -> Operation:
        return self._left_at(Outcome(Status.ACCEPTED, upstream_id=181_341))

    def _left_at(self, outcome: Outcome) -> Operation:
        operation = self.ledger.sending(self.clock.now())
        assert self.ledger.settle(operation, outcome, self.clock.now())
        return self.ledger.now(operation)

    def says(self, operation: str, body: object, status: int = 200) -> None:
        self.upstream.answers = {**self.upstream.answers, operation: lambda: Reply(status, body)}

    def raises(self, operation: str, error: Exception) -> None:
        def fail() -> Reply:
            raise error

        self.upstream.answers = {**self.upstream.answers, operation: fail}

    def look(self, **later: float) -> bool:
        """Let the reconciler look once, when the next look is due unless told otherwise."""
        self.clock.advance(**(later or {"seconds": 3601}))
        audit = SqlAudit(self.ledger.database, self.clock)
        store, due, policy = self.ledger.store, self.ledger.due, self.ledger.store.policy
        catalogue = load_catalogue()
        reconcile = Reconcile(
            store, due, self.upstream, catalogue, audit, self.clock, policy, self.environment
        )
        return reconcile()

    def alarms(self) -> list[str]:
        query = sa.select(audit_events.c.reason).where(audit_events.c.kind == Kind.ALARM.value)
        with self.ledger.database.read() as connection:
            return list(connection.execute(query.order_by(audit_events.c.at)).scalars().all())


@pytest.fixture
def desk(database: Database, clock: FixedClock) -> Desk:
    return Desk(open_ledger(database, clock.now()), clock, ScriptedUpstream({}))


@pytest.mark.parametrize("other", [{"status": "FAILED"}, {"status": "REFUNDED"}, {"recipientPhone": "1"}])
@pytest.mark.parametrize("first", [True, False])
def test_a_success_among_other_rows_settles_and_raises_an_alarm(
    desk: Desk, other: dict[str, Any], first: bool
) -> None:
    operation = desk.unclear()
    rows = [row_of(operation, transactionId=77), row_of(operation, **other)]
    desk.says(REPORT, page(*(rows if first else rows[::-1])))
    assert desk.look()
    found = desk.ledger.now(operation)
    assert (found.status, found.upstream_id) == (Status.SUCCEEDED, 77)
    assert "executed_more_than_once" in desk.alarms()


def test_rows_that_prove_nothing_keep_it_unclear_are_no_absence_and_raise_an_alarm(desk: Desk) -> None:
    operation = desk.unclear()
    others: list[dict[str, Any]] = [
        {"customIdentifier": operation.operation_id.upper()},
        {"customIdentifier": operation.operation_id.upper(), "status": "FAILED"},
        {"requestedAmountCurrencyCode": "HTG"},
        {"recipientPhone": "1"},
        {"status": "DELIVERED"},
    ]
    for looks, other in enumerate(others, 1):
        desk.says(REPORT, page(row_of(operation, **other)))
        assert desk.look()
        found = desk.ledger.now(operation)
        assert (found.status, found.looks, found.not_found) == (Status.UNCLEAR, looks, 0), other
    assert desk.alarms().count("answer_does_not_match") == len(others)


@pytest.mark.parametrize(
    ("status", "bodies"),
    [
        (200, [page(totalElements=3), page(totalElements=None), page(last=False), page("x", None, 5)]),
        (200, [{"last": True, "totalElements": 0}, [], None, {"errorCode": ["INVALID_AMOUNT"]}]),
        (201, [page()] * 3),
        (404, [page()] * 3),
        (500, [page()] * 3),
    ],
)
def test_a_report_that_is_not_whole_is_no_evidence_of_absence(
    desk: Desk, status: int, bodies: list[object]
) -> None:
    operation = desk.unclear()
    for looks, body in enumerate(bodies, 1):
        desk.says(REPORT, body, status)
        assert desk.look()
        found = desk.ledger.now(operation)
        assert (found.status, found.looks, found.not_found) == (Status.UNCLEAR, looks, 0), body


def test_three_empty_reports_fail_it_only_long_after_the_send_could_have_ended(desk: Desk) -> None:
    operation = desk.unclear()
    desk.says(REPORT, page())
    for seconds in (6, 31, 121, 601):
        assert desk.look(seconds=seconds)
        assert desk.ledger.now(operation).status is Status.UNCLEAR
    assert desk.look(seconds=1801)
    found = desk.ledger.now(operation)
    assert (found.status, found.failure and found.failure.code) == (Status.FAILED, "NOT_EXECUTED")


def test_one_late_empty_report_is_not_three(desk: Desk) -> None:
    operation = desk.unclear()
    desk.says(REPORT, page())
    assert desk.look(hours=3)
    found = desk.ledger.now(operation)
    assert (found.status, found.not_found) == (Status.UNCLEAR, 1)


@pytest.mark.parametrize("error", [UpstreamTimedOut(), ArithmeticError("nobody foresaw this")])
def test_a_look_that_fails_is_counted_decides_nothing_and_is_due_again(desk: Desk, error: Exception) -> None:
    operation = desk.unclear()
    desk.raises(REPORT, error)
    assert desk.look()
    assert desk.look()
    found = desk.ledger.now(operation)
    assert (found.status, found.looks, found.not_found) == (Status.UNCLEAR, 2, 0)
    desk.says(REPORT, page(row_of(operation)))
    assert desk.look()
    assert desk.ledger.now(operation).status is Status.SUCCEEDED


def test_an_operation_of_another_environment_is_neither_asked_about_nor_counted(desk: Desk) -> None:
    operation = desk.unclear()
    desk.says(REPORT, page())
    desk.environment = "live"
    for _ in range(5):
        assert desk.look()
    found = desk.ledger.now(operation)
    assert (found.status, found.looks, found.not_found) == (Status.UNCLEAR, 5, 0)
    assert desk.upstream.asked == []
    assert "of_another_environment" in desk.alarms()


def test_what_is_accepted_and_called_successful_without_a_transaction_is_settled_by_the_report(
    desk: Desk,
) -> None:
    operation = desk.accepted()
    desk.says(STATUS, {"code": None, "message": None, "status": "SUCCESSFUL", "transaction": None})
    desk.says(REPORT, page(row_of(operation)))
    assert desk.look()
    assert desk.ledger.now(operation).status is Status.SUCCEEDED
    assert desk.upstream.asked == [STATUS, REPORT]


def test_what_is_accepted_never_fails_for_want_of_rows(desk: Desk) -> None:
    operation = desk.accepted()
    desk.says(STATUS, {"status": "SUCCESSFUL", "transaction": None})
    desk.says(REPORT, page())
    for _ in range(6):
        assert desk.look()
    assert desk.ledger.now(operation).status is Status.ACCEPTED


def test_what_failed_for_want_of_rows_and_turns_up_late_is_corrected_with_an_alarm(desk: Desk) -> None:
    operation = desk.unclear()
    desk.says(REPORT, page())
    while desk.ledger.now(operation).status is Status.UNCLEAR:
        assert desk.look()
    desk.says(REPORT, page(row_of(operation)))
    assert desk.look(hours=3)
    assert desk.ledger.now(operation).status is Status.SUCCEEDED
    assert "executed_after_all" in desk.alarms()


def test_the_reconciler_never_sends(desk: Desk) -> None:
    operation = desk.unclear()
    desk.says(REPORT, page())
    for _ in range(12):
        desk.look()
    assert desk.ledger.now(operation).is_settled
    assert set(desk.upstream.asked) == {REPORT}

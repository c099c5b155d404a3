"""What became of the operations nobody heard back from: look them up, never send them again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.model.catalogue import Call, Catalogue
from service.model.errors import DependencyFailed
from service.model.events import Kind, about_operation, alarm
from service.model.operation import Found, Operation, Outcome, Status
from service.model.policy import MoneyPolicy
from service.model.verdict import NOT_EXECUTED, UNCLEAR, judge_rows, judge_status, permitted
from service.ports import AuditLog, Clock, OperationStore, Reconciliation, Upstream

_REPORT = "reportTopUps"
_STATUS = "statusOfTopUp"


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Look up one operation whose time has come."""

    operations: OperationStore
    due: Reconciliation
    upstream: Upstream
    catalogue: Catalogue
    audit: AuditLog
    clock: Clock
    policy: MoneyPolicy
    environment: str

    def __call__(self) -> bool:
        """Look one up; say whether there was one."""
        operation = self.due.claim_due(self.clock.now())
        if operation is None:
            return False
        if operation.status is Status.SENDING:
            self._settle(operation, UNCLEAR)
        else:
            self._look(operation)
        return True

    def _look(self, operation: Operation) -> None:
        try:
            found = self._found(operation)
        except DependencyFailed:
            self._note(operation, Found.ERROR)
        except Exception as error:  # noqa: BLE001  one answer that nobody foresaw must not stop the counting
            self._alarm(operation, f"look_raised_{type(error).__name__}")
            self._note(operation, Found.ERROR)
        else:
            self._weigh(operation, found)

    def _weigh(self, operation: Operation, found: Outcome | None) -> None:
        if found is None:
            self._judge_absence(operation)
        elif found.status in (Status.UNCLEAR, operation.status):
            self._note(operation, Found.UNDECIDED)
        else:
            self._settle(operation, found)

    def _found(self, operation: Operation) -> Outcome | None:
        """Return what Reloadly knows of the operation, None for a complete answer without it."""
        if operation.request.environment != self.environment:
            self._alarm(operation, "of_another_environment")
            raise DependencyFailed
        if operation.status is Status.ACCEPTED and operation.upstream_id is not None:
            outcome = self._followed(operation, operation.upstream_id)
            if outcome.status is not Status.UNCLEAR:
                return outcome
        return self._reported(operation)

    def _reported(self, operation: Operation) -> Outcome | None:
        rows = self._rows(operation)
        mine = [row for row in rows if row.get("customIdentifier") == operation.operation_id]
        if not rows:
            return None
        if len(mine) > 1:
            self._alarm(operation, "executed_more_than_once")
        outcome = judge_rows(operation, mine) if mine else UNCLEAR
        if outcome.status is Status.UNCLEAR:
            self._alarm(operation, "answer_does_not_match")
        return outcome

    def _followed(self, operation: Operation, upstream_id: int) -> Outcome:
        rule = self.catalogue.own(_STATUS)
        path = rule.build_path({"transactionId": str(upstream_id)})
        reply = self.upstream.send(Call(rule, path, caused=False))
        if reply.status != 200 or not isinstance(reply.body, Mapping):
            raise DependencyFailed
        return judge_status(operation, reply.body)

    def _rows(self, operation: Operation) -> Sequence[Mapping[str, object]]:
        """Return every row under the identifier; anything short of a complete page is no answer."""
        rule = self.catalogue.own(_REPORT)
        query = rule.build_query([("customIdentifier", operation.operation_id), ("size", "500")])
        reply = self.upstream.send(Call(rule, rule.path, query, caused=False))
        page = reply.body if isinstance(reply.body, Mapping) else {}
        content = page.get("content")
        rows = [row for row in content if isinstance(row, Mapping)] if isinstance(content, list) else None
        complete = rows is not None and page.get("last") is True and page.get("totalElements") == len(rows)
        if reply.status != 200 or rows is None or not complete or rows != content:
            raise DependencyFailed
        return rows

    def _judge_absence(self, operation: Operation) -> None:
        """Three empty answers, the last long after the send could have ended, mean it never ran."""
        if operation.status is Status.UNCLEAR and self._is_evidence(operation):
            self._settle(operation, Outcome(Status.FAILED, failure=NOT_EXECUTED))
        else:
            self._note(operation, Found.NONE)

    def _is_evidence(self, operation: Operation) -> bool:
        started = operation.sending_at or operation.approved_at or operation.created_at
        settled_after = timedelta(seconds=self.policy.read_timeout + self.policy.NOT_FOUND_SETTLES_AFTER)
        enough = operation.not_found + 1 >= self.policy.NOT_FOUND_ANSWERS
        return enough and self.clock.now() >= started + settled_after

    def _note(self, operation: Operation, found: Found) -> None:
        now = self.clock.now()
        if self._is_overdue(operation, now):
            self._alarm(operation, f"{operation.status}_too_long")
        event = about_operation(Kind.OPERATION_LOOKED_UP, operation, found.value)
        self.due.note_look(operation, found, self._next_look(operation, now), now, event)

    def _next_look(self, operation: Operation, now: datetime) -> datetime | None:
        """Return when to look again; an operation that failed is looked at four times more, then rests."""
        if operation.status is not Status.FAILED:
            waits = self.policy.LOOK_UP_AFTER
            return now + timedelta(seconds=waits[min(operation.looks + 1, len(waits) - 1)])
        settled = operation.updated_at
        later = (settled + timedelta(seconds=wait) for wait in self.policy.LATE_LOOKS)
        return next((instant for instant in later if instant > now), None)

    def _is_overdue(self, operation: Operation, now: datetime) -> bool:
        limits = {Status.UNCLEAR: self.policy.ALARM_UNCLEAR, Status.ACCEPTED: self.policy.ALARM_ACCEPTED}
        limit = limits.get(operation.status)
        return limit is not None and now - operation.created_at > timedelta(seconds=limit)

    def _alarm(self, operation: Operation, reason: str) -> None:
        self.audit.record(alarm(reason, operation.operation_id))

    def _settle(self, operation: Operation, outcome: Outcome) -> None:
        event = about_operation(Kind.OPERATION_SETTLED, operation, outcome.status.value)
        outcome = permitted(outcome, self.catalogue.named(operation.request.rule))
        if not self.operations.settle(operation.operation_id, outcome, self.clock.now(), event):
            self._note(operation, Found.UNDECIDED)
        elif operation.status is Status.FAILED:
            self._alarm(operation, "executed_after_all")


@dataclass(frozen=True, slots=True)
class Expire:
    """Close what waited too long."""

    due: Reconciliation
    clock: Clock

    def __call__(self) -> bool:
        """Do a batch; it is never worth asking again at once."""
        self.due.expire(self.clock.now())
        return False

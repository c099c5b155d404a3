"""The approval that spends: judge the code, commit, send once, settle."""

from dataclasses import dataclass
from functools import partial

from service.flows.judge import Judge
from service.flows.operation import ShowOperation, operation_event
from service.flows.quote import QuoteTopUp
from service.model.catalogue import Call, Catalogue
from service.model.challenge import Method
from service.model.errors import (
    BadUpstreamAnswer,
    ChallengeGone,
    InvalidCode,
    QuoteChanged,
    UpstreamTimedOut,
    UpstreamUnavailable,
)
from service.model.events import Event, Kind
from service.model.events import Outcome as EventOutcome
from service.model.operation import Operation, Outcome, Status
from service.model.policy import MoneyPolicy
from service.model.session import Session
from service.model.verdict import NEVER_SENT, UNCLEAR, is_wallet_empty, judge_answer, permitted
from service.ports import AuditLog, Clock, OperationStore, SendLane, Upstream


@dataclass(frozen=True, slots=True)
class ApproveOperation:
    """Take the code that approves exactly this operation, then carry it out."""

    operations: OperationStore
    show: ShowOperation
    judge: Judge
    quote: QuoteTopUp
    send: "SendOnce"
    lane: SendLane
    clock: Clock
    policy: MoneyPolicy

    def __call__(self, session: Session, operation_id: str, method: Method, code: str) -> Operation:
        """
        Return the operation as it stands, after at most seconds, while the send may go on.

        On an operation that no longer waits the code is not looked at. Raises InvalidCode
        (the fifth wrong one cancels the operation), ChallengeGone for another session,
        QuoteChanged, Busy before anything was judged, and UpstreamUnavailable.
        """
        operation = self.show(session, operation_id)
        if operation.status is not Status.AWAITING_APPROVAL:
            return operation
        if operation.session_id != session.session_id or operation.challenge is None:
            raise ChallengeGone
        if self.clock.now() >= operation.expires_at:
            return self._closed(session, operation, Status.EXPIRED, "expired")
        self._check_price(session, operation)
        work = partial(self._carry_out, session, operation, method, code)
        target = f"{operation.request.product}:{operation.request.body['operatorId']}"
        done = self.lane.run(session.subscriber_id, target, work, self.policy.answer_within)
        return done or self.show(session, operation_id)

    def _check_price(self, session: Session, operation: Operation) -> None:
        if self.quote.has_drifted(operation):
            self._closed(session, operation, Status.EXPIRED, "quote_changed")
            raise QuoteChanged

    def _closed(self, session: Session, operation: Operation, status: Status, reason: str) -> Operation:
        event = operation_event(Kind.OPERATION_CLOSED, operation, reason)
        self.operations.close(operation.operation_id, status, self.clock.now(), event)
        return self.show(session, operation.operation_id)

    def _carry_out(self, session: Session, operation: Operation, method: Method, code: str) -> Operation:
        if operation.challenge is None:
            raise ChallengeGone
        try:
            proof = self.judge(operation.challenge, method, code)
        except InvalidCode as wrong:
            if wrong.members.get("attempts_left") == 0:
                self._closed(session, operation, Status.CANCELLED, "wrong_codes")
            raise
        event = operation_event(Kind.OPERATION_APPROVED, operation, proof.method.value)
        if self.operations.approve(operation, proof, self.clock.now(), event):
            self.send(operation)
        return self.show(session, operation.operation_id)


@dataclass(frozen=True, slots=True)
class SendOnce:
    """Send an approved operation: `sending` is committed before the first byte leaves."""

    operations: OperationStore
    upstream: Upstream
    catalogue: Catalogue
    audit: AuditLog
    clock: Clock
    policy: MoneyPolicy

    def __call__(self, operation: Operation) -> None:
        """Send it if nobody did, and store what became of it; whatever is not definite is unclear."""
        event = operation_event(Kind.OPERATION_SENDING, operation)
        if not self.operations.begin_sending(operation.operation_id, self.clock.now(), event):
            return
        outcome = UNCLEAR
        try:
            outcome = self._sent(operation)
        finally:
            self._settle(operation, outcome)

    def _sent(self, operation: Operation) -> Outcome:
        rule = self.catalogue.named(operation.request.rule)
        body = {**operation.request.body, "customIdentifier": operation.operation_id}
        call = Call(rule, rule.path, body=body, first_byte_within=self.policy.first_byte_within)
        try:
            reply = self.upstream.send(call)
        except UpstreamUnavailable:
            return Outcome(Status.FAILED, failure=NEVER_SENT)
        except (UpstreamTimedOut, BadUpstreamAnswer):
            return UNCLEAR
        if is_wallet_empty(reply.body):
            self.audit.record(Event(Kind.ALARM, EventOutcome.FAILED, reason="wallet_empty"))
        return permitted(judge_answer(operation, rule, reply.status, reply.body), rule)

    def _settle(self, operation: Operation, outcome: Outcome) -> None:
        event = operation_event(Kind.OPERATION_SETTLED, operation, outcome.status.value)
        self.operations.settle(operation.operation_id, outcome, self.clock.now(), event)

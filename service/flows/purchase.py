"""The approval that spends: judge the code, commit, send once, settle."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from service.flows.judge import Judge
from service.flows.operation import ShowOperation
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
from service.model.events import Kind, about_operation, alarm
from service.model.operation import Operation, Outcome, Status
from service.model.policy import MoneyPolicy
from service.model.session import Session
from service.model.verdict import NEVER_SENT, UNCLEAR, is_wallet_empty, judge_answer, permitted
from service.ports import AuditLog, Clock, OperationStore, SendLane, Upstream

_NOT_APPROVED = frozenset({Status.AWAITING_APPROVAL, Status.CANCELLED, Status.EXPIRED})


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
    environment: str

    def __call__(self, session: Session, operation_id: str, method: Method, code: str) -> Operation:
        """
        Return the operation as it stands within seconds, while the send may go on.

        On an operation that no longer waits the code is not looked at. Raises InvalidCode
        (the fifth wrong one cancels the operation), ChallengeGone for another session,
        QuoteChanged, Busy before anything was judged, and UpstreamUnavailable.
        """
        begun = self.clock.now()
        operation = self.show(session, operation_id)
        if operation.status is not Status.AWAITING_APPROVAL:
            return operation
        if operation.session_id != session.session_id:
            raise ChallengeGone
        if begun >= operation.expires_at or operation.request.environment != self.environment:
            return self._closed(session, operation, Status.EXPIRED, "expired")
        try:
            self._check_price(session, operation)
            work = partial(self._carry_out, session, operation, method, code)
            return self._within(begun, session, operation, work)
        except (QuoteChanged, ChallengeGone, InvalidCode):
            # An equal request may have brought it about meanwhile: a client that is told to
            # start again while its money is on the way would pay twice.
            present = self.show(session, operation_id)
            if present.status in _NOT_APPROVED:
                raise
            return present

    def _within(
        self, begun: datetime, session: Session, operation: Operation, work: Callable[[], Operation]
    ) -> Operation:
        """Carry it out in the lane, and wait for what is left of the time that the client has."""
        target = f"{operation.request.product}:{operation.request.body['operatorId']}"
        left = self.policy.answer_within - (self.clock.now() - begun).total_seconds()
        done = self.lane.run(session.subscriber_id, target, work, max(0.0, left))
        return done or self.show(session, operation.operation_id)

    def _check_price(self, session: Session, operation: Operation) -> None:
        if self.quote.has_drifted(operation):
            self._closed(session, operation, Status.EXPIRED, "quote_changed")
            raise QuoteChanged

    def _closed(self, session: Session, operation: Operation, status: Status, reason: str) -> Operation:
        event = about_operation(Kind.OPERATION_CLOSED, operation, reason)
        self.operations.close(operation.operation_id, status, self.clock.now(), event)
        return self.show(session, operation.operation_id)

    def _carry_out(self, session: Session, operation: Operation, method: Method, code: str) -> Operation:
        challenge = operation.challenge
        if challenge is None or challenge.digest != operation.request.digest:
            raise ChallengeGone
        try:
            proof = self.judge(challenge, method, code)
            event = about_operation(Kind.OPERATION_APPROVED, operation, proof.method.value)
            approved = self.operations.approve(operation, proof, self.clock.now(), event)
        except InvalidCode as wrong:
            if wrong.attempts_left == 0:
                self._closed(session, operation, Status.CANCELLED, "wrong_codes")
            raise
        if approved:
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

    def __call__(self, operation: Operation) -> None:
        """Send it if nobody did, and store what became of it; whatever is not definite is unclear."""
        event = about_operation(Kind.OPERATION_SENDING, operation)
        if not self.operations.begin_sending(operation.operation_id, self.clock.now(), event):
            return
        outcome = UNCLEAR
        try:
            outcome = self._sent(operation)
        except Exception as error:  # noqa: BLE001  whatever it was, it may have come after the charge
            self.audit.record(alarm(f"send_raised_{type(error).__name__}", operation.operation_id))
        self._settle(operation, outcome)

    def _sent(self, operation: Operation) -> Outcome:
        rule = self.catalogue.named(operation.request.rule)
        body = {**operation.request.body, "customIdentifier": operation.operation_id}
        call = Call(rule, rule.path, body=body)
        try:
            reply = self.upstream.send(call)
        except UpstreamUnavailable:
            return Outcome(Status.FAILED, failure=NEVER_SENT)
        except (UpstreamTimedOut, BadUpstreamAnswer):
            return UNCLEAR
        if is_wallet_empty(reply.body):
            self.audit.record(alarm("wallet_empty", operation.operation_id))
        return permitted(judge_answer(operation, rule, reply.status, reply.body), rule)

    def _settle(self, operation: Operation, outcome: Outcome) -> None:
        event = about_operation(Kind.OPERATION_SETTLED, operation, outcome.status.value)
        self.operations.settle(operation.operation_id, outcome, self.clock.now(), event)

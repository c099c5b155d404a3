"""Money calls: draft, show, list, cancel."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import service.model.topup as airtime
from service.flows.quote import QuoteTopUp
from service.flows.texting import Texting
from service.model.challenge import Challenge, Method, Purpose, open_challenge
from service.model.errors import IdempotencyKeyReused, InvalidToken, NoSuchThing, OperationClosed
from service.model.events import Event, Kind
from service.model.operation import Key, Operation, Request, Status, operation_id
from service.model.policy import CodePolicy, MoneyPolicy, SmsPolicy
from service.model.session import Session
from service.model.subscriber import Subscriber
from service.model.texts import approval_fits, top_up_summary
from service.model.topup import Quote, TopUp
from service.ports import AccountStore, Clock, OperationStore, PasscodeKey


@dataclass(frozen=True, slots=True)
class DraftTopUp:
    """Write down a top-up and ask for its approval; nothing is sent."""

    accounts: AccountStore
    operations: OperationStore
    passcodes: PasscodeKey
    quote: QuoteTopUp
    texting: Texting
    clock: Clock
    codes: CodePolicy
    money: MoneyPolicy
    sms: SmsPolicy
    environment: str

    def __call__(self, session: Session, top_up: TopUp, key: Key, reference: str | None) -> Operation:
        """
        Return the new draft, or the operation that this key stands for already.

        Raises IdempotencyKeyReused, CustomIdentifierUsed, TooManyWaiting, BadAmount and
        BadPhoneNumber; UpstreamUnavailable when there is no quote to be had. A refusal
        does not use the key up.
        """
        request = self._request(top_up)
        known = self.operations.find_by_key(session.subscriber_id, key)
        if known:
            return _same(known, request)
        quote = self.quote(top_up)
        subscriber = self._subscriber(session)
        operation = self._operation(session, subscriber, top_up, quote, request, key, reference)
        event = operation_event(Kind.OPERATION_DRAFTED, operation)
        stored = self.operations.draft(operation, self._challenge(operation, subscriber), event)
        return self._texted(stored)

    def known(self, session: Session, key: Key, top_up: TopUp) -> Operation | None:
        """Return what stands under a key already. Raises IdempotencyKeyReused."""
        operation = self.operations.find_by_key(session.subscriber_id, key)
        return _same(operation, self._request(top_up)) if operation else None

    def _request(self, top_up: TopUp) -> Request:
        return Request(airtime.PRODUCT, self.environment, airtime.RULE, top_up.body)

    def _subscriber(self, session: Session) -> Subscriber:
        subscriber = self.accounts.by_id(session.subscriber_id)
        if subscriber is None:
            raise InvalidToken
        return subscriber

    def _operation(
        self,
        session: Session,
        subscriber: Subscriber,
        top_up: TopUp,
        quote: Quote,
        request: Request,
        key: Key,
        reference: str | None,
    ) -> Operation:
        now = self.clock.now()
        beneficiary = top_up.recipient.spaced
        return Operation(
            operation_id=operation_id(session.subscriber_id, key),
            subscriber_id=session.subscriber_id,
            session_id=session.session_id,
            key=key,
            request=request,
            action=airtime.ACTION,
            status=Status.AWAITING_APPROVAL,
            summary=top_up_summary(quote.delivered, beneficiary, quote.cost, subscriber.locale),
            beneficiary=beneficiary,
            delivered=quote.delivered,
            cost=quote.cost,
            created_at=now,
            updated_at=now,
            expires_at=now + timedelta(seconds=self.money.approval_life),
            client_reference=reference,
        )

    def _challenge(self, operation: Operation, subscriber: Subscriber) -> Challenge:
        fits = approval_fits(operation.summary, subscriber.locale, self.codes.digits, self.sms)
        methods = tuple(method for method in subscriber.methods if fits or method is not Method.SMS)
        challenge = open_challenge(
            Purpose.APPROVE_OPERATION,
            subscriber.phone,
            methods,
            self.passcodes.current,
            operation.created_at,
            self.codes,
        )
        return replace(
            challenge,
            subscriber_id=subscriber.subscriber_id,
            session_id=operation.session_id,
            operation_id=operation.operation_id,
            digest=operation.request.digest,
            locale=subscriber.locale,
            expires_at=operation.expires_at,
        )

    def _texted(self, operation: Operation) -> Operation:
        """Send the code at once when a text is the only way to approve."""
        challenge = operation.challenge
        if challenge is None or challenge.methods != (Method.SMS,) or challenge.text_queued:
            return operation
        return replace(operation, challenge=self.texting.text_if_due(challenge))


def _same(known: Operation, request: Request) -> Operation:
    if known.request.digest != request.digest:
        raise IdempotencyKeyReused
    return known


def operation_event(kind: Kind, operation: Operation, reason: str | None = None) -> Event:
    """Return the audit event of a step of this operation."""
    return Event(
        kind,
        reason=reason,
        subscriber_id=operation.subscriber_id,
        session_id=operation.session_id,
        challenge_id=operation.challenge.challenge_id if operation.challenge else None,
        operation_id=operation.operation_id,
    )


@dataclass(frozen=True, slots=True)
class ShowOperation:
    """Find an operation of the caller's own."""

    operations: OperationStore

    def __call__(self, session: Session, operation_id: str) -> Operation:
        """Raises NoSuchThing for an unknown one and for another subscriber's, alike."""
        operation = self.operations.find(operation_id)
        if operation is None or operation.subscriber_id != session.subscriber_id:
            raise NoSuchThing
        return operation


@dataclass(frozen=True, slots=True)
class ListOperations:
    """List the caller's own operations, newest first."""

    operations: OperationStore

    def __call__(self, session: Session, before: datetime | None, limit: int) -> Sequence[Operation]:
        return self.operations.listed(session.subscriber_id, before, limit)


@dataclass(frozen=True, slots=True)
class CancelOperation:
    """Close an operation that waits for approval."""

    operations: OperationStore
    show: ShowOperation
    clock: Clock

    def __call__(self, session: Session, operation_id: str) -> Operation:
        """Return it, cancelled; cancelling twice is no error. Raises OperationClosed once it was approved."""
        operation = self.show(session, operation_id)
        event = operation_event(Kind.OPERATION_CLOSED, operation, "cancelled")
        self.operations.close(operation_id, Status.CANCELLED, self.clock.now(), event)
        operation = self.show(session, operation_id)
        if operation.status is not Status.CANCELLED:
            raise OperationClosed("This operation can no longer be cancelled.")
        return operation

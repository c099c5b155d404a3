"""Money calls: draft, show, list, cancel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import service.model.topup as airtime
from service.flows.asking import Ask
from service.flows.authenticator import ShowSubscriber
from service.flows.quote import QuoteTopUp
from service.model.challenge import Challenge, Method, Purpose
from service.model.errors import IdempotencyKeyReused, NoSuchThing, OperationClosed
from service.model.events import Kind, about_operation
from service.model.operation import Cursor, Key, Operation, Request, Status, operation_id
from service.model.policy import MoneyPolicy, SmsPolicy
from service.model.session import Session
from service.model.subscriber import Subscriber
from service.model.texts import approval_fits, top_up_summary
from service.model.topup import Quote, TopUp, Wish
from service.ports import Clock, OperationStore


@dataclass(frozen=True, slots=True)
class Drafted:
    """An operation, and whether this request was the one that drafted it."""

    operation: Operation
    is_new: bool


@dataclass(frozen=True, slots=True)
class DraftTopUp:
    """Write down a top-up and ask for its approval; nothing is sent."""

    operations: OperationStore
    show: ShowSubscriber
    quote: QuoteTopUp
    ask: Ask
    clock: Clock
    money: MoneyPolicy
    sms: SmsPolicy
    environment: str

    def __call__(self, session: Session, wish: Wish, key: Key, reference: str | None) -> Drafted:
        """
        Return the new draft, or the operation that this key stands for already.

        A repeat needs no quote, so it is answered while Reloadly is away. Raises
        IdempotencyKeyReused, CustomIdentifierUsed, TooManyWaiting, BadAmount and
        BadPhoneNumber; UpstreamUnavailable when there is no quote to be had. A refusal
        does not use the key up.
        """
        known = self.operations.find_by_key(session.subscriber_id, key)
        if known:
            return Drafted(self._same(known, wish), is_new=False)
        top_up, quote = self.quote(wish)
        subscriber = self.show(session)
        operation = self._operation(session, subscriber, top_up, quote, key, reference)
        event = about_operation(Kind.OPERATION_DRAFTED, operation)
        stored = self.operations.draft(operation, self._challenge(operation, subscriber), event)
        is_new = stored.created_at == operation.created_at
        return Drafted(self._texted(stored), is_new=is_new)

    def _same(self, known: Operation, wish: Wish) -> Operation:
        """Raises IdempotencyKeyReused when the wish is not what was drafted."""
        money = (known.cost.currency, known.delivered.currency)
        if wish.currency and wish.currency not in money:
            raise IdempotencyKeyReused
        if self._request(wish.settled(*money)).digest != known.request.digest:
            raise IdempotencyKeyReused
        return known

    def _request(self, top_up: TopUp) -> Request:
        return Request(airtime.PRODUCT, self.environment, airtime.RULE, top_up.body)

    def _operation(
        self,
        session: Session,
        subscriber: Subscriber,
        top_up: TopUp,
        quote: Quote,
        key: Key,
        reference: str | None,
    ) -> Operation:
        now, beneficiary = self.clock.now(), top_up.recipient.spaced
        return Operation(
            operation_id=operation_id(session.subscriber_id, key),
            subscriber_id=session.subscriber_id,
            session_id=session.session_id,
            key=key,
            request=self._request(top_up),
            action=airtime.ACTION,
            status=Status.AWAITING_APPROVAL,
            summary=top_up_summary(quote, beneficiary, subscriber.locale),
            delivered=quote.delivered,
            cost=quote.cost,
            created_at=now,
            updated_at=now,
            expires_at=now + timedelta(seconds=self.money.approval_life),
            client_reference=reference,
        )

    def _challenge(self, operation: Operation, subscriber: Subscriber) -> Challenge:
        """Return the challenge bound to exactly this operation; the two share one clock."""
        fits = approval_fits(operation.summary, subscriber.locale, self.ask.codes.digits, self.sms)
        methods = tuple(method for method in subscriber.methods if fits or method is not Method.SMS)
        return self.ask.subscriber(
            Purpose.APPROVE_OPERATION,
            subscriber,
            methods=methods,
            session_id=operation.session_id,
            operation_id=operation.operation_id,
            digest=operation.request.digest,
            created_at=operation.created_at,
            expires_at=operation.expires_at,
        )

    def _texted(self, operation: Operation) -> Operation:
        return operation.asking(self.ask.texted(operation.challenge)) if operation.challenge else operation


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

    def __call__(self, session: Session, before: Cursor | None, limit: int) -> Sequence[Operation]:
        return self.operations.listed(session.subscriber_id, before, limit)


@dataclass(frozen=True, slots=True)
class CancelOperation:
    """Close an operation whose sending has not begun."""

    operations: OperationStore
    show: ShowOperation
    clock: Clock

    def __call__(self, session: Session, operation_id: str) -> Operation:
        """Return it, cancelled; cancelling twice is no error. Raises OperationClosed once sending began."""
        operation = self.show(session, operation_id)
        event = about_operation(Kind.OPERATION_CLOSED, operation, "cancelled")
        self.operations.close(operation_id, Status.CANCELLED, self.clock.now(), event)
        operation = self.show(session, operation_id)
        if operation.status is not Status.CANCELLED:
            raise OperationClosed("This operation can no longer be cancelled.")
        return operation

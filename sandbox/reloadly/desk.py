"""The desk that executes top-ups: check, attempt, charge, settle."""

from dataclasses import dataclass, replace
from secrets import choice
from string import digits
from time import sleep

from sandbox import clock
from sandbox.exact import Json
from sandbox.ledger import Charge
from sandbox.reloadly.book import Topup
from sandbox.reloadly.charging import Quote, quote
from sandbox.reloadly.errors import Refusal
from sandbox.reloadly.order import Order, read_identifier, read_order
from sandbox.state import State
from sandbox.wallet import InsufficientBalanceError, Movement

SLOW_OPERATOR = 1213
SLOW_SECONDS = 52
OUTCOMES = {"SV": "REFUNDED", "BZ": "FAILED"}
UNDECIDED = "PROCESSING"

INSUFFICIENT = Refusal(
    400, "INSUFFICIENT_BALANCE", "The wallet balance is not sufficient to complete the transaction"
)
CANNOT_BE_PROCESSED = Refusal(
    400,
    "TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT",
    "The transaction cannot be processed at the moment, please try again later",
)


@dataclass(frozen=True, slots=True)
class Course:
    """Say how a transaction goes: undecided for some reads, and what becomes of it (None: by country)."""

    polls: int = 0
    final: str | None = None


class Desk:
    """Execute orders against the wallet, the book and the ledger."""

    def __init__(self, state: State) -> None:
        self._state = state

    def place(self, body: Json, course: Course) -> Topup:
        """Execute one order, or refuse it with nothing charged and its identifier still free.

        As at the real host, looking whether the identifier is used and using it up are two steps with a
        gap between them, unless the state's settings make the check atomic. Raises Refusal.
        """
        identifier = read_identifier(body)
        self._reserve(identifier)
        try:
            order = read_order(body, self._state.catalogue)
            self._attempt(order)
            return self._execute(order, course)
        finally:
            with self._state.lock:
                self._state.book.release(identifier)

    def read(self, transaction_id: int) -> Topup | None:
        """Read one transaction; reading is what brings an undecided one nearer to its end."""
        with self._state.lock:
            topup = self._state.book.get(transaction_id)
            if topup is None or topup.status != UNDECIDED:
                return topup
            return self._state.book.polled(topup) if topup.polls_left > 0 else self._settle(topup)

    def _reserve(self, identifier: str | None) -> None:
        with self._state.lock:
            self._state.book.check_identifier(identifier)
            if self._state.settings.atomic_identifiers:
                self._state.book.reserve(identifier)

    def _attempt(self, order: Order) -> None:
        settings = self._state.settings
        if settings.two_minute_rule:
            with self._state.lock:
                self._state.book.check_recharge(order.recipient)
        if order.operator.id == SLOW_OPERATOR:
            sleep(SLOW_SECONDS * float(settings.time_factor))
            raise CANNOT_BE_PROCESSED
        sleep(float(settings.identifier_window))

    def _execute(self, order: Order, course: Course) -> Topup:
        priced = quote(order.operator, order.amount, local=order.local)
        final = course.final or OUTCOMES.get(order.operator.country, "SUCCESSFUL")
        with self._state.lock:
            topup = Topup(
                id=self._state.book.next_id(),
                order=order,
                quote=priced,
                status=UNDECIDED,
                final=final,
                polls_left=course.polls,
                movement=self._charge(priced, final),
                at=clock.now(),
                pin=_pin(order) if "pin" in order.operator.flags else None,
            )
            self._record(topup)
            return topup if course.polls else self._settle(topup)

    def _charge(self, priced: Quote, final: str) -> Movement:
        """Debit the wallet; a transaction that is going to fail inside the operator is not debited."""
        try:
            return self._state.wallet.untouched() if final == "FAILED" else self._debit(priced)
        except InsufficientBalanceError:
            raise INSUFFICIENT from None

    def _debit(self, priced: Quote) -> Movement:
        return self._state.wallet.debit(priced.cost)

    def _record(self, topup: Topup) -> None:
        self._state.book.add(topup)
        if topup.final != "FAILED":
            self._state.ledger.charge(_entry(topup))

    def _settle(self, topup: Topup) -> Topup:
        """Give an undecided transaction its end; a refund brings the debit back."""
        settled = replace(topup, status=topup.final)
        if topup.final == "REFUNDED":
            settled = replace(settled, movement=self._state.wallet.credit(topup.quote.cost))
            self._state.ledger.refund(topup.id, clock.now())
        self._state.book.put(settled)
        return settled


def _entry(topup: Topup) -> Charge:
    return Charge(
        transaction_id=topup.id,
        identifier=topup.order.identifier,
        product="airtime",
        amount=topup.order.amount,
        currency=topup.order.currency,
        cost=topup.quote.cost,
        recipient=topup.order.recipient,
        at=topup.at.isoformat(),
    )


def _pin(order: Order) -> Json:
    return {
        "serial": _numerals(12),
        "info1": "Dial the number below, then the code",
        "info2": f"*123*code# on {order.operator.name}",
        "info3": "",
        "value": str(order.amount),
        "code": _numerals(16),
        "ivr": "*123#",
        "validity": "30 days",
    }


def _numerals(length: int) -> str:
    return "".join(choice(digits) for _ in range(length))

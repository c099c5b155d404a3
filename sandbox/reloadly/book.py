"""The book of top-up transactions, with the rules for identifiers and for repeated recharges."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Self

from sandbox import clock
from sandbox.exact import Json, without_trailing_zeros
from sandbox.ledger import Charge
from sandbox.reloadly.charging import Quote
from sandbox.reloadly.errors import Refusal
from sandbox.reloadly.order import Order
from sandbox.wallet import Movement

FIRST_TRANSACTION = 181_341
RECHARGE_REST = timedelta(minutes=2)
IDENTIFIER_USED = Refusal(
    400, "CUSTOM_IDENTIFIER_ALREADY_USED", "The custom identifier provided has already been used"
)
RECENTLY_RECHARGED = Refusal(
    400, "PHONE_RECENTLY_RECHARGED", "The phone was recharged less than 2 minutes ago, please wait"
)


@dataclass(frozen=True, slots=True)
class Topup:
    """Hold one transaction; `final` is what its status becomes once `polls_left` reads have gone by."""

    id: int
    order: Order
    quote: Quote
    status: str
    final: str
    polls_left: int
    movement: Movement
    at: datetime
    pin: Json | None

    def as_json(self) -> Json:
        """Shape the transaction as a top-up answers it and as reports show it."""
        return {
            "transactionId": self.id,
            "status": self.status,
            "operatorTransactionId": None,
            "customIdentifier": self.order.identifier,
            **self._people(),
            **self._amounts(),
            "transactionDate": clock.plain(self.at),
            "pinDetail": self.pin if self.status == "SUCCESSFUL" else None,
            "fee": without_trailing_zeros(self.quote.fee),
            "balanceInfo": self.movement.as_json(),
        }

    def _people(self) -> Json:
        order = self.order
        return {
            "recipientPhone": None if order.email else order.recipient,
            "recipientEmail": order.email,
            "senderPhone": order.sender,
            "countryCode": order.operator.country,
            "operatorId": order.operator.id,
            "operatorName": order.operator.name,
        }

    def _amounts(self) -> Json:
        return {
            "discount": without_trailing_zeros(self.quote.discount),
            "discountCurrencyCode": "USD",
            "requestedAmount": self.order.amount,
            "requestedAmountCurrencyCode": self.order.currency,
            "deliveredAmount": self.quote.delivered,
            "deliveredAmountCurrencyCode": self.order.operator.currency,
        }


class Book:
    """Keep transactions; the caller holds the lock of the state."""

    def __init__(self, first: int, used: set[str]) -> None:
        self._ids = count(first)
        self._topups: dict[int, Topup] = {}
        self._used = used
        self._reserved: set[str] = set()
        self._recharged: dict[str, datetime] = {}

    @classmethod
    def after(cls, charges: Sequence[Charge]) -> Self:
        """Go on where a ledger ended: its identifiers stay used and its numbers stay taken."""
        last = max((charge.transaction_id for charge in charges), default=FIRST_TRANSACTION - 1)
        return cls(last + 1, {charge.identifier for charge in charges if charge.identifier})

    def check_identifier(self, identifier: str | None) -> None:
        """Compare case-sensitively. Raises Refusal."""
        if identifier in self._used or identifier in self._reserved:
            raise IDENTIFIER_USED

    def check_recharge(self, recipient: str) -> None:
        """Raise Refusal where the number was topped up within the last two minutes."""
        last = self._recharged.get(recipient)
        if last and clock.now() - last < RECHARGE_REST:
            raise RECENTLY_RECHARGED

    def reserve(self, identifier: str | None) -> None:
        if identifier:
            self._reserved.add(identifier)

    def release(self, identifier: str | None) -> None:
        if identifier:
            self._reserved.discard(identifier)

    def next_id(self) -> int:
        return next(self._ids)

    def add(self, topup: Topup) -> None:
        self._topups[topup.id] = topup
        self._recharged[topup.order.recipient] = topup.at
        if topup.order.identifier:
            self._used.add(topup.order.identifier)

    def put(self, topup: Topup) -> None:
        self._topups[topup.id] = topup

    def polled(self, topup: Topup) -> Topup:
        """Count one read of an undecided transaction."""
        read = replace(topup, polls_left=topup.polls_left - 1)
        self.put(read)
        return read

    def get(self, transaction_id: int) -> Topup | None:
        return self._topups.get(transaction_id)

    def all(self) -> list[Topup]:
        """Answer every transaction, oldest first."""
        return list(self._topups.values())

    def forget(self) -> None:
        """Forget transactions and identifiers, but never use a number twice."""
        for part in (self._topups, self._used, self._reserved, self._recharged):
            part.clear()

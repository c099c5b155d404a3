"""The one prepaid wallet that every Reloadly product is charged to."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sandbox import clock
from sandbox.exact import Json, without_trailing_zeros

CURRENCY = "USD"
CURRENCY_NAME = "US Dollar"


class InsufficientBalanceError(Exception):
    """Say that the wallet holds less than the cost."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Hold what one purchase did to the wallet."""

    old: Decimal
    new: Decimal
    cost: Decimal
    updated_at: datetime

    def as_json(self) -> Json:
        return {
            "oldBalance": without_trailing_zeros(self.old),
            "newBalance": without_trailing_zeros(self.new),
            "cost": without_trailing_zeros(self.cost),
            "currencyCode": CURRENCY,
            "currencyName": CURRENCY_NAME,
            "updatedAt": clock.plain(self.updated_at),
        }


class Wallet:
    """Keep the balance; the caller holds the lock of the state."""

    def __init__(self, balance: Decimal) -> None:
        self.balance = balance
        self.updated_at = clock.now()

    def set(self, balance: Decimal) -> None:
        self.balance, self.updated_at = balance, clock.now()

    def debit(self, cost: Decimal) -> Movement:
        """Take the cost, to five decimals. Raises InsufficientBalanceError."""
        if cost > self.balance:
            raise InsufficientBalanceError
        # The real answer shows when the balance changed last before this purchase.
        movement = Movement(self.balance, self.balance - cost, cost, self.updated_at)
        self.set(movement.new)
        return movement

    def credit(self, amount: Decimal) -> Movement:
        """Give an amount back and answer the movement of a purchase that cost nothing."""
        self.set(self.balance + amount)
        return self.untouched()

    def untouched(self) -> Movement:
        return Movement(self.balance, self.balance, Decimal(0), self.updated_at)

    def as_json(self) -> Json:
        return {
            "balance": without_trailing_zeros(self.balance),
            "frozenBalance": 0,
            "lowBalanceThreshold": Decimal("50.00"),
            "currencyCode": CURRENCY,
            "currencyName": CURRENCY_NAME,
            "updatedAt": clock.plain(self.updated_at),
        }

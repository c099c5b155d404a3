"""What a top-up costs the wallet and delivers to the phone."""

from dataclasses import dataclass
from decimal import Decimal

from sandbox.exact import to_five_places
from sandbox.reloadly.operator import Operator

ELEVEN_PLACES = Decimal("0.00000000001")


@dataclass(frozen=True, slots=True)
class Quote:
    """Hold the price of an order: USD but for `delivered`, which is in the operator's currency."""

    cost: Decimal
    discount: Decimal
    fee: Decimal
    delivered: Decimal


def quote(operator: Operator, amount: Decimal, *, local: bool) -> Quote:
    """Price an amount: S * (1 - discount % + fee %) + flat fee, to five decimals.

    S is the amount in dollars. Local orders have their own discount and fees, and their flat fee is in
    the operator's currency. Where there is a percentage fee there is no discount.
    """
    face = amount / operator.rate if local else amount
    percentage = operator.fee("localPercentage" if local else "internationalPercentage")
    flat = operator.fee("local") / operator.rate if local else operator.fee("international")
    discount = operator.local_discount if local else operator.international_discount
    off = Decimal(0) if percentage else face * discount / 100
    fee = face * percentage / 100 + flat
    return Quote(
        cost=to_five_places(face - off + fee),
        discount=to_five_places(off),
        fee=to_five_places(fee),
        delivered=_delivered(operator, amount, local=local),
    )


def _delivered(operator: Operator, amount: Decimal, *, local: bool) -> Decimal:
    if local:
        return amount
    if amount in operator.fixed:
        return operator.local_fixed[operator.fixed.index(amount)]
    return (amount * operator.rate).quantize(ELEVEN_PLACES)

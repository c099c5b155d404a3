"""Airtime: what a top-up asks for, what it costs, and which answers of Reloadly are final."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from service.model.errors import BadAmount, UpstreamRefused
from service.model.money import Money, amount_text, rounded_down, rounded_up
from service.model.phone import PhoneNumber

ACTION = "airtime.topup"
PRODUCT = "airtime"
RULE = "makeTopUp"
_SMALLEST_RATE = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class TopUp:
    """A top-up as asked for: `local` says that the amount is in the operator's own currency."""

    operator_id: int
    amount: Decimal
    local: bool
    recipient: PhoneNumber
    sender: PhoneNumber | None = None

    @property
    def body(self) -> dict[str, object]:
        """The canonical request body, without the identifier."""
        body: dict[str, object] = {
            "operatorId": self.operator_id,
            "amount": amount_text(self.amount),
            "useLocalAmount": self.local,
            "recipientPhone": _phone(self.recipient),
        }
        if self.sender:
            body["senderPhone"] = _phone(self.sender)
        return body


@dataclass(frozen=True, slots=True)
class Wish:
    """
    A top-up as a client wrote it.

    In our own way it names the `currency` that the amount is in; in Reloadly's way it
    says `local`, and `currency` is None.
    """

    operator_id: int
    amount: Decimal
    recipient: PhoneNumber
    sender: PhoneNumber | None = None
    currency: str | None = None
    local: bool = False

    def settled(self, sender_currency: str, local_currency: str) -> TopUp:
        """
        Return the top-up, once the operator's two currencies are known.

        Raises BadAmount for a currency that is neither. Where both are one, the amount is the sender's.
        """
        if self.currency not in (None, sender_currency, local_currency):
            raise BadAmount(f"This operator takes amounts in {sender_currency} or {local_currency}.")
        local = self.local if self.currency is None else self.currency != sender_currency
        return TopUp(self.operator_id, self.amount, local, self.recipient, self.sender)


def _phone(number: PhoneNumber) -> dict[str, str]:
    # With its plus sign: without one, Reloadly tries the digits as a national number first.
    return {"countryCode": number.country, "number": number.e164}


@dataclass(frozen=True, slots=True)
class Quote:
    """What arrives and what it costs at Reloadly's public rate."""

    operator_name: str
    delivered: Money
    cost: Money


@dataclass(frozen=True, slots=True)
class Operator:
    """What a quote needs of Reloadly's operator object."""

    operator_id: int
    name: str
    country: str
    rate: Decimal
    sender_currency: str
    local_currency: str
    takes_local: bool
    fixed: bool
    amounts: tuple[Decimal, ...]
    local_amounts: tuple[Decimal, ...]
    smallest: Decimal | None
    largest: Decimal | None
    local_smallest: Decimal | None
    local_largest: Decimal | None

    def quote(self, amount: Decimal, *, local: bool) -> Quote:
        """Return what this amount costs and delivers. Raises BadAmount."""
        if local and not self.takes_local:
            raise BadAmount(f"{self.name} takes amounts in {self.sender_currency} only.")
        self._check(amount, local=local)
        cost = amount / self.rate if local else amount
        delivered = amount if local else self._delivers(amount)
        money = Money(delivered, self.local_currency), Money(rounded_up(cost), self.sender_currency)
        return Quote(self.name, *money)

    def _delivers(self, amount: Decimal) -> Decimal:
        """A fixed denomination delivers the local amount beside it, whatever the rate would give."""
        if self.fixed and len(self.local_amounts) == len(self.amounts):
            return self.local_amounts[self.amounts.index(amount)]
        return rounded_down(amount * self.rate)

    def _check(self, amount: Decimal, *, local: bool) -> None:
        if self.fixed:
            allowed = self.local_amounts if local else self.amounts
            if amount not in allowed:
                raise BadAmount(f"{self.name} takes {_listed(allowed)}.")
            return
        low, high = (self.local_smallest, self.local_largest) if local else (self.smallest, self.largest)
        if low is None or high is None or not low <= amount <= high:
            raise BadAmount(f"{self.name} takes amounts from {low} to {high}.")


def _listed(amounts: Iterable[Decimal]) -> str:
    return "one of " + ", ".join(format(one, "f") for one in amounts)


def read_operator(raw: Mapping[str, object]) -> Operator:
    """
    Read Reloadly's operator object.

    Raises UpstreamRefused for an operator that is not in service, ValueError for an
    answer that lacks what a quote needs.
    """
    if raw.get("status", "ACTIVE") != "ACTIVE":
        raise UpstreamRefused(
            "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE", "This operator is not in service."
        )
    country, fx = _mapping(raw, "country"), _mapping(raw, "fx")
    rate = _number(fx.get("rate"))
    if rate is None or not _SMALLEST_RATE < rate < 1 / _SMALLEST_RATE:
        raise ValueError("the operator has no usable rate")
    return Operator(
        operator_id=int(str(raw["operatorId"])),
        name=str(raw["name"]),
        country=str(country["isoName"]),
        rate=rate,
        sender_currency=_currency(raw, "senderCurrencyCode"),
        local_currency=_currency(raw, "destinationCurrencyCode"),
        takes_local=raw.get("supportsLocalAmounts") is True,
        fixed=raw.get("denominationType") == "FIXED",
        amounts=_numbers(raw.get("fixedAmounts")),
        local_amounts=_numbers(raw.get("localFixedAmounts")),
        smallest=_number(raw.get("minAmount")),
        largest=_number(raw.get("maxAmount")),
        local_smallest=_number(raw.get("localMinAmount")),
        local_largest=_number(raw.get("localMaxAmount")),
    )


def _mapping(raw: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = raw.get(name)
    if not isinstance(value, Mapping):
        raise ValueError(f"the operator has no {name}")  # noqa: TRY004  an answer's fault, not a caller's
    return value


def _currency(raw: Mapping[str, object], name: str) -> str:
    """Return an ISO 4217 code. Raises ValueError."""
    value = raw[name]
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}", value, re.ASCII):
        raise ValueError(f"the operator has no {name}")
    return value


def _number(value: object) -> Decimal | None:
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def _numbers(value: object) -> tuple[Decimal, ...]:
    """Return a list of amounts; one that is not a number makes the list worth nothing, as positions count."""
    listed = [_number(one) for one in value] if isinstance(value, list) else []
    return () if None in listed else tuple(number for number in listed if number is not None)

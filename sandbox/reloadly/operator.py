"""One operator of the catalogue, and the JSON that Reloadly writes for it."""

from collections.abc import Mapping
from dataclasses import field
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as validated

from sandbox.exact import Json

CENTS = Decimal("0.01")
ZERO = Decimal("0.0")
SUGGESTED = (1, 5, 10, 15, 20, 25, 30, 40, 50, 75)
LOGO = "https://s3.amazonaws.com/rld-operator/{}-size-1.png"


@validated(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Operator:
    """Hold one operator. Amounts are USD, `local_*` amounts are in the destination currency."""

    id: int
    name: str
    country: str
    country_name: str
    currency: str
    symbol: str
    rate: Decimal
    international_discount: Decimal
    popular: Decimal | int
    local_discount: Decimal = ZERO
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    status: str = "ACTIVE"
    range: tuple[Decimal, Decimal] | None = None
    local_range: tuple[Decimal, Decimal] | None = None
    fixed: tuple[Decimal, ...] = ()
    local_fixed: tuple[Decimal, ...] = ()
    descriptions: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    @property
    def supports_local_amounts(self) -> bool:
        return self.local_range is not None

    def fee(self, name: str) -> Decimal:
        return self.fees.get(name, ZERO)

    def as_json(self, promotions: list[Json], *, amounts: bool, amounts_map: bool) -> Json:
        """Shape the operator; the suggested amounts are only filled where they were asked for."""
        suggested = self._suggested()
        return {
            **self._identity(),
            **self._money(),
            **self._limits(),
            "suggestedAmounts": list(suggested) if amounts else [],
            "suggestedAmountsMap": {str(usd): self._whole(usd) for usd in suggested} if amounts_map else {},
            "geographicalRechargePlans": [],
            "promotions": promotions,
            "status": self.status,
        }

    def _identity(self) -> Json:
        return {
            "id": self.id,
            "operatorId": self.id,
            "name": self.name,
            "bundle": "bundle" in self.flags,
            "data": "data" in self.flags,
            "pin": "pin" in self.flags,
            "comboProduct": "combo" in self.flags,
            "supportsLocalAmounts": self.supports_local_amounts,
            "supportsGeographicalRechargePlans": False,
            "denominationType": "FIXED" if self.fixed else "RANGE",
            "country": {"isoName": self.country, "name": self.country_name},
            "logoUrls": [LOGO.format(self.id)],
        }

    def _money(self) -> Json:
        return {
            "senderCurrencyCode": "USD",
            "senderCurrencySymbol": "$",
            "destinationCurrencyCode": self.currency,
            "destinationCurrencySymbol": self.symbol,
            "commission": self.international_discount,
            "internationalDiscount": self.international_discount,
            "localDiscount": self.local_discount,
            "fx": {"rate": self.rate, "currencyCode": self.currency},
            "fees": {
                name: self.fee(name)
                for name in ("international", "internationalPercentage", "local", "localPercentage")
            },
        }

    def _limits(self) -> Json:
        low, high = self.range or (None, None)
        local_low, local_high = self.local_range or (None, None)
        return {
            "mostPopularAmount": self.popular,
            "mostPopularLocalAmount": None,
            "minAmount": low,
            "maxAmount": high,
            "localMinAmount": local_low,
            "localMaxAmount": local_high,
            "fixedAmounts": list(self.fixed),
            "fixedAmountsDescriptions": _described(self.fixed, self.descriptions),
            "localFixedAmounts": list(self.local_fixed),
            "localFixedAmountsDescriptions": _described(self.local_fixed, self.descriptions),
        }

    def _suggested(self) -> tuple[int, ...]:
        low, high = self.range or (Decimal(1), Decimal(0))
        return tuple(usd for usd in SUGGESTED if low <= usd <= high)

    def _whole(self, usd: int) -> Decimal:
        return (usd * self.rate).quantize(Decimal(1), ROUND_DOWN).quantize(CENTS)


def read_operator(row: Json, country: Json) -> Operator:
    """Build an operator from its line in the data file and its country."""
    place = {
        "country_name": country["name"],
        "currency": country["currencyCode"],
        "symbol": country["currencySymbol"],
    }
    return TypeAdapter(Operator).validate_python({**row, **place})


def _described(amounts: tuple[Decimal, ...], descriptions: tuple[str, ...]) -> Json:
    keys = (str(amount.quantize(CENTS, ROUND_HALF_UP)) for amount in amounts)
    return dict(zip(keys, descriptions, strict=False))

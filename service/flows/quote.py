"""What a top-up costs, from upstream and at most a minute old."""

import json
from dataclasses import dataclass
from decimal import Decimal

from service.model.catalogue import Call, Catalogue
from service.model.errors import (
    BadAmount,
    BadPhoneNumber,
    BadUpstreamAnswer,
    UpstreamNotFound,
    UpstreamRefused,
)
from service.model.money import Money
from service.model.operation import Operation
from service.model.phone import PhoneNumber
from service.model.policy import MoneyPolicy
from service.model.topup import Operator, Quote, TopUp, Wish, read_operator
from service.ports import CatalogueReader

_SHOW_OPERATOR = "showOperator"


@dataclass(frozen=True, slots=True)
class QuoteTopUp:
    """Ask what an operator takes and gives."""

    catalogue: Catalogue
    reader: CatalogueReader
    policy: MoneyPolicy

    def operator(self, operator_id: int) -> Operator:
        """Raises BadAmount for an operator that does not exist, UpstreamRefused for one out of service."""
        rule = self.catalogue.named(_SHOW_OPERATOR)
        call = Call(rule, rule.build_path({"operatorId": str(operator_id)}), within=self.policy.quote_within)
        try:
            reading = self.reader.read(call)
            operator = read_operator(json.loads(reading.text, parse_float=Decimal))
        except UpstreamNotFound as error:
            raise BadAmount("There is no such operator.") from error
        except (KeyError, ValueError, ArithmeticError) as error:
            raise BadUpstreamAnswer from error
        if operator.operator_id != operator_id:
            raise BadUpstreamAnswer
        return operator

    def __call__(self, wish: Wish) -> tuple[TopUp, Quote]:
        """Return the top-up and its quote. Raises BadAmount and BadPhoneNumber for what would be refused."""
        operator = self.operator(wish.operator_id)
        top_up = wish.settled(operator.sender_currency, operator.local_currency)
        _check_country(operator, top_up.recipient)
        return top_up, operator.quote(top_up.amount, local=top_up.local)

    def has_drifted(self, operation: Operation) -> bool:
        """Say whether what was drafted would now cost or deliver something else."""
        body = operation.request.body
        try:
            operator = self.operator(int(str(body["operatorId"])))
            quote = operator.quote(Decimal(str(body["amount"])), local=body["useLocalAmount"] is True)
        except (BadAmount, UpstreamRefused):
            return True
        return quote.delivered != operation.delivered or self._dearer(quote.cost, operation.cost)

    def _dearer(self, now: Money, then: Money) -> bool:
        allowed = then.amount * self.policy.drift_basis_points / 10_000
        return now.currency != then.currency or abs(now.amount - then.amount) > allowed


def _check_country(operator: Operator, recipient: PhoneNumber) -> None:
    """Refuse a number that this operator cannot reach. Raises BadPhoneNumber."""
    if recipient.country != operator.country:
        raise BadPhoneNumber(f"{operator.name} does not serve numbers of that country.")

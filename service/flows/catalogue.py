"""A catalogue read: only what is listed, rebuilt by us, filtered on the way back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from service.model.catalogue import Call, Catalogue, Rule
from service.model.errors import BadRequest, OperationNotListed
from service.model.money import parse_amount
from service.ports import CatalogueReader, Reading

_FX_RATE = "quoteFxRate"


@dataclass(frozen=True, slots=True)
class ReadCatalogue:
    """Match, rebuild, read."""

    catalogue: Catalogue
    reader: CatalogueReader

    def match(self, product: str, method: str, path: str) -> tuple[Rule, dict[str, str]]:
        """Return the rule of a client's path. Raises OperationNotListed."""
        return self.catalogue.match(product, method, path)

    def __call__(
        self,
        rule: Rule,
        parameters: Mapping[str, str],
        query: Sequence[tuple[str, str]],
        body: Mapping[str, object],
    ) -> Reading:
        """Raises BadRequest, UpstreamNotFound, UpstreamUnavailable and its kin."""
        if rule.spends:
            raise OperationNotListed
        call = Call(
            rule, rule.build_path(parameters), rule.build_query(query), body=_body(rule, body) or None
        )
        return self.reader.read(call)


def _body(rule: Rule, body: Mapping[str, object]) -> dict[str, object]:
    """Return the canonical body; a quote is the one read that has one."""
    if rule.operation != _FX_RATE:
        if body:
            _refuse(body)
        return {}
    operator, amount = body.get("operatorId"), body.get("amount")
    wrong = sorted(set(body) ^ {"operatorId", "amount"})
    if type(operator) is not int or not 0 < operator < 10**9:
        wrong.append("operatorId")
    if isinstance(amount, str):
        wrong.append("amount")
    if wrong:
        _refuse(wrong)
    return {"operatorId": operator, "amount": parse_amount(amount)}


def _refuse(names: Iterable[str]) -> NoReturn:
    words = "unknown, missing or of the wrong type"
    errors = [{"pointer": f"/{name[:64]}", "detail": words} for name in dict.fromkeys(names)]
    raise BadRequest("The body does not follow the contract.", errors=errors)

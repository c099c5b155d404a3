"""The catalogue: operators, countries and promotions, loaded from the data files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from sandbox.exact import Json, read
from sandbox.reloadly.operator import Operator, read_operator

DATA = Path(__file__).with_name("data")
FLAG = "https://s3.amazonaws.com/rld-flags/{}.svg"


@dataclass(frozen=True)
class Catalogue:
    """Hold what the airtime host can sell, and where."""

    operators: dict[int, Operator]
    countries: dict[str, Json]
    promotions: dict[int, Json]

    @classmethod
    def load(cls) -> Self:
        countries = {str(row["isoName"]): _country(row) for row in _rows("countries")}
        operators = [read_operator(row, countries[str(row["country"])]) for row in _rows("operators")]
        promotions = {int(str(row["id"])): _promotion(row) for row in _rows("promotions")}
        return cls({operator.id: operator for operator in operators}, countries, promotions)

    def in_country(self, iso: str) -> list[Operator]:
        return [operator for operator in self.operators.values() if operator.country == iso.upper()]

    def by_prefix(self, digits: str, iso: str) -> Operator | None:
        """Answer the operator of a number in international digits: the longest prefix wins."""
        fitting = [prefix for prefix in self._prefixes if digits.startswith(prefix)]
        found = [self._prefixes[prefix] for prefix in sorted(fitting, key=len, reverse=True)]
        return next((operator for operator in found if operator.country == iso.upper()), None)

    def promotions_of(self, operator_ids: set[int]) -> list[Json]:
        return [row for row in self.promotions.values() if row["operatorId"] in operator_ids]

    @cached_property
    def _prefixes(self) -> dict[str, Operator]:
        return {prefix: operator for operator in self.operators.values() for prefix in operator.prefixes}


def _rows(name: str) -> list[Json]:
    rows = read((DATA / f"{name}.json").read_bytes())
    assert isinstance(rows, list)
    return rows


def _country(row: Json) -> Json:
    return {**row, "flag": FLAG.format(str(row["isoName"]).lower())}


def _promotion(row: Json) -> Json:
    return {"id": row["id"], "promotionId": row["id"], **row}

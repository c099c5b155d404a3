"""The contract is one with the catalogue of permitted operations and with the tree of errors."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from service.model.catalogue import LANGUAGES, Rule, read_catalogue
from service.model.errors import GatewayError
from service.model.shapes import Shape
from tests.document import Node, items, operations, parameters, read_spec, resolve

SPEC = read_spec()
CATALOGUE = read_catalogue((Path(__file__).parents[2] / "service" / "catalogue.toml").read_text())
PREFIX = "/v1/reloadly/"
# Refusals of the HTTP layer itself: no class in the model raises them.
OF_THE_EDGE = {"BODY_TOO_LARGE", "METHOD_NOT_ALLOWED", "UNSUPPORTED_MEDIA_TYPE"}
# What the catalogue's types of query parameters are in the contract's words.
QUERY_SCHEMAS: Mapping[str, Mapping[str, object]] = {
    "page": {"type": "integer", "minimum": 0, "maximum": 99999},
    "size": {"type": "integer", "minimum": 1, "maximum": 9999},
    "flag": {"type": "boolean"},
    "language": {"type": "string", "enum": list(LANGUAGES), "maxLength": 2},
}
LISTS = {"listCountries", "listOperatorsByCountry", "listPromotionsByCountry", "listPromotionsByOperator"}
every_rule = pytest.mark.parametrize("rule", CATALOGUE.rules, ids=lambda rule: rule.operation)


def named(operation_id: str) -> tuple[str, str, Node]:
    return next(one for one in operations(SPEC) if str(one[2]["operationId"]) == operation_id)


def problems() -> dict[str, Node]:
    return {str(row["code"]): row for row in items(SPEC["components"]["schemas"]["Problem"]["x-problems"])}


def errors_of(kind: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from errors_of(child)


def test_the_catalogue_and_the_contract_list_the_same_operations() -> None:
    told = {
        (str(node["operationId"]), method.upper(), path)
        for path, method, node in operations(SPEC)
        if path.startswith(PREFIX)
    }
    listed = {
        (
            rule.operation,
            rule.method,
            f"{PREFIX}{rule.product}" + re.sub(r"\{(\w+):\w+\}", r"{\1}", rule.path),
        )
        for rule in CATALOGUE.rules
    }
    assert told == listed


@every_rule
def test_a_rule_takes_what_the_contract_says(rule: Rule) -> None:
    path, _, node = named(rule.operation)
    declared = {str(one["name"]): one for one in parameters(SPEC, path, node)}
    query = {name: one["schema"] for name, one in declared.items() if str(one["in"]) == "query"}
    assert query == {name: QUERY_SCHEMAS[kind] for name, kind in rule.query.items()}
    inside = {name for name, one in declared.items() if str(one["in"]) == "path"}
    assert inside == set(re.findall(r"\{(\w+):", rule.path))


@every_rule
def test_an_answer_of_reloadly_is_documented_member_by_member(rule: Rule) -> None:
    _, _, node = named(rule.operation)
    schema = node["responses"]["200"]["content"]["application/json"]["schema"]
    schema = schema["items"] if rule.operation in LISTS else schema
    _same_members(rule.answer, resolve(SPEC, schema))


def _same_members(shape: Shape, schema: Node) -> None:
    members = schema["properties"]
    assert set(members) == shape.keep | shape.maps | set(shape.nested)
    for name, inner in shape.nested.items():
        member = resolve(SPEC, members[name])
        _same_members(inner, resolve(SPEC, member["items"]) if "items" in member else member)


def test_every_error_is_documented_and_every_documented_error_exists() -> None:
    raised = {kind.code for kind in errors_of(GatewayError)}
    assert set(problems()) == raised | OF_THE_EDGE


def test_every_documented_error_says_what_to_do_next() -> None:
    for code, row in problems().items():
        assert str(row["meaning"]).endswith("."), code
        assert str(row["next"]).endswith("."), code


def test_a_status_names_only_its_own_errors() -> None:
    table = problems()
    for _, _, node in operations(SPEC):
        for status, answer in node["responses"].items():
            text = str(answer.get("description") or resolve(SPEC, answer)["description"])
            for code in re.findall(r"`([A-Z]+_[A-Z_]+)`", text) if status.isdigit() else ():
                assert str(table[code]["status"]) == status, (node["operationId"], code)

"""The contract: valid, complete, bounded and closed on the way in, open on the way out."""

from collections.abc import Iterator

import pytest
from openapi_spec_validator import validate

from tests.document import Node, compile_schema, items, leaf, operations, parameters, read_spec, resolve

SPEC = read_spec()


def subschemas(schema: object) -> Iterator[Node]:
    """Yield a schema and all that it holds, references followed."""
    if not isinstance(schema, dict):
        return
    schema = resolve(SPEC, schema)
    yield schema
    for inner in schema.get("properties", {}).values():
        yield from subschemas(inner)
    for keyword in ("items", "additionalProperties"):
        yield from subschemas(schema.get(keyword))


def requests() -> Iterator[tuple[str, Node]]:
    """Yield the schema of every request body and parameter, with all that it holds."""
    for path, _, node in operations(SPEC):
        name = str(node["operationId"])
        body = node.get("requestBody", {}).get("content", {}).get("application/json", {})
        roots = [one["schema"] for one in [*parameters(SPEC, path, node), body] if "schema" in one]
        for root in roots:
            yield from ((name, schema) for schema in subschemas(root))


def nodes(node: object, place: str = "#") -> Iterator[tuple[str, Node]]:
    """Yield every object of the document with its place."""
    if isinstance(node, dict):
        yield place, node
    if isinstance(node, dict | list):
        for name, inner in node.items() if isinstance(node, dict) else enumerate(node):
            yield from nodes(inner, f"{place}/{name}")


every_operation = pytest.mark.parametrize(
    ("path", "node"),
    [(path, node) for path, _, node in operations(SPEC)],
    ids=[str(node["operationId"]) for _, _, node in operations(SPEC)],
)


def test_the_document_is_valid_openapi() -> None:
    validate(dict(SPEC))


def test_no_operation_shares_its_name() -> None:
    found = [str(node["operationId"]) for _, _, node in operations(SPEC)]
    assert len(found) == len(set(found)) == 32


@every_operation
def test_every_operation_says_what_it_is_for(path: str, node: Node) -> None:
    assert str(node["summary"]).strip()
    tags = {str(tag["name"]) for tag in items(SPEC["tags"])}
    used = set(map(str, items(node["tags"])))
    assert used
    assert used <= tags


@every_operation
def test_every_refusal_is_a_problem(path: str, node: Node) -> None:
    assert "default" in node["responses"]
    for status, answer in node["responses"].items():
        content = resolve(SPEC, answer).get("content", {})
        if status == "default" or (status >= "400" and path != "/readyz"):
            schema = content["application/problem+json"]["schema"]
            assert str(schema["$ref"]) == "#/components/schemas/Problem"


@every_operation
def test_an_operation_has_one_success_schema(path: str, node: Node) -> None:
    schemas = [
        str(media["schema"])
        for status, answer in node["responses"].items()
        if status.startswith("2")
        for media in resolve(SPEC, answer).get("content", {}).values()
    ]
    assert len(set(schemas)) <= 1


@every_operation
def test_every_answer_names_its_request(path: str, node: Node) -> None:
    for answer in node["responses"].values():
        assert "X-Request-Id" in resolve(SPEC, answer)["headers"]


def test_waiting_and_authentication_are_told_in_headers() -> None:
    wanted = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
    for path, _, node in operations(SPEC):
        for status, header in wanted.items():
            if status in node["responses"] and path != "/readyz":
                headers = resolve(SPEC, node["responses"][status])["headers"]
                assert resolve(SPEC, headers[header])["required"], (path, status)


def test_no_schema_leaves_a_choice() -> None:
    for place, node in nodes(SPEC):
        assert not {"oneOf", "anyOf"} & set(node), place
        kinds = node.get("type")
        if isinstance(kinds, list):
            assert len(kinds) == 2, place
            assert kinds[1] == "null", place


def test_requests_are_closed() -> None:
    for name, schema in requests():
        if leaf(schema, "type") == "object":
            assert leaf(schema, "additionalProperties") is False, name


def test_every_request_value_has_bounds() -> None:
    for name, schema in requests():
        kind = leaf(schema, "type")
        if kind == "string":
            assert "maxLength" in schema, (name, schema)
        if kind in ("integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & set(schema), (name, schema)
            assert {"maximum", "exclusiveMaximum"} & set(schema), (name, schema)


def test_answers_are_open() -> None:
    closed = [place for place, node in nodes(SPEC) if leaf(node, "additionalProperties") is False]
    asked = {"Empty", "SignUp", "LogIn", "SendCode", "VerifyCode", "RefreshTokens", "RevokeTokens"}
    asked |= {
        "ConfirmAuthenticator",
        "DraftTopUp",
        "ApproveOperation",
        "TopUp",
        "ReloadlyPhone",
        "FxRateQuote",
    }
    assert {place.rpartition("/")[2] for place in closed} == asked


def test_every_example_is_valid() -> None:
    checked = 0
    for place, node in nodes(SPEC):
        if "schema" in node:
            checked += _check(place, node["schema"], [*_values(node)])
        elif place.startswith("#/components/schemas/") and isinstance(node.get("examples"), list):
            checked += _check(place, node, [*items(node["examples"])])
    assert checked > 100


def _values(node: Node) -> Iterator[object]:
    if "example" in node:
        yield node["example"]
    yield from (resolve(SPEC, one)["value"] for one in node.get("examples", {}).values())


def _check(place: str, schema: Node, values: list[object]) -> int:
    # Examples are documentation: they too may only hold what is documented.
    validator = compile_schema(SPEC, schema, closed=True)
    for value in values:
        assert [error.message for error in validator.iter_errors(value)] == [], place
    return len(values)


def test_every_request_and_answer_with_a_body_has_an_example() -> None:
    for _, _, node in operations(SPEC):
        contents = [node.get("requestBody", {})]
        contents += [one for status, one in node["responses"].items() if status.startswith("2")]
        for content in contents:
            for media in content.get("content", {}).values():
                assert {"example", "examples"} & set(media), node["operationId"]


def test_nothing_is_declared_and_unused() -> None:
    text = str(SPEC)
    for kind, declared in SPEC["components"].items():
        if kind != "securitySchemes":
            for name in declared:
                assert f"'#/components/{kind}/{name}'" in text, (kind, name)

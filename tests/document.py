"""openapi.yaml as a tree, its references, and its schemas compiled."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import yaml
from jsonschema_rs import Validator, validator_for

SPEC = Path(__file__).parents[1] / "openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")

# A tree of YAML: leaves are read with leaf() or str(), lists with items().
Node = Mapping[str, "Node"]


def read_spec() -> Node:
    """Return the document as a tree."""
    return cast("Node", yaml.safe_load(SPEC.read_text("utf-8")))


def items(node: object) -> Sequence[Node]:
    """Return the entries of a YAML list."""
    return cast("Sequence[Node]", node)


def leaf(node: Node, name: str) -> object:
    """Return a scalar member, None where there is none."""
    return node.get(name)


def resolve(document: Node, node: Node) -> Node:
    """Return what a local `$ref` points to, or the node itself."""
    while "$ref" in node:
        parts = str(node["$ref"]).removeprefix("#/").split("/")
        node = document
        for part in parts:
            node = node[part]
    return node


def compile_schema(document: Node, schema: Node, *, closed: bool = False) -> Validator:
    """
    Return a validator of a schema of this document, formats included.

    With `closed` an object may hold only what is documented. The contract leaves answers
    open so that old clients survive new members; that a member is documented at all is
    for us to keep.
    """
    root = {"allOf": [schema], "components": {"schemas": document["components"]["schemas"]}}
    return validator_for(cast("dict[str, object]", _closed(root) if closed else root), validate_formats=True)


def _closed(node: object) -> object:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    inner = {name: _closed(item) for name, item in node.items()}
    return {"additionalProperties": False, **inner} if "properties" in node else inner


def operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    """Yield path, method and operation."""
    for path, node in document["paths"].items():
        for method in METHODS:
            if method in node:
                yield path, method, node[method]


def parameters(document: Node, path: str, node: Node) -> list[Node]:
    """Return the parameters of an operation and of its path."""
    listed = [*items(document["paths"][path].get("parameters", [])), *items(node.get("parameters", []))]
    return [resolve(document, one) for one in listed]

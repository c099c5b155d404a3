"""Hold every answer to openapi.yaml: path, status, headers, media type and body."""

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, cast

from jsonschema_rs import Validator

from tests.document import Node, compile_schema, items, operations, read_spec, resolve

# What Reloadly tells about the company that runs the gateway. A free object, such as an
# operation's reply, has no schema that would stop it.
_DISCOUNTS = {"commission", "internationalDiscount", "localDiscount", "discount", "discountCurrencyCode"}
COMPANY_DATA = _DISCOUNTS | {"balanceInfo", "fee", "fees", "smsFee", "totalFee"}
_UPSTREAM_STATUSES = (404, 422)


@dataclass(frozen=True, slots=True)
class Header:
    """A declared header; its value is compared as an integer where the schema says so."""

    name: str
    required: bool
    whole: bool
    validator: Validator

    def faults(self, text: str | None) -> Iterator[str]:
        if text is None:
            if self.required:
                yield f"the header {self.name} is missing"
        elif self.whole and not re.fullmatch(r"[0-9]+", text, re.ASCII):
            yield f"the header {self.name} is {text!r}, not a number"
        else:
            yield from _mismatches(self.validator, int(text) if self.whole else text, f"header {self.name}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A declared answer: its headers, and a validator for each media type."""

    headers: tuple[Header, ...]
    media: Mapping[str, Validator]

    def faults(self, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
        for header in self.headers:
            yield from header.faults(headers.get(header.name.lower()))
        mime = headers.get("content-type", "").split(";")[0].strip().lower()
        if not self.media:
            yield from ["there is a body where none is declared"] if body else []
        elif mime not in self.media:
            yield f"the media type is {mime!r}, not one of {sorted(self.media)}"
        else:
            yield from _body_faults(self.media[mime], mime, body)


@dataclass(frozen=True, slots=True)
class Declared:
    """One operation of the document."""

    operation_id: str
    method: str
    path: re.Pattern[str]
    answers: Mapping[int, Answer]


@dataclass(frozen=True, slots=True)
class Contract:
    """Every operation, compiled once; `problems` is the table of error codes."""

    operations: tuple[Declared, ...]
    problems: Mapping[str, Node]
    refusal: Answer

    @classmethod
    def load(cls) -> Self:
        """Read and compile openapi.yaml."""
        document = read_spec()
        compiled: dict[str, Validator] = {}
        declared = [
            _declared(document, path, method, node, compiled) for path, method, node in operations(document)
        ]
        # A literal path is a better match than a template.
        declared.sort(key=lambda one: one.path.pattern.count("[^/]+"))
        table = items(document["components"]["schemas"]["Problem"]["x-problems"])
        refusal = _answer(document, document["components"]["responses"]["Problem"], compiled)
        return cls(tuple(declared), {str(row["code"]): row for row in table}, refusal)

    def find(self, method: str, path: str) -> Declared | None:
        """Return the operation of a request; the query is ignored."""
        path = path.partition("?")[0]
        fitting = (one for one in self.operations if one.method == method.lower())
        return next((one for one in fitting if one.path.fullmatch(path)), None)

    def check(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """
        Hold one answer to the contract.

        Raises AssertionError for a path, method or status that is not declared (`default`
        declares none), and for headers, media type or body that differ.
        """
        declared = self.find(method, path)
        assert declared, f"{method} {path.partition('?')[0]} is not in the contract"
        answer = declared.answers.get(status)
        assert answer, f"{declared.operation_id} does not declare {status}: {body[:200]!r}"
        self._check(f"{declared.operation_id} {status}", answer, status, headers, body)

    def check_unlisted(
        self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Hold the answer to a request outside the contract: a 404 or 405 in a Problem's form."""
        assert self.find(method, path) is None, f"{method} {path} is in the contract"
        assert status in (404, 405), f"{method} {path} is not in the contract and answers {status}"
        self._check(f"{method} {path} {status}", self.refusal, status, headers, body)

    def _check(self, name: str, answer: Answer, status: int, headers: Mapping[str, str], body: bytes) -> None:
        lowered = {key.lower(): value for key, value in headers.items()}
        plain = gzip.decompress(body) if lowered.get("content-encoding") == "gzip" else body
        faults = list(answer.faults(lowered, plain))
        if not faults and lowered.get("content-type", "").startswith("application/problem+json"):
            faults = list(self._problem_faults(json.loads(plain), status, lowered))
        assert not faults, f"{name} is against the contract:\n  " + "\n  ".join(faults)

    def _problem_faults(
        self, problem: Mapping[str, object], status: int, headers: Mapping[str, str]
    ) -> Iterator[str]:
        code, request_id = str(problem["errorCode"]), headers["x-request-id"]
        expected: dict[str, object] = {
            "status": status,
            "type": f"/docs/problems/{code.lower().replace('_', '-')}",
            "message": problem["detail"],
            "request_id": request_id,
            "instance": f"urn:uuid:{request_id}",
        }
        if "retry-after" in headers and "retry_after" in problem:
            expected["retry_after"] = int(headers["retry-after"])
        yield from (
            f"{name} is {problem[name]!r}, not {value!r}"
            for name, value in expected.items()
            if problem[name] != value
        )
        yield from self._code_faults(code, problem, status)

    def _code_faults(self, code: str, problem: Mapping[str, object], status: int) -> Iterator[str]:
        """Reloadly's own codes, which may be spelled as ours are, come with 404 and 422 only."""
        row: Node = self.problems.get(code, {})
        if str(row.get("status")) != str(status):
            if status not in _UPSTREAM_STATUSES:
                yield f"the errorCode {code} is not documented for {status}"
            return
        wanted = cast("Sequence[str]", row.get("members", ()))
        yield from (f"{code} lacks its member {name}" for name in wanted if name not in problem)


def _declared(document: Node, path: str, method: str, node: Node, compiled: dict[str, Validator]) -> Declared:
    pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
    answers = {
        int(status): _answer(document, answer, compiled)
        for status, answer in node["responses"].items()
        if status != "default"
    }
    return Declared(str(node["operationId"]), method, pattern, answers)


def _answer(document: Node, node: Node, compiled: dict[str, Validator]) -> Answer:
    node = resolve(document, node)
    headers = (_header(document, name, header, compiled) for name, header in node.get("headers", {}).items())
    media = {
        mime: _compiled(document, content["schema"], compiled)
        for mime, content in node.get("content", {}).items()
    }
    return Answer(tuple(headers), media)


def _header(document: Node, name: str, node: Node, compiled: dict[str, Validator]) -> Header:
    header = resolve(document, node)
    whole = str(header["schema"].get("type")) == "integer"
    return Header(name, bool(header.get("required")), whole, _compiled(document, header["schema"], compiled))


def _compiled(document: Node, schema: Node, compiled: dict[str, Validator]) -> Validator:
    key = json.dumps(schema, sort_keys=True)
    if key not in compiled:
        compiled[key] = compile_schema(document, schema, closed=True)
    return compiled[key]


def _body_faults(validator: Validator, mime: str, body: bytes) -> Iterator[str]:
    if not mime.endswith("json"):
        yield from _mismatches(validator, body.decode(), "the body")
        return
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except ValueError as error:
        yield f"the body is not JSON: {error}"
        return
    yield from _mismatches(validator, value, "the body")
    yield from (f"company data: {name}" for name in sorted(set(_names(value)) & COMPANY_DATA))


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _mismatches(validator: Validator, value: object, what: str) -> Iterator[str]:
    for error in validator.iter_errors(value):
        where = "/".join(map(str, error.instance_path))
        yield f"{what}, at /{where}: {error.message}"


def _names(value: object) -> Iterator[str]:
    """Yield every member name of a JSON value, however deep."""
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _names(inner)

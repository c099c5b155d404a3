"""The permitted upstream operations: matching a request to a rule, and rebuilding the call from it."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from urllib.parse import urlencode

from service.model.errors import BadRequest, OperationNotListed
from service.model.policy import LimitPolicy
from service.model.shapes import Shape, read_shapes

_MIB = 1 << 20
LANGUAGES = ("EN", "ES", "FR", "PT", "AR", "HI")

# Every value a client may put into a path or a query has a type; what is forwarded is
# the canonical form that the type returns, never the text as it came.
_TYPES: dict[str, re.Pattern[str]] = {
    "id": re.compile(r"[1-9][0-9]{0,8}", re.ASCII),
    "page": re.compile(r"[0-9]{1,5}", re.ASCII),
    "size": re.compile(r"[1-9][0-9]{0,3}", re.ASCII),
    "iso2": re.compile(r"[A-Za-z]{2}", re.ASCII),
    "phone": re.compile(r"\+?[0-9]{4,15}", re.ASCII),
    "flag": re.compile(r"true|false", re.ASCII),
    "identifier": re.compile(r"[a-z2-7]{26}", re.ASCII),
    "language": re.compile("|".join(LANGUAGES), re.ASCII),
}
# What bounds a client, and `none` for the calls that are ours.
_LIMITS = frozenset(field.name for field in fields(LimitPolicy)) | {"none"}
_PARAMETER = re.compile(r"\{(\w+):(\w+)\}")


def _canonical(kind: str, text: str) -> str | None:
    if not _TYPES[kind].fullmatch(text):
        return None
    return text.upper() if kind == "iso2" else text.removeprefix("+") if kind == "phone" else text


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One permitted operation.

    `segments` alternate literals and typed parameters; `query` maps a permitted name to
    its type; `answer` is the allow-list of the reply, `many` of them or one; `cache` is in
    seconds, 0 for never; `largest` bounds an answer in bytes.
    """

    operation: str
    product: str
    method: str
    path: str
    query: Mapping[str, str]
    answer: Shape
    many: bool
    cache: int
    largest: int
    limit: str
    spends: bool
    definite: frozenset[tuple[str, str]]

    def is_definite(self, status: int, code: str) -> bool:
        """Say whether this status with this errorCode proves that nothing was charged."""
        return not self.definite.isdisjoint({(str(status), code), (f"{status // 100}xx", code)})

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.strip("/").split("/"))

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """Return the canonical parameters when these path segments are this rule's, else None."""
        if len(parts) != len(self.segments):
            return None
        found: dict[str, str] = {}
        for segment, part in zip(self.segments, parts, strict=True):
            parameter = _PARAMETER.fullmatch(segment)
            if parameter is None and segment != part:
                return None
            if parameter:
                value = _canonical(parameter[2], part)
                if value is None:
                    return None
                found[parameter[1]] = value
        return found

    def build_path(self, parameters: Mapping[str, str]) -> str:
        """Return the upstream path, built from the template and canonical values only."""
        return _PARAMETER.sub(lambda found: parameters[found[1]], self.path)

    def build_query(self, pairs: Sequence[tuple[str, str]]) -> str:
        """Return the canonical query string. Raises BadRequest for unknown, repeated or ill-typed ones."""
        errors, kept = [], {}
        for name, text in pairs:
            value = _canonical(self.query[name], text) if name in self.query else None
            if value is None or name in kept:
                errors.append(
                    {"pointer": f"?{name[:64]}", "detail": "unknown, repeated or of the wrong type"}
                )
            else:
                kept[name] = value
        if errors:
            raise BadRequest("The query does not follow the contract.", errors=errors)
        return urlencode(sorted(kept.items()))


@dataclass(frozen=True, slots=True)
class Call:
    """
    A call to Reloadly, rebuilt by us.

    `body` is JSON-ready; `caused` says that a client asked for it; `within` bounds the
    whole call in seconds, where somebody waits who cannot wait as long as a read may take.
    """

    rule: Rule
    path: str
    query: str = ""
    body: Mapping[str, object] | None = None
    caused: bool = True
    within: float | None = None

    @property
    def cache_key(self) -> str:
        """Rule, canonical parameters, query and body: everything a cached answer depends on."""
        body = sorted((name, str(value)) for name, value in (self.body or {}).items())
        return f"{self.rule.product} {self.rule.method} {self.path}?{self.query} {body}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All rules; nothing outside them reaches Reloadly."""

    rules: tuple[Rule, ...]
    ours: tuple[Rule, ...]
    not_found: frozenset[str]
    not_found_messages: tuple[str, ...]
    refused: frozenset[str]

    def match(self, product: str, method: str, path: str) -> tuple[Rule, dict[str, str]]:
        """Return the rule of a request and its parameters. Raises OperationNotListed."""
        parts = path.split("/")
        for rule in self.rules:
            if (rule.product, rule.method) == (product, method):
                parameters = rule.match(parts)
                if parameters is not None:
                    return rule, parameters
        raise OperationNotListed

    def named(self, operation: str) -> Rule:
        """Return the rule with this operationId."""
        return next(rule for rule in self.rules if rule.operation == operation)

    def own(self, operation: str) -> Rule:
        """Return a rule of our own look-ups, which no client can reach."""
        return next(rule for rule in self.ours if rule.operation == operation)


def read_catalogue(text: str) -> Catalogue:
    """Read `catalogue.toml`. A rule that names an unknown type or shape is a ValueError or KeyError."""
    raw = tomllib.loads(text)
    shapes = read_shapes(raw["shapes"])
    rules = tuple(_rule(entry, shapes) for entry in raw["rules"])
    ours = tuple(_rule(entry, shapes) for entry in raw["ours"])
    if len({rule.operation for rule in rules + ours}) != len(rules + ours):
        raise ValueError("two rules share a name")
    return Catalogue(
        rules,
        ours,
        frozenset(raw["not_found"]["codes"]),
        tuple(raw["not_found"]["messages"]),
        frozenset(raw["refused"]["codes"]),
    )


def _rule(entry: Mapping[str, object], shapes: Mapping[str, Shape]) -> Rule:
    query = entry.get("query", {})
    assert isinstance(query, Mapping)
    kinds = [*query.values(), *(kind for _, kind in _PARAMETER.findall(str(entry["path"])))]
    unknown = set(map(str, kinds)) - _TYPES.keys()
    if unknown:
        raise ValueError(f"{entry['operation']} names unknown types: {sorted(unknown)}")
    limit = str(entry["limit"])
    if limit not in _LIMITS:
        raise ValueError(f"{entry['operation']} names an unknown limit: {limit}")
    definite = entry.get("definite", {})
    assert isinstance(definite, Mapping)
    return Rule(
        operation=str(entry["operation"]),
        product=str(entry["product"]),
        method=str(entry["method"]),
        path=str(entry["path"]),
        query={str(name): str(kind) for name, kind in query.items()},
        answer=shapes[str(entry["answer"])],
        many=entry.get("many") is True,
        cache=int(str(entry.get("cache", 0))),
        largest=int(str(entry.get("largest_mib", 1))) * _MIB,
        limit=limit,
        spends=entry.get("spends") is True,
        definite=frozenset((str(status), str(code)) for status, codes in definite.items() for code in codes),
    )

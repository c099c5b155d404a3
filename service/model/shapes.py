"""Allow-lists of answers: what of Reloadly's JSON a phone may see."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Shape:
    """
    The members let through, by kind.

    `keep` are scalars or lists of scalars, `maps` are objects from text to a scalar, and
    `nested` are objects, or lists of them, with a shape of their own. All else is dropped.
    """

    keep: frozenset[str] = frozenset()
    maps: frozenset[str] = frozenset()
    nested: Mapping[str, "Shape"] = field(default_factory=dict)

    def filter(self, value: object) -> object:
        """Return the permitted part of a JSON value; an object or a list of objects."""
        if isinstance(value, list):
            return [self._object(item) for item in value if isinstance(item, Mapping)]
        return self._object(value) if isinstance(value, Mapping) else None

    def fits(self, value: object, *, many: bool) -> bool:
        """Say whether an answer is at all of the kind this shape describes: one object, or a list of them."""
        if isinstance(value, list) is not many:
            return False
        listed = value if isinstance(value, list) else [value]
        return all(isinstance(item, Mapping) and item and "errorCode" not in item for item in listed)

    def _object(self, value: Mapping[str, object]) -> dict[str, object]:
        return {
            name: kept for name, item in value.items() if (kept := self._member(name, item)) is not _DROPPED
        }

    def _member(self, name: str, item: object) -> object:
        if name in self.nested:
            return self.nested[name].filter(item)
        if name in self.keep and _plain(item):
            return item
        if name in self.maps and isinstance(item, Mapping):
            return {key: entry for key, entry in item.items() if _scalar(entry)}
        if name in self.maps and item is None:
            return None
        return _DROPPED


_DROPPED = object()


def _scalar(value: object) -> bool:
    return not isinstance(value, list | Mapping)


def _plain(value: object) -> bool:
    return all(map(_scalar, value)) if isinstance(value, list) else _scalar(value)


def read_shapes(raw: Mapping[str, Mapping[str, object]]) -> dict[str, Shape]:
    """Read the `shapes` table; a shape may nest those that stand above it."""
    shapes: dict[str, Shape] = {}
    for name, entry in raw.items():
        nested = entry.get("nested", {})
        assert isinstance(nested, Mapping)
        shapes[name] = Shape(
            keep=_names(entry.get("keep")),
            maps=_names(entry.get("maps")),
            nested={member: shapes[shape] for member, shape in nested.items()},
        )
    return shapes


def _names(value: object) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()

"""Spring's page envelope: asked for from 1, answered from 0."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from flask import request

from sandbox.exact import Json

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Paging:
    """Hold the rules of one list: its size when none is asked for, and the size it is silently capped at."""

    default: int
    most: int

    def answer(self, rows: Sequence[Row], shape: Callable[[Row], object]) -> Json:
        """Answer the page that the current request asks for; a page past the end is empty."""
        size = min(_number("size", self.default), self.most)
        # Page 0 and page 1 are the same page.
        index = _number("page", 1) - 1
        content = [shape(row) for row in rows[index * size : (index + 1) * size]]
        return _envelope(content, index, size, len(rows))


OPERATORS = Paging(default=200, most=1000)
COMMISSIONS = Paging(default=300, most=1000)
PROMOTIONS = Paging(default=200, most=200)
TOPUPS = Paging(default=100, most=500)


def _number(name: str, otherwise: int) -> int:
    asked = request.args.get(name, otherwise, type=int)
    return asked if asked > 0 else otherwise


def _envelope(content: list[object], index: int, size: int, total: int) -> Json:
    sort = {"sorted": False, "unsorted": True, "empty": True}
    pages = -(-total // size)
    return {
        "content": content,
        "pageable": {
            "sort": sort,
            "pageNumber": index,
            "pageSize": size,
            "offset": index * size,
            "paged": True,
            "unpaged": False,
        },
        "totalElements": total,
        "totalPages": pages,
        "last": index >= pages - 1,
        "first": index == 0,
        "sort": sort,
        "size": size,
        "number": index,
        "numberOfElements": len(content),
        "empty": not content,
    }

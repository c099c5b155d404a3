"""A subscriber's own history, a page at a time."""

import pytest

from tests.house import House
from tests.phone import Phone


def test_the_history_is_read_page_by_page_without_a_gap(house: House, phone: Phone) -> None:
    phone.sign_up()
    drafted = []
    for number in range(3):
        # Two of them in the same instant: the cursor tells them apart.
        house.clock.advance(seconds=number // 2)
        drafted.append(phone.draft(f"key-{number}").json["operation_id"])
    seen, cursor = [], ""
    for _ in range(3):
        page = phone.get(f"/v1/operations?limit=1{cursor}").json
        seen += [one["operation_id"] for one in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert sorted(seen) == sorted(drafted)
    assert seen[0] == drafted[-1]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "cursor=", "cursor=AAAA", "cursor=%00", "page=1"],
)
def test_a_page_that_cannot_be_is_refused(phone: Phone, query: str) -> None:
    phone.sign_up()
    assert phone.get(f"/v1/operations?{query}").code == "BAD_REQUEST"

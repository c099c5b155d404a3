"""Only what is listed, only what is typed, only what may be seen."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.catalogue import Catalogue, read_catalogue
from service.model.errors import BadRequest, OperationNotListed
from service.wiring import load_catalogue

CATALOGUE = load_catalogue()
UNLISTED = [
    "accounts/balance",
    "operators/commissions",
    "operators/173/commissions",
    "topups/reports/transactions",
    "topups/1/status",
    "topups",
    "operators/mnp-lookup/phone/50936377111/countries/HT",
    "operators/",
    "/operators",
    "operators//173",
    "operators/0",
    "operators/01",
    "operators/1e3",
    "operators/-1",
    "operators/..",
    "operators/.",
    "operators/../accounts/balance",
    "operators/173;a",
    "operators/173?x",
    "operators/countries/HTI",
    "operators/countries/H",
    "operators/countries/H\x00",
    "operators/countries/Hİ",
    "operators/١",
    "operators/9999999999",
    "OPERATORS",
    "operators/173/",
    "promotions/x",
    "countries/../x",
]


@pytest.mark.parametrize("path", UNLISTED)
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_what_is_not_listed_matches_nothing(method: str, path: str) -> None:
    with pytest.raises(OperationNotListed):
        CATALOGUE.match("airtime", method, path)


@given(st.lists(st.text(alphabet=string.printable + "%éٱ\x00", max_size=12), max_size=7))
def test_no_spelling_reaches_a_path_outside_the_list(parts: list[str]) -> None:
    path = "/".join(["operators", *parts])
    try:
        rule, parameters = CATALOGUE.match("airtime", "GET", path)
    except OperationNotListed:
        return
    assert rule in CATALOGUE.rules
    assert set(rule.build_path(parameters)) <= set(string.ascii_letters + string.digits + "/-")


def test_a_call_of_our_own_is_not_offered_to_clients() -> None:
    assert {rule.operation for rule in CATALOGUE.ours}.isdisjoint(rule.operation for rule in CATALOGUE.rules)


@pytest.mark.parametrize(
    "pairs",
    [
        [("page", "1"), ("page", "2")],
        [("unknown", "1")],
        [("size", "0")],
        [("size", "1&page=2")],
        [("includeData", "TRUE")],
        [("page", "1#")],
    ],
)
def test_a_query_that_is_not_the_rules_is_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequest):
        CATALOGUE.named("listOperators").build_query(pairs)


def test_the_order_of_a_query_does_not_make_another_cache_entry() -> None:
    rule = CATALOGUE.named("listOperators")
    assert rule.build_query([("page", "1"), ("size", "5")]) == rule.build_query(
        [("size", "5"), ("page", "1")]
    )


@given(
    st.recursive(
        st.integers() | st.text(max_size=5), lambda inner: st.dictionaries(st.text(max_size=5), inner)
    )
)
def test_an_answer_stuffed_with_unknown_members_keeps_none_of_them(junk: object) -> None:
    shape = CATALOGUE.named("showOperator").answer
    operator = {
        "operatorId": 1,
        "commission": 5,
        "fees": {"local": 1},
        "name": {"nested": junk},
        "junk": junk,
    }
    assert shape.filter(operator) == {"operatorId": 1}


def test_a_catalogue_with_a_mistake_does_not_load() -> None:
    head = "[not_found]\ncodes=[]\nmessages=[]\n[refused]\ncodes=[]\n[shapes.a]\nkeep=[]\n"
    rule = '[[rules]]\noperation="x"\nproduct="airtime"\nmethod="GET"\npath="/{a:%s}"\n'
    rule += 'answer="%s"\nlimit="catalogue"\n'
    ours = rule.replace('"x"', '"y"').replace("rules", "ours") % ("id", "a")
    assert isinstance(read_catalogue(head + rule % ("id", "a") + ours), Catalogue)
    for kind, shape in (("number", "a"), ("id", "b")):
        with pytest.raises((ValueError, KeyError)):
            read_catalogue(head + rule % (kind, shape) + ours)
    with pytest.raises(ValueError, match="share a name"):
        read_catalogue(head + rule % ("id", "a") * 2 + ours)

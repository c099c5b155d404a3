"""The map and the contract are one, in both directions, and no route forgot its guard or its limit."""

import re
from dataclasses import fields
from typing import Any

import pytest

from service.edge.guard import Assurance
from service.edge.routes import ROUTES, Route
from service.model.policy import LimitPolicy
from tests.document import METHODS, read_spec
from tests.house import House
from tests.phone import Phone, contract

COMPATIBLE = "/v1/reloadly/"
OPEN = (Assurance.ANYONE, Assurance.HOLDER)
GUARDED = [route for route in ROUTES if route.assurance not in OPEN]


def declared() -> set[tuple[str, str, str]]:
    """Return verb, path and operationId of what the contract has beside Reloadly's own paths."""
    return {
        (method.upper(), path, str(node[method]["operationId"]))
        for path, node in read_spec()["paths"].items()
        for method in METHODS
        if method in node and not path.startswith(COMPATIBLE)
    }


def test_every_route_is_in_the_contract_and_every_operation_has_a_route() -> None:
    routed = {
        (route.verb, re.sub(r"<(\w+)>", r"{\1}", route.path), route.operation)
        for route in ROUTES
        if not route.path.startswith(COMPATIBLE)
    }
    assert routed == declared()


def test_every_route_has_an_assurance_and_a_limit_but_the_probes() -> None:
    classes = {field.name for field in fields(LimitPolicy)}
    for route in ROUTES:
        assert route.limit in classes or route.path in ("/healthz", "/readyz", "/openapi.yaml"), route.path


def test_the_contract_asks_for_a_token_where_the_route_does() -> None:
    spec = read_spec()
    optional: dict[Assurance, Any] = {Assurance.ANYONE: [], Assurance.HOLDER: [{}, {"bearer": []}]}
    for route in ROUTES:
        path = re.sub(r"<(\w+)>", r"{\1}", route.path)
        if not path.startswith(COMPATIBLE):
            node = spec["paths"][path][route.verb.lower()]
            assert node.get("security", spec["security"]) == optional.get(
                route.assurance, [{"bearer": []}]
            ), path


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.assurance not in (Assurance.ANYONE, Assurance.HOLDER)]
)
@pytest.mark.parametrize(
    "token", ["", "gws_x", "x" * 300, "gws_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
)
def test_nobody_passes_a_guarded_route_without_a_session(house: House, route: Route, token: str) -> None:
    path = re.sub(r"<[\w:]+>", "x", route.path).replace("/x/x", "/airtime/countries")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = house.wire(route.verb, path, headers, None)
    assert (answer.status, answer.code) == (401, "INVALID_TOKEN")
    assert ("error=" in answer.headers["WWW-Authenticate"]) is bool(token)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_a_method_that_is_not_declared_is_refused_as_a_problem(house: House, method: str) -> None:
    for path in ("/v1/login", "/v1/me", "/healthz", "/v1/reloadly/airtime/countries"):
        answer = house.wire(method, path, {}, None)
        contract().check_unlisted(method, path, answer.status, answer.headers, answer.body)
        assert answer.code == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("path", ["/", "/v1/login/", "/V1/login", "//v1/login", "/v1//login", "/v1/me/x"])
def test_a_path_that_is_not_routed_is_not_found_and_never_a_redirect(house: House, path: str) -> None:
    answer = house.wire("GET", path, {}, None)
    contract().check_unlisted("GET", path, answer.status, answer.headers, answer.body)


def test_a_client_cannot_change_method_path_or_address_by_a_header(house: House, phone: Phone) -> None:
    phone.sign_up()
    for name in ("X-HTTP-Method-Override", "X-Forwarded-For", "X-Original-URL", "X-Rewrite-URL", "Forwarded"):
        answer = phone.call("GET", "/v1/me", **{name.replace("-", "_"): "DELETE"})
        assert answer.status == 200


def test_every_answer_carries_the_headers_that_every_answer_carries(house: House) -> None:
    for path in ("/healthz", "/v1/me", "/nowhere"):
        headers = house.wire("GET", path, {}, None).headers
        assert re.fullmatch(r"[0-9a-f-]{36}", headers["X-Request-Id"])
        assert headers["X-Content-Type-Options"] == "nosniff"

"""The routes of the operator catalogue: lists, auto-detection, rates, commissions."""

from decimal import Decimal

from flask import Flask, Response, request

from sandbox import clock
from sandbox.exact import Json, answer
from sandbox.reloadly import paging
from sandbox.reloadly.errors import Refusal, invalid_input
from sandbox.reloadly.operator import Operator
from sandbox.reloadly.order import read_amount
from sandbox.reloadly.phones import DECORATED, international
from sandbox.reloadly.product import json_body
from sandbox.state import State

# The query's word for each flag of an operator.
INCLUDES = {"bundle": "includeBundles", "data": "includeData", "pin": "includePin", "combo": "includeCombo"}
ONLY = {"bundle": "bundlesOnly", "data": "dataOnly", "pin": "pinOnly", "combo": "comboOnly"}

# The real sandbox crashes on numbers of this country; only the live host detects them.
LIVE_ONLY = "IN"


class OperatorRoutes:
    """Answer everything under `/operators`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._catalogue = state.catalogue

    def register(self, app: Flask) -> None:
        app.add_url_rule("/operators", view_func=self.page)
        app.add_url_rule("/operators/<int:operator_id>", view_func=self.by_id)
        app.add_url_rule("/operators/countries/<iso>", view_func=self.by_country)
        detect = "/operators/auto-detect/phone/<phone>"
        app.add_url_rule(f"{detect}/countries/<iso>", view_func=self.detect)
        app.add_url_rule(f"{detect}/country-code/<iso>", view_func=self.detect)
        app.add_url_rule("/operators/fx-rate", view_func=self.rate, methods=["POST"])
        app.add_url_rule("/operators/<int:operator_id>/fx-rate", view_func=self.rate_of, methods=["POST"])
        app.add_url_rule("/operators/commissions", view_func=self.commissions)
        app.add_url_rule("/operators/<int:operator_id>/commissions", view_func=self.commission_of)

    def page(self) -> Response:
        wanted = [operator for operator in self._catalogue.operators.values() if _wanted(operator)]
        return answer(paging.OPERATORS.answer(wanted, self._shape))

    def by_id(self, operator_id: int) -> Response:
        return answer(self._shape(self._find(operator_id)))

    def by_country(self, iso: str) -> Response:
        self._check_country(iso)
        found = [operator for operator in self._catalogue.in_country(iso) if _wanted(operator)]
        return answer([self._shape(operator) for operator in found])

    def detect(self, phone: str, iso: str) -> Response:
        if iso.upper() not in self._catalogue.countries:
            raise Refusal(409, "COUNTRY_NOT_SUPPORTED", f"Country {iso} is not supported")
        if iso.upper() == LIVE_ONLY and self._state.settings.environment == "sandbox":
            raise Refusal(500, None, "Operator detection failed")
        digits = international(iso.upper(), phone) if DECORATED.fullmatch(phone) else None
        operator = self._catalogue.by_prefix(digits, iso) if digits else None
        if operator is None:
            message = "Could not auto detect operator for given phone number"
            raise Refusal(404, "COULD_NOT_AUTO_DETECT_OPERATOR", message)
        return answer(self._shape(operator))

    def rate(self) -> Response:
        body = json_body()
        number = str(body.get("operatorId") or "")
        if not number.isdecimal():
            raise invalid_input("operatorId", "must be provided")
        return answer(_rate(self._find(int(number)), body))

    def rate_of(self, operator_id: int) -> Response:
        return answer(_rate(self._find(operator_id), json_body()))

    def commissions(self) -> Response:
        return answer(paging.COMMISSIONS.answer(list(self._catalogue.operators.values()), _commission))

    def commission_of(self, operator_id: int) -> Response:
        return answer(_commission(self._find(operator_id)))

    def _find(self, operator_id: int) -> Operator:
        operator = self._catalogue.operators.get(operator_id)
        if operator is None:
            raise Refusal(404, None, "Operator not found for given id")
        return operator

    def _check_country(self, iso: str) -> None:
        if iso.upper() not in self._catalogue.countries:
            raise Refusal(404, None, f"Country not found and/or not currently supported: {iso}")

    def _shape(self, operator: Operator) -> Json:
        return operator.as_json(
            self._catalogue.promotions_of({operator.id}),
            amounts=_flag("suggestedAmounts", otherwise=False),
            amounts_map=_flag("suggestedAmountsMap", otherwise=False),
        )


def _wanted(operator: Operator) -> bool:
    only = {flag for flag, name in ONLY.items() if _flag(name, otherwise=False)}
    excluded = {flag for flag, name in INCLUDES.items() if not _flag(name, otherwise=True)}
    return only <= operator.flags and not excluded & operator.flags


def _flag(name: str, *, otherwise: bool) -> bool:
    asked = request.args.get(name, "").lower()
    return asked == "true" if asked in ("true", "false") else otherwise


def _rate(operator: Operator, body: Json) -> Json:
    """Quote what an amount in the sender's currency comes to in the operator's own."""
    if body.get("amount") in (None, ""):
        raise invalid_input("amount", "must be provided")
    amount = read_amount(body["amount"])
    return {
        "id": operator.id,
        "name": operator.name,
        "fxRate": (amount * operator.rate).quantize(Decimal("0.01")),
        "currencyCode": operator.currency,
    }


def _commission(operator: Operator) -> Json:
    return {
        "operator": {
            "id": operator.id,
            "operatorId": operator.id,
            "name": operator.name,
            "countryCode": operator.country,
            "data": "data" in operator.flags,
            "bundle": "bundle" in operator.flags,
            "status": operator.status == "ACTIVE",
        },
        "percentage": operator.international_discount,
        "internationalPercentage": operator.international_discount,
        "localPercentage": operator.local_discount,
        "updatedAt": clock.plain(clock.now()),
    }

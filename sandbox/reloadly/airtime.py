"""The stand-in for Reloadly's airtime host."""

from flask import Flask, Response

from sandbox.exact import answer
from sandbox.reloadly import paging
from sandbox.reloadly.errors import Refusal
from sandbox.reloadly.operators import OperatorRoutes
from sandbox.reloadly.product import create_product
from sandbox.reloadly.reports import ReportRoutes
from sandbox.reloadly.topups import TopupRoutes
from sandbox.state import State


def create_airtime(state: State) -> Flask:
    app = create_product(state, "airtime")
    for routes in (AccountRoutes(state), OperatorRoutes(state), PromotionRoutes(state)):
        routes.register(app)
    for money in (TopupRoutes(state), ReportRoutes(state)):
        money.register(app)
    return app


class AccountRoutes:
    """Answer the wallet's balance and the list of countries."""

    def __init__(self, state: State) -> None:
        self._state = state

    def register(self, app: Flask) -> None:
        app.add_url_rule("/accounts/balance", view_func=self.balance)
        app.add_url_rule("/countries", view_func=self.countries)
        app.add_url_rule("/countries/<iso>", view_func=self.country)

    def balance(self) -> Response:
        with self._state.lock:
            return answer(self._state.wallet.as_json())

    def countries(self) -> Response:
        return answer(list(self._state.catalogue.countries.values()))

    def country(self, iso: str) -> Response:
        found = self._state.catalogue.countries.get(iso.upper())
        if found is None:
            raise Refusal(404, None, f"Country not found and/or not currently supported: {iso}")
        return answer(found)


class PromotionRoutes:
    """Answer promotions; `languageCode` is taken and changes nothing, since all are in English."""

    def __init__(self, state: State) -> None:
        self._catalogue = state.catalogue

    def register(self, app: Flask) -> None:
        app.add_url_rule("/promotions", view_func=self.promotions)
        app.add_url_rule("/promotions/<int:promotion_id>", view_func=self.promotion)
        for spelling in ("country-codes", "countries"):
            app.add_url_rule(f"/promotions/{spelling}/<iso>", view_func=self.promotions_in)
        app.add_url_rule("/promotions/operators/<int:operator_id>", view_func=self.promotions_of)

    def promotions(self) -> Response:
        rows = list(self._catalogue.promotions.values())
        return answer(paging.PROMOTIONS.answer(rows, lambda row: row))

    def promotion(self, promotion_id: int) -> Response:
        found = self._catalogue.promotions.get(promotion_id)
        if found is None:
            raise Refusal(404, None, "Promotion not found")
        return answer(found)

    def promotions_in(self, iso: str) -> Response:
        operators = {operator.id for operator in self._catalogue.in_country(iso)}
        return answer(self._catalogue.promotions_of(operators))

    def promotions_of(self, operator_id: int) -> Response:
        return answer(self._catalogue.promotions_of({operator_id}))

"""The routes that order top-ups and follow them."""

from flask import Flask, Response, request

from sandbox.exact import Json, answer
from sandbox.reloadly.book import Topup
from sandbox.reloadly.desk import UNDECIDED, Course, Desk
from sandbox.reloadly.errors import Refusal
from sandbox.reloadly.product import json_body
from sandbox.state import State

# A scripted fault says through this key of the WSGI environment how a transaction is to go.
OUTCOME = "sandbox.outcome"

REASONS = {
    "REFUNDED": (
        "TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT",
        "The operator could not be reached; the amount was returned to the wallet",
    ),
    "FAILED": ("TOPUP_TRANSACTION_FAILED", "The operator reported an internal failure"),
}


class TopupRoutes:
    """Answer `/topups`, `/topups-async` and `/topups/{id}/status`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._desk = Desk(state)

    def register(self, app: Flask) -> None:
        app.add_url_rule("/topups", view_func=self.order, methods=["POST"])
        app.add_url_rule("/topups-async", view_func=self.order_async, methods=["POST"])
        app.add_url_rule("/topups/<int:transaction_id>/status", view_func=self.status)

    def order(self) -> Response:
        """Execute and answer the final state, unless a fault makes it wait or end otherwise."""
        asked = request.environ.get(OUTCOME)
        course = Course(self._polls(), None) if asked == UNDECIDED else Course(0, asked)
        return answer(self._desk.place(json_body(), course).as_json())

    def order_async(self) -> Response:
        """Execute and answer nothing but the number."""
        asked = request.environ.get(OUTCOME)
        course = Course(self._state.settings.processing_polls, None if asked == UNDECIDED else asked)
        return answer({"transactionId": self._desk.place(json_body(), course).id})

    def status(self, transaction_id: int) -> Response:
        topup = self._desk.read(transaction_id)
        if topup is None:
            raise Refusal(404, "TRANSACTION_NOT_FOUND", "Transaction not found")
        return answer(envelope(topup))

    def _polls(self) -> int:
        return max(1, self._state.settings.processing_polls)


def envelope(topup: Topup) -> Json:
    """Wrap a transaction as the status endpoint does: only a success shows the transaction itself."""
    code, message = REASONS.get(topup.status, (None, None))
    transaction = topup.as_json() if topup.status == "SUCCESSFUL" else None
    return {"code": code, "message": message, "status": topup.status, "transaction": transaction}

"""The sandbox's own interface, under /sandbox: what tests and people read and steer."""

from dataclasses import asdict
from decimal import Decimal

from flask import Flask, Response, request
from pydantic import TypeAdapter
from urllib3.exceptions import HTTPError
from werkzeug.exceptions import HTTPException

from sandbox import callbacks, faults
from sandbox.exact import Json, answer, read_object
from sandbox.state import State


def create_control(state: State) -> Flask:
    app = Flask("sandbox.control")
    app.register_error_handler(ValueError, _mistaken)
    app.register_error_handler(HTTPError, _unreachable)
    app.register_error_handler(HTTPException, _unknown)
    Control(state).register(app)
    return app


class Control:
    """Read what happened and steer what happens next."""

    def __init__(self, state: State) -> None:
        self._state = state

    def register(self, app: Flask) -> None:
        app.add_url_rule("/sandbox/texts", view_func=self.texts)
        app.add_url_rule("/sandbox/requests", view_func=self.requests)
        app.add_url_rule("/sandbox/charges", view_func=self.charges)
        app.add_url_rule("/sandbox/faults", view_func=self.faults)
        app.add_url_rule("/sandbox/faults", view_func=self.add_fault, methods=["POST"])
        app.add_url_rule("/sandbox/faults", view_func=self.clear_faults, methods=["DELETE"])
        app.add_url_rule("/sandbox/settings", view_func=self.settings)
        app.add_url_rule("/sandbox/settings", view_func=self.change_settings, methods=["POST"])
        app.add_url_rule("/sandbox/revoke", view_func=self.revoke, methods=["POST"])
        app.add_url_rule("/sandbox/webhook", view_func=self.webhook, methods=["POST"])
        app.add_url_rule("/sandbox/reset", view_func=self.reset, methods=["POST"])

    def texts(self) -> Response:
        """Answer texts, newest last; a plus that the query turned into a blank is put back."""
        to = request.args.get("to")
        number = f"+{to.strip().removeprefix('+')}" if to else None
        return answer([text.as_json() for text in self._state.texts.find(number)])

    def requests(self) -> Response:
        """Answer logged requests, oldest first; `after` leaves out those up to that id."""
        after = request.args.get("after", 0, type=int)
        found = self._state.requests.find(request.args.get("host"), after)
        return answer([asdict(seen) for seen in found])

    def charges(self) -> Response:
        with self._state.lock:
            return answer([asdict(charge) for charge in self._state.ledger.charges()])

    def faults(self) -> Response:
        """Answer the faults that have not struck yet, with the counts that are left."""
        return answer([asdict(fault) for fault in self._state.faults.waiting()])

    def add_fault(self) -> Response:
        fault = faults.parse(_body())
        self._state.faults.add(fault)
        return answer(asdict(fault), 201)

    def clear_faults(self) -> Response:
        self._state.faults.forget()
        return answer({})

    def settings(self) -> Response:
        with self._state.lock:
            return answer({**asdict(self._state.settings), "balance": self._state.wallet.balance})

    def change_settings(self) -> Response:
        """Set the switches that the body names, `balance` among them; all or, where one is wrong, none."""
        changes = _body()
        balance = changes.pop("balance", None)
        with self._state.lock:
            changed = self._state.settings.changed(changes)
            if balance is not None:
                self._state.wallet.set(_money(balance))
            self._state.settings = changed
        return self.settings()

    def revoke(self) -> Response:
        self._state.keyring.revoke()
        return answer({})

    def webhook(self) -> Response:
        return answer(callbacks.send(callbacks.parse(_body()), self._state))

    def reset(self) -> Response:
        self._state.reset()
        return answer({})


def _body() -> Json:
    return read_object(request.get_data())


def _money(value: object) -> Decimal:
    return TypeAdapter(Decimal).validate_python(value)


def _mistaken(error: ValueError) -> Response:
    return answer({"error": str(error)}, 400)


def _unreachable(error: HTTPError) -> Response:
    return answer({"error": f"the callback could not be delivered: {error}"}, 502)


def _unknown(error: HTTPException) -> Response:
    return answer({"error": error.description}, error.code or 500)

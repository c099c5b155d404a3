"""The stand-in for Reloadly's token service."""

from hmac import compare_digest

from flask import Flask, Response, request

from sandbox.exact import Json, answer, read_object
from sandbox.reloadly import errors
from sandbox.reloadly.errors import Refusal
from sandbox.reloadly.tokens import AUDIENCES, knows_audience
from sandbox.state import State

DENIED = Refusal(401, "INVALID_CREDENTIALS", "Access Denied")
UNKNOWN_AUDIENCE = Refusal(400, "INVALID_AUDIENCE", "The provided audience is not valid")


def create_auth(state: State) -> Flask:
    app = Flask("sandbox.reloadly.auth")
    errors.install(app)
    app.add_url_rule("/oauth/token", view_func=TokenService(state).issue, methods=["POST"])
    return app


class TokenService:
    """Hand out tokens for the client credentials of one environment."""

    def __init__(self, state: State) -> None:
        self._state = state

    def issue(self) -> Response:
        body = _body()
        self._check_client(body)
        self._check_audience(body["audience"])
        settings = self._state.settings
        token = self._state.keyring.issue(
            str(body["audience"]), str(body["client_id"]), settings.environment, settings.token_lifetime
        )
        return answer(
            {
                "access_token": token,
                "scope": "developer",
                "expires_in": settings.token_lifetime,
                "token_type": "Bearer",
            }
        )

    def _check_client(self, body: Json) -> None:
        known = self._state.credentials
        same_id = _same(body["client_id"], known.client_id)
        same_secret = _same(body["client_secret"], known.client_secret)
        if not (same_id and same_secret):
            raise DENIED

    def _check_audience(self, audience: object) -> None:
        """Refuse the other environment's audience as wrong credentials, since credentials belong to one."""
        environment = self._state.settings.environment
        if knows_audience(environment, audience):
            return
        elsewhere = any(knows_audience(other, audience) for other in AUDIENCES)
        raise DENIED if elsewhere else UNKNOWN_AUDIENCE


def _body() -> Json:
    try:
        body = read_object(request.get_data())
    except ValueError:
        raise errors.invalid_input("body", "is not JSON") from None
    for name in ("client_id", "client_secret", "grant_type", "audience"):
        if not isinstance(body.get(name), str):
            raise errors.invalid_input(name, "must be provided")
    if body["grant_type"] != "client_credentials":
        raise errors.invalid_input("grant_type", "must be client_credentials")
    return body


def _same(given: object, known: str) -> bool:
    return compare_digest(str(given).encode(), known.encode())

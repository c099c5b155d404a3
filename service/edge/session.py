"""Sessions: new tokens for old, and the end."""

from flask import Response

from service.edge.answers import tokens_body
from service.edge.bodies import RefreshTokens, RevokeTokens
from service.edge.jsons import answer
from service.flows import Gateway
from service.model.secret import Secret
from service.model.session import Session


def refresh(gateway: Gateway, body: RefreshTokens) -> Response:
    """Exchange a refresh token for its successor."""
    device_token = Secret(body.device_token) if body.device_token else None
    return answer(tokens_body(gateway.refresh_tokens(Secret(body.refresh_token), device_token)))


def log_out(gateway: Gateway, session: Session | None, body: RevokeTokens) -> Response:
    """End the session; always 204."""
    gateway.log_out(session, Secret(body.refresh_token) if body.refresh_token else None)
    return Response(status=204)

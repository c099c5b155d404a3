"""Log in."""

from flask import Response

from service.edge.answers import challenge_body
from service.edge.bodies import LogIn
from service.edge.jsons import answer
from service.flows import Gateway
from service.model.secret import Secret


def log_in(gateway: Gateway, body: LogIn) -> Response:
    """Check the password and ask for the second factor."""
    device_token = Secret(body.device_token) if body.device_token else None
    challenge = gateway.log_in(body.phone, body.password, device_token)
    return answer(challenge_body(challenge, gateway.clock.now()))

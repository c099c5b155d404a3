"""Sign up."""

from flask import Response

from service.edge.answers import challenge_body
from service.edge.bodies import SignUp
from service.edge.jsons import answer
from service.flows import Gateway


def sign_up(gateway: Gateway, body: SignUp) -> Response:
    """Open a sign-up challenge; the answer is the same for a number that is taken."""
    challenge = gateway.sign_up(body.phone, body.password, body.locale)
    return answer(challenge_body(challenge, gateway.clock.now()), 202)

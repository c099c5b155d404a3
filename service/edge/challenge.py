"""Challenges: show, send the code, answer, ask again."""

from flask import Response

from service.edge.answers import challenge_body, tokens_body
from service.edge.bodies import SendCode, VerifyCode
from service.edge.jsons import answer
from service.flows import Gateway
from service.model.challenge import Channel, Method
from service.model.session import Session


def show(gateway: Gateway, session: Session | None, challenge_id: str) -> Response:
    """Show an open challenge to its holder."""
    challenge = gateway.show_challenge(challenge_id, session)
    return answer(challenge_body(challenge, gateway.clock.now()))


def send(gateway: Gateway, session: Session | None, body: SendCode, challenge_id: str) -> Response:
    """Text the code, the same code however often."""
    challenge = gateway.send_code(challenge_id, Channel(body.channel), session)
    return answer(challenge_body(challenge, gateway.clock.now()), 202)


def verify(gateway: Gateway, session: Session | None, body: VerifyCode, challenge_id: str) -> Response:
    """Take a code; a right one gives tokens, once."""
    tokens = gateway.verify_code(challenge_id, Method(body.method), body.code, body.device_name, session)
    return answer(tokens_body(tokens))


def reauthenticate(gateway: Gateway, session: Session) -> Response:
    """Open a challenge that makes this session fresh again."""
    challenge = gateway.reauthenticate(session)
    return answer(challenge_body(challenge, gateway.clock.now()), 201)

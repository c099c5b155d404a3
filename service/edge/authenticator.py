"""The subscriber and what it proves itself with."""

import segno
from flask import Response

from service.edge.answers import authenticator_body, subscriber_body
from service.edge.bodies import ConfirmAuthenticator
from service.edge.jsons import answer
from service.flows import Gateway
from service.model.session import Session


def show_subscriber(gateway: Gateway, session: Session) -> Response:
    """Show the caller's own account."""
    return answer(subscriber_body(gateway.show_subscriber(session)))


def listed(gateway: Gateway, session: Session) -> Response:
    """List authenticators, pending ones included."""
    items = [authenticator_body(one) for one in gateway.list_authenticators(session)]
    return answer({"items": items, "next_cursor": None})


def bind_totp(gateway: Gateway, session: Session) -> Response:
    """Show a new seed once: as text, as an address and as a picture to scan."""
    binding = gateway.bind_totp(session)
    picture = segno.make(binding.provisioning_uri, error="m").svg_inline(scale=4, border=4)
    body = {
        "authenticator_id": binding.authenticator.authenticator_id,
        "secret": binding.totp.seed.value,
        "provisioning_uri": binding.provisioning_uri,
        "qr_svg": picture,
    }
    return answer(body, 201)


def confirm(
    gateway: Gateway, session: Session, body: ConfirmAuthenticator, authenticator_id: str
) -> Response:
    """Take the first code of a pending authenticator."""
    return answer(authenticator_body(gateway.confirm_authenticator(session, authenticator_id, body.code)))

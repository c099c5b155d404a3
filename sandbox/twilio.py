"""The stand-in for Twilio's messages and calls."""

import re
from hmac import compare_digest
from secrets import token_hex

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from sandbox import twilio_shapes as shapes
from sandbox.exact import answer
from sandbox.state import State
from sandbox.texts import Text
from sandbox.twilio_shapes import TwilioError

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
API_KEY = re.compile(r"SK[0-9a-f]{32}")
LONGEST_BODY = 1600

# Twilio's own magic numbers, which its test credentials know too.
MAGIC_TO = {
    "+15005550001": (21211, "The 'To' number {} is not a valid phone number."),
    "+15005550002": (21612, "The 'To' phone number {} is not currently reachable."),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of {}."),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient {}."),
    "+15005550009": (21614, "'To' number {} is not a valid mobile number."),
}
MAGIC_FROM = {
    "+15005550001": (21212, "The 'From' number {} is not a valid phone number."),
    "+15005550007": (21606, "The 'From' phone number {} is not a valid, SMS-capable number of yours."),
    "+15005550008": (21611, "This 'From' number {} has exceeded the maximum number of queued messages."),
}


def create_twilio(state: State) -> Flask:
    app = Flask("sandbox.twilio")
    app.register_error_handler(TwilioError, TwilioError.answer)
    app.register_error_handler(HTTPException, _not_found)
    routes = TwilioRoutes(state)
    app.before_request(routes.check_credentials)
    account = f"/{shapes.VERSION}/Accounts/<account>"
    app.add_url_rule(f"{account}/Messages.json", view_func=routes.send, methods=["POST"])
    app.add_url_rule(f"{account}/Messages/<sid>.json", view_func=routes.show)
    app.add_url_rule(f"{account}/Calls.json", view_func=routes.call, methods=["POST"])
    return app


class TwilioRoutes:
    """Take messages and calls into the outbox."""

    def __init__(self, state: State) -> None:
        self._state = state

    def check_credentials(self) -> None:
        """Accept the account itself or any API key of it, with the one secret."""
        given = request.authorization
        account = (request.view_args or {}).get("account", "")
        user = (given.username if given else None) or ""
        password = (given.password if given else None) or ""
        known = API_KEY.fullmatch(user) or (ACCOUNT.fullmatch(user) and user == account)
        right = compare_digest(password.encode(), self._state.credentials.twilio_secret.encode())
        if not (known and right):
            raise TwilioError(401, 20003, "Authenticate")

    def send(self, account: str) -> Response:
        service = request.form.get("MessagingServiceSid")
        text = _text(account, "SM", _channel(), _body(), needs_sender=not service)
        self._state.texts.add(text)
        return answer(shapes.message(text, service), 201)

    def call(self, account: str) -> Response:
        said = request.form.get("Twiml") or request.form.get("Url")
        if not said:
            raise TwilioError(400, 21205, "Url or Twiml must be provided")
        text = _text(account, "CA", "call", said, needs_sender=True)
        self._state.texts.add(text)
        return answer(shapes.call(text), 201)

    def show(self, account: str, sid: str) -> Response:
        text = self._state.texts.by_sid(sid)
        if text is None or text.account_sid != account:
            raise TwilioError(404, 20404, f"The requested resource {request.path} was not found")
        return answer(shapes.message(text, None))


def _text(account: str, prefix: str, channel: str, body: str, *, needs_sender: bool) -> Text:
    to = _number("To", MAGIC_TO, 21604, "A 'To' phone number is required.")
    if needs_sender or "From" in request.form:
        sender = _number("From", MAGIC_FROM, 21603, "A 'From' phone number is required.")
    else:
        sender = None
    return Text(f"{prefix}{token_hex(16)}", account, to, sender, channel, body)


def _channel() -> str:
    return "whatsapp" if request.form.get("To", "").startswith("whatsapp:") else "sms"


def _number(field: str, magic: dict[str, tuple[int, str]], missing: int, words: str) -> str:
    """Read a number, without its channel, and play the part that Twilio gave to a magic one."""
    given = request.form.get(field, "")
    if not given:
        raise TwilioError(400, missing, words)
    number = given.removeprefix("whatsapp:")
    invalid = magic["+15005550001"]
    code, message = magic.get(number, (0, "")) if NUMBER.fullmatch(number) else invalid
    if code:
        raise TwilioError(400, code, message.format(given))
    return number


def _body() -> str:
    """Read what is said; a template's variables stand for its text."""
    body = request.form.get("Body") or request.form.get("ContentVariables")
    if not body:
        raise TwilioError(400, 21602, "Message body is required.")
    if len(body) > LONGEST_BODY:
        raise TwilioError(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    return body


def _not_found(error: HTTPException) -> Response:
    if error.code in (404, 405):
        code = 20404 if error.code == 404 else 20004
        return shapes.error(error.code, code, f"The requested resource {request.path} was not found")
    return shapes.error(500, 20500, "An internal server error has occurred")

"""Twilio's messages and calls, through the official library and by hand."""

import base64
from decimal import Decimal
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from sandbox.layout import ACCOUNT_SID, API_KEY_SID, SENDER
from tests.stand_in import StandIn

TO = "+15551234567"


class Rewritten(TwilioHttpClient):  # type: ignore[misc]
    """Send what the library wants from Twilio to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__(pool_connections=False)
        self._url = url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._url), *args, **kwargs)


def client(sandbox: StandIn, user: str = API_KEY_SID, secret: str = "sandbox-twilio-secret") -> Any:
    return Client(user, secret, ACCOUNT_SID, http_client=Rewritten(f"{sandbox.url}/twilio"))


@pytest.mark.parametrize("user", [API_KEY_SID, ACCOUNT_SID])
def test_the_official_library_sends_a_text(sandbox: StandIn, user: str) -> None:
    message = client(sandbox, user).messages.create(to=TO, from_=SENDER, body="Your code is 123456")
    assert message.sid.startswith("SM")
    assert (message.status, message.num_segments, message.price) == ("queued", "1", None)
    assert message.date_created is not None
    (text,) = sandbox.read(f"texts?to={TO}")
    assert text.keys() == {"sid", "to", "from", "channel", "body", "at"}
    assert (text["sid"], text["channel"], text["body"]) == (message.sid, "sms", "Your code is 123456")
    assert client(sandbox).messages(message.sid).fetch().body == "Your code is 123456"


def test_calls_and_whatsapp_have_their_own_channels(sandbox: StandIn) -> None:
    twilio = client(sandbox)
    call = twilio.calls.create(to=TO, from_=SENDER, twiml="<Response><Say>1 2 3</Say></Response>")
    assert (call.sid[:2], call.status) == ("CA", "queued")
    sent = twilio.messages.create(to=f"whatsapp:{TO}", from_=f"whatsapp:{SENDER}", body="4 5 6")
    assert sent.to == f"whatsapp:{TO}"
    texts = sandbox.read("texts")
    assert [(text["to"], text["channel"]) for text in texts] == [(TO, "call"), (TO, "whatsapp")]


@pytest.mark.parametrize(("user", "secret"), [(API_KEY_SID, "wrong"), ("AC" + "0" * 32, None), ("me", None)])
def test_wrong_credentials_are_refused(sandbox: StandIn, user: str, secret: str | None) -> None:
    twilio = client(sandbox, user, secret or "sandbox-twilio-secret")
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to=TO, from_=SENDER, body="no")
    assert (refused.value.status, refused.value.code) == (401, 20003)
    assert sandbox.read("texts") == []


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("12345", 21211),
        ("+15005550001", 21211),
        ("+15005550003", 21408),
        ("+15005550004", 21610),
        ("+15005550009", 21614),
    ],
)
def test_magic_numbers_are_refused(sandbox: StandIn, to: str, code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client(sandbox).messages.create(to=to, from_=SENDER, body="no")
    assert (refused.value.status, refused.value.code) == (400, code)


def test_a_fault_words_any_error_of_twilio(sandbox: StandIn) -> None:
    sandbox.fault("status", host="twilio", match="POST */Messages.json", status=400, code=30003)
    with pytest.raises(TwilioRestException) as refused:
        client(sandbox).messages.create(to=TO, from_=SENDER, body="no")
    assert refused.value.code == 30003


@pytest.mark.parametrize(
    ("body", "segments"),
    [("a" * 160, "1"), ("a" * 161, "2"), ("€" * 80, "1"), ("€" * 81, "2"), ("ş" * 70, "1"), ("ş" * 71, "2")],
)
def test_long_texts_are_sent_in_segments(sandbox: StandIn, body: str, segments: str) -> None:
    message = client(sandbox).messages.create(to=TO, from_=SENDER, body=body)
    assert message.num_segments == segments


def test_an_unknown_path_has_twilios_shape(sandbox: StandIn) -> None:
    basic = base64.b64encode(f"{API_KEY_SID}:sandbox-twilio-secret".encode()).decode()
    answer = sandbox.call("GET", "/twilio/nowhere", headers={"Authorization": f"Basic {basic}"})
    assert (answer.status, answer.json["code"]) == (404, 20404)
    assert Decimal(answer.json["status"]) == 404

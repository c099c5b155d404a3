"""Twilio, against a server that writes down what it was asked."""

import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qs

import pytest

from service.model.challenge import Channel, Delivery, DeliveryStatus
from service.model.phone import PhoneNumber
from service.model.secret import Secret
from service.outbound.sms_twilio import QuietHttpClient, TwilioAccount, TwilioSender, reason, spoken
from tests.outbound.racing import race

PHONE = PhoneNumber("+50936377111", "HT")
BODY = "123456 is your Gateway code"
SID = "SM" + "0" * 32


@dataclass
class Asked:
    target: str
    headers: Message
    form: dict[str, list[str]]


@dataclass
class Twilio:
    """The next answer, and every request so far."""

    status: int = 201
    body: str = json.dumps({"sid": SID, "status": "queued"})
    location: str | None = None
    hangs: Event | None = None
    drops: bool = False
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def refuse(self, status: int, code: int | None) -> None:
        self.status = status
        self.body = json.dumps({"code": code, "message": f"not to {PHONE.e164}", "status": status})


def handler_of(twilio: Twilio) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            twilio.asked.append(Asked(self.path, self.headers, parse_qs(text)))
            if twilio.hangs:
                twilio.hangs.wait(timeout=30)
            if twilio.drops or twilio.hangs:
                self.close_connection = True
                return
            self.send_response(twilio.status)
            if twilio.location:
                self.send_header("Location", twilio.location)
            self.send_header("Content-Length", str(len(twilio.body.encode())))
            self.end_headers()
            self.wfile.write(twilio.body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class named it
            """Keep the test's output clean."""

    return Handler


class Server(ThreadingHTTPServer):
    """With the standard backlog of 5, the kernel resets some of many connections at once."""

    request_queue_size = 128
    daemon_threads = True


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    twilio = Twilio()
    with Server(("127.0.0.1", 0), handler_of(twilio)) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        twilio.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield twilio
        server.shutdown()


@pytest.fixture
def account(twilio: Twilio) -> TwilioAccount:
    return TwilioAccount(
        account_sid="AC" + "1" * 32,
        api_key_sid="SK" + "2" * 32,
        api_key_secret=Secret("the-secret"),
        sender="+15005550006",
        base_url=f"{twilio.url}/twilio",
    )


def send(account: TwilioAccount, channel: Channel = Channel.SMS) -> tuple[Delivery, str | None]:
    return TwilioSender(account).send(PHONE, BODY, channel)


def failed(why: str, channel: Channel = Channel.SMS) -> tuple[Delivery, None]:
    return Delivery(channel, DeliveryStatus.FAILED, why), None


# ── what is sent ──


def test_a_text_goes_to_the_configured_host_under_the_api_key(twilio: Twilio, account: TwilioAccount) -> None:
    assert send(account) == (Delivery(Channel.SMS, DeliveryStatus.SENT), SID)
    (asked,) = twilio.asked
    assert asked.target == f"/twilio/2010-04-01/Accounts/{account.account_sid}/Messages.json"
    assert asked.form == {"To": [PHONE.e164], "From": ["+15005550006"], "Body": [BODY]}
    key = b64encode(f"{account.api_key_sid}:the-secret".encode()).decode()
    assert asked.headers["Authorization"] == f"Basic {key}"


def test_validity_and_callback_ride_along_when_given(twilio: Twilio, account: TwilioAccount) -> None:
    send(replace(account, validity=300, status_callback="https://gateway.example/v1/webhooks/twilio"))
    form = twilio.asked[0].form
    assert form["ValidityPeriod"] == ["300"]
    assert form["StatusCallback"] == ["https://gateway.example/v1/webhooks/twilio"]


def test_a_messaging_service_sends_instead_of_a_number(twilio: Twilio, account: TwilioAccount) -> None:
    send(replace(account, sender="MG" + "3" * 32))
    form = twilio.asked[0].form
    assert form["MessagingServiceSid"] == ["MG" + "3" * 32]
    assert "From" not in form


def test_whatsapp_is_written_on_both_numbers(twilio: Twilio, account: TwilioAccount) -> None:
    delivery, _ = send(replace(account, whatsapp_sender="+14155238886"), Channel.WHATSAPP)
    assert delivery == Delivery(Channel.WHATSAPP, DeliveryStatus.SENT)
    form = twilio.asked[0].form
    assert (form["To"], form["From"]) == ([f"whatsapp:{PHONE.e164}"], ["whatsapp:+14155238886"])


def test_a_call_says_the_code_digit_by_digit(twilio: Twilio, account: TwilioAccount) -> None:
    delivery, _ = send(replace(account, language="fr-FR"), Channel.CALL)
    assert delivery == Delivery(Channel.CALL, DeliveryStatus.SENT)
    (asked,) = twilio.asked
    assert asked.target.endswith("/Calls.json")
    (twiml,) = asked.form["Twiml"]
    assert 'language="fr-FR"' in twiml
    assert "1, 2, 3, 4, 5, 6 is your Gateway code" in twiml


def test_spoken_text_cannot_become_markup() -> None:
    assert "<Dial>" not in spoken("</Say><Dial>+1900</Dial>", "en-US")


def test_short_numbers_are_said_as_numbers() -> None:
    assert "5.00 USD to +509 36 37 7111" in spoken("5.00 USD to +509 36 37 7111", "en-US")


# ── what comes back ──


@pytest.mark.parametrize(
    ("status", "code", "why"),
    [
        (400, 21211, "bad_number"),
        (400, 21614, "bad_number"),
        (400, 21408, "country_off"),
        (400, 21610, "opted_out"),
        (400, 30003, "unreachable"),
        (400, 30004, "carrier"),
        (400, 30005, "unreachable"),
        (400, 30006, "unreachable"),
        (400, 30007, "carrier"),
        (400, 30008, "carrier"),
        (429, 20429, "too_many"),
        (429, None, "too_many"),
        (429, 60203, "too_many"),
        (401, 20003, "refused"),
        (400, 99999, "refused"),
        (404, None, "refused"),
        (408, None, "unknown"),
        (500, None, "unknown"),
        (503, 20503, "unknown"),
    ],
)
def test_a_refusal_is_a_word_of_ours(
    twilio: Twilio, account: TwilioAccount, status: int, code: int | None, why: str
) -> None:
    twilio.refuse(status, code)
    assert send(account) == failed(why)
    assert len(twilio.asked) == 1
    assert reason(code, status) == why


@pytest.mark.parametrize("body", ["<html>", "[]", '"x"', "null", "{}", '{"sid": 7}', ""])
def test_an_unreadable_answer_is_an_unknown_outcome(
    twilio: Twilio, account: TwilioAccount, body: str
) -> None:
    twilio.body = body
    assert send(account) == failed("unknown")
    assert len(twilio.asked) == 1


def test_an_unreadable_refusal_is_still_a_refusal(twilio: Twilio, account: TwilioAccount) -> None:
    twilio.status, twilio.body = 403, "<html>"
    assert send(account) == failed("refused")


def test_a_refusal_in_the_newer_form_is_read_alike(twilio: Twilio, account: TwilioAccount) -> None:
    twilio.status = 400
    twilio.body = json.dumps({"type": "x", "title": PHONE.e164, "status": 400, "code": 21610})
    assert send(account) == failed("opted_out")


def test_a_redirect_is_not_followed(twilio: Twilio, account: TwilioAccount) -> None:
    twilio.status, twilio.location = 307, f"{twilio.url}/elsewhere"
    assert send(account) == failed("refused")
    assert len(twilio.asked) == 1


def test_a_time_out_is_unknown_and_asked_once(twilio: Twilio, account: TwilioAccount) -> None:
    twilio.hangs = Event()
    assert send(replace(account, timeout=0.2)) == failed("unknown")
    twilio.hangs.set()
    assert len(twilio.asked) == 1


def test_a_dropped_connection_is_unknown_and_asked_once(twilio: Twilio, account: TwilioAccount) -> None:
    twilio.drops = True
    assert send(account) == failed("unknown")
    assert len(twilio.asked) == 1


def test_a_host_that_is_not_there_is_unknown(account: TwilioAccount) -> None:
    assert send(replace(account, base_url="http://127.0.0.1:1")) == failed("unknown")


# ── where it goes, and what is kept quiet ──


def test_proxies_of_the_environment_are_ignored(
    twilio: Twilio, account: TwilioAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert send(account)[1] == SID


def test_twilios_own_variables_are_ignored(
    twilio: Twilio, account: TwilioAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_REGION", "elsewhere")
    monkeypatch.setenv("TWILIO_EDGE", "elsewhere")
    assert send(account)[1] == SID


def test_the_egress_proxy_is_used_when_it_is_set(twilio: Twilio, account: TwilioAccount) -> None:
    proxied = replace(account, base_url="http://twilio.invalid", proxy=twilio.url)
    assert send(proxied)[1] == SID
    assert twilio.asked[0].target.startswith("http://twilio.invalid/2010-04-01/")


def test_no_other_host_is_ever_asked(twilio: Twilio) -> None:
    client = QuietHttpClient(twilio.url, None, 1.0)
    for address in ("https://verify.twilio.com/v2", "https://api.twilio.com.evil.example/x"):
        with pytest.raises(ValueError, match="not Twilio's message API"):
            client.request("POST", address)
    assert twilio.asked == []


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("outcome", ["sent", "refused", "dropped"])
def test_neither_number_nor_text_nor_secret_is_logged(
    twilio: Twilio,
    account: TwilioAccount,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    channel: Channel,
    outcome: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    twilio.drops = outcome == "dropped"
    if outcome == "refused":
        twilio.refuse(400, 21211)
    send(account, channel)
    printed = "".join(capfd.readouterr())
    for secret in (PHONE.e164, PHONE.digits, "123456", "1, 2, 3", "the-secret"):
        assert secret not in caplog.text + printed


def test_an_account_does_not_print_its_secret(account: TwilioAccount) -> None:
    assert "the-secret" not in repr(account)


def test_one_sender_serves_many_threads(twilio: Twilio, account: TwilioAccount) -> None:
    sender = TwilioSender(account)
    answers = race(16, lambda: sender.send(PHONE, BODY, Channel.SMS))
    assert answers == [(Delivery(Channel.SMS, DeliveryStatus.SENT), SID)] * 16
    assert len(twilio.asked) == 16

"""Texts and calls through Twilio: asked once, never repeated, and nothing of them logged."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from twilio.base.exceptions import TwilioException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.twiml.voice_response import VoiceResponse

from service.model.challenge import Channel, Delivery, DeliveryStatus
from service.model.phone import PhoneNumber
from service.model.secret import Secret

API = "https://api.twilio.com"
_CODE = re.compile(r"[0-9]{6,10}", re.ASCII)

# Twilio's error codes, in our own words; whatever is not listed is `refused`.
_REASONS: dict[int, str] = {
    21211: "bad_number",
    21217: "bad_number",
    21614: "bad_number",
    21215: "country_off",
    21408: "country_off",
    21610: "opted_out",
    30003: "unreachable",
    30004: "carrier",
    30005: "unreachable",
    30006: "unreachable",
    30007: "carrier",
    30008: "carrier",
    429: "too_many",
    20429: "too_many",
    60203: "too_many",
}


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """
    What Twilio needs of us.

    `sender` is a number or a messaging service (`MG…`); calls and WhatsApp need a number.
    `base_url` is another than Twilio's in development only; `proxy` is the egress proxy.
    `timeout` is in seconds; so is `validity`: a text still queued then is dropped, its code being dead.
    """

    account_sid: str
    api_key_sid: str
    api_key_secret: Secret
    sender: str
    call_sender: str | None = None
    whatsapp_sender: str | None = None
    base_url: str = API
    proxy: str | None = None
    status_callback: str | None = None
    validity: int | None = None
    language: str = "en-US"
    timeout: float = 10.0


class TwilioSender:
    """Hand texts, WhatsApp messages and calls to Twilio; safe to share between threads."""

    def __init__(self, account: TwilioAccount) -> None:
        self._account = account
        client = Client(
            account.api_key_sid,
            account.api_key_secret.value,
            account.account_sid,
            http_client=QuietHttpClient(account.base_url, account.proxy, account.timeout),
            # Twilio's own variables could move the requests to another host behind our back.
            environment={"TWILIO_REGION": "", "TWILIO_EDGE": ""},
        )
        # Asking for them imports a good part of the library, which belongs into the start.
        self._messages, self._calls = client.messages, client.calls

    def send(self, phone: PhoneNumber, body: str, channel: Channel) -> tuple[Delivery, str | None]:
        """
        Return how it went and Twilio's id; a refusal is a Delivery, not an exception.

        A time-out, a broken connection or an unreadable answer is `unknown`: it may have
        been sent, so it must not be sent again.
        """
        try:
            sent = self._call(phone, body) if channel is Channel.CALL else self._text(phone, body, channel)
        except TwilioException as error:
            # Its words quote the number; only its numbers are looked at.
            return _failed(channel, reason(_number(error, "code"), _number(error, "status"))), None
        except (urllib3.exceptions.HTTPError, LookupError, AttributeError, TypeError, ValueError):
            return _failed(channel, "unknown"), None
        if not isinstance(sent.sid, str):
            return _failed(channel, "unknown"), None
        return Delivery(channel, DeliveryStatus.SENT), sent.sid

    def _text(self, phone: PhoneNumber, body: str, channel: Channel) -> Any:
        account = self._account
        prefix = "whatsapp:" if channel is Channel.WHATSAPP else ""
        sender = (account.whatsapp_sender if prefix else None) or account.sender
        service = sender.startswith("MG")
        return self._messages.create(
            to=prefix + phone.e164,
            body=body,
            **({"messaging_service_sid": sender} if service else {"from_": prefix + sender}),
            **_given(validity_period=account.validity, status_callback=account.status_callback),
        )

    def _call(self, phone: PhoneNumber, body: str) -> Any:
        account = self._account
        return self._calls.create(
            to=phone.e164,
            from_=account.call_sender or account.sender,
            twiml=spoken(body, account.language),
            **_given(status_callback=account.status_callback),
        )


class QuietHttpClient(HttpClient):  # type: ignore[misc]  # the library has no types
    """
    The library's HTTP client, without what does not belong here.

    No log (the library's own writes addresses, parameters and headers on INFO), no memory of
    the last request (the library's own keeps its form and its credentials),
    no proxy or netrc from the environment, no redirect, no repeat, and one host.
    """

    def __init__(self, base_url: str, proxy: str | None, timeout: float) -> None:
        self.is_async = False
        self._base_url = base_url.rstrip("/")
        options: dict[str, Any] = {"retries": False, "timeout": urllib3.Timeout(total=timeout), "maxsize": 16}
        self._pool = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002  ours holds for every request
        allow_redirects: bool = False,  # noqa: ARG002, FBT001, FBT002  the library's signature
    ) -> Response:
        """Make one request. Raises urllib3's HTTPError, and ValueError for another host."""
        answer = self._pool.request(
            method,
            self._address(uri, params),
            body=urlencode(data or {}, doseq=True),
            headers={**(headers or {}), **_basic(auth)},
            redirect=False,
        )
        return Response(answer.status, answer.data.decode("utf-8", "replace"), dict(answer.headers))

    def _address(self, uri: str, params: dict[str, object] | None) -> str:
        if not uri.startswith(f"{API}/"):
            raise ValueError("the library asked for a host that is not Twilio's message API")
        return self._base_url + uri.removeprefix(API) + (f"?{urlencode(params)}" if params else "")


def reason(code: int | None, status: int | None) -> str:
    """Return our word for a refusal: from Twilio's code, else from the HTTP status."""
    for known in (code, status):
        if known in _REASONS:
            return _REASONS[known]
    # A server's error says nothing about what it did before; 408 is the same.
    return "unknown" if status is None or status >= 500 or status == 408 else "refused"


def spoken(body: str, language: str) -> str:
    """Return TwiML that says the text twice, the code digit by digit."""
    response = VoiceResponse()
    response.say(_CODE.sub(lambda code: ", ".join(code[0]), body), language=language, loop=2)
    return str(response)


def _basic(auth: tuple[str, str] | None) -> dict[str, str]:
    return urllib3.make_headers(basic_auth=":".join(auth)) if auth else {}


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _number(error: TwilioException, name: str) -> int | None:
    value = getattr(error, name, None)
    return value if isinstance(value, int) else None


def _failed(channel: Channel, why: str) -> Delivery:
    return Delivery(channel, DeliveryStatus.FAILED, why)

"""The sandbox's own interface: settings, signed callbacks, reset, and the ledger's file."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from sandbox.layout import ACCOUNT_SID
from tests.stand_in import StandIn, serving


class Receiver(BaseHTTPRequestHandler):
    """Take callbacks and answer 204."""

    got: list[tuple[dict[str, str], str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.got.append((dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], str]]]]:
    got: list[tuple[dict[str, str], str]] = []
    handler = type("Fresh", (Receiver,), {"got": got})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", got
        server.shutdown()
        thread.join()


Received = tuple[str, list[tuple[dict[str, str], str]]]


def test_a_reloadly_callback_is_signed_over_body_and_milliseconds(
    sandbox: StandIn, receiver: Received
) -> None:
    url, got = receiver
    transaction = sandbox.top_up().json["transactionId"]
    replies = sandbox.control("webhook", host="reloadly", url=url, transaction_id=transaction, repeat=2).json
    assert [reply["status"] for reply in replies] == [204, 204]
    (headers, body), again = got
    assert again[1] == body
    stamp = headers["X-Reloadly-Request-Timestamp"]
    assert len(stamp) == 13
    expected = hmac.new(b"sandbox-webhook-secret", f"{body}:{stamp}".encode(), hashlib.sha256).hexdigest()
    assert headers["X-Reloadly-Signature"] == expected
    assert '"type":"airtime_transaction.status"' in body
    assert f'"transactionId":{transaction}' in body


def test_a_callback_can_be_wrongly_signed_or_not_at_all(sandbox: StandIn, receiver: Received) -> None:
    url, got = receiver
    for signature in ("right", "wrong", "missing"):
        sandbox.control("webhook", host="reloadly", url=url, body="{}", timestamp=1, signature=signature)
    right, wrong, missing = (headers.get("X-Reloadly-Signature") for headers, _ in got)
    assert right != wrong
    assert missing is None


def test_a_twilio_callback_carries_twilios_signature(sandbox: StandIn, receiver: Received) -> None:
    url, got = receiver
    auth = {
        "Authorization": "Basic " + _basic(ACCOUNT_SID),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    path = f"/twilio/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    form = "To=%2B15551234567&From=%2B15005550006&Body=hello"
    sid = sandbox.pool.request("POST", sandbox.url + path, body=form, headers=auth).json()["sid"]
    signed_url = "https://gateway.example/v1/webhooks/twilio"
    sandbox.control(
        "webhook",
        host="twilio",
        url=url,
        sid=sid,
        status="undelivered",
        error_code=30003,
        signed_url=signed_url,
    )
    ((headers, body),) = got
    fields = dict(parse_qsl(body))
    assert (fields["MessageSid"], fields["MessageStatus"], fields["ErrorCode"]) == (
        sid,
        "undelivered",
        "30003",
    )
    validator = RequestValidator("sandbox-twilio-secret")
    assert validator.validate(signed_url, fields, headers["X-Twilio-Signature"])


def test_a_callback_to_nobody_is_reported(sandbox: StandIn) -> None:
    answer = sandbox.call(
        "POST", "/sandbox/webhook", {"host": "reloadly", "url": "http://127.0.0.1:9/", "body": "{}"}
    )
    assert answer.status == 502


@pytest.mark.parametrize("change", [{"token_lifetme": 1}, {"token_lifetime": "long"}, {"balance": "much"}])
def test_a_wrong_setting_changes_nothing(sandbox: StandIn, change: dict[str, object]) -> None:
    before = sandbox.read("settings")
    answer = sandbox.call("POST", "/sandbox/settings", {"processing_polls": 7} | change)
    assert answer.status == 400
    assert sandbox.read("settings") == before


def test_reset_forgets_everything_but_tokens(sandbox: StandIn) -> None:
    sandbox.top_up(customIdentifier="x")
    sandbox.fault("status")
    sandbox.control("settings", strict_accept=False)
    sandbox.control("reset")
    assert [sandbox.read(name) for name in ("charges", "requests", "faults", "texts")] == [[]] * 4
    assert sandbox.read("settings")["strict_accept"] is True
    assert sandbox.top_up(customIdentifier="x").status == 200


def test_a_ledger_survives_its_server(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    with serving("--ledger", str(file)) as first:
        transaction = first.top_up(customIdentifier="kept").json["transactionId"]
        charges = first.charges()
    assert len(file.read_text().splitlines()) == 1
    with serving("--ledger", str(file)) as second:
        assert second.charges() == charges
        assert second.top_up(customIdentifier="kept").json["errorCode"] == "CUSTOM_IDENTIFIER_ALREADY_USED"
        assert second.top_up().json["transactionId"] == transaction + 1


def _basic(user: str) -> str:
    return base64.b64encode(f"{user}:sandbox-twilio-secret".encode()).decode()

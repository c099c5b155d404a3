"""Calls to Reloadly: built by us, bounded, sent once, and told apart by what may have happened."""

import gzip
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from time import monotonic

import pytest

from service.model.catalogue import Call, Catalogue, read_catalogue
from service.model.errors import BadUpstreamAnswer, UpstreamNotFound, UpstreamTimedOut, UpstreamUnavailable
from service.model.policy import MoneyPolicy
from service.model.secret import Secret
from service.outbound.hosts_reloadly import Hosts
from service.outbound.http_reloadly import JsonHttp, Outgoing
from service.outbound.reader_upstream import UpstreamReader
from service.outbound.upstream_reloadly import ReloadlyUpstream, wire_body
from tests.outbound.upstreams import Script, answer, drip, raw, reset, serving, silence

CATALOGUE: Catalogue = read_catalogue(files("service").joinpath("catalogue.toml").read_text())
COUNTRY = {"isoName": "HT", "name": "Haiti", "secretMargin": 5}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Tokens:
    """Hands out t1, and another one for each that is refused."""

    def __init__(self) -> None:
        self.given = 1

    def token(self, product: str, until: float) -> Secret:
        return Secret(f"t{self.given}")

    def refused(self, product: str, token: Secret, until: float) -> Secret:
        assert token == Secret(f"t{self.given}")
        self.given += 1
        return self.token(product, until)


@pytest.fixture
def http() -> Iterator[JsonHttp]:
    http = JsonHttp()
    yield http
    http.close()


def upstream(http: JsonHttp, url: str, tokens: Tokens | None = None) -> ReloadlyUpstream:
    return ReloadlyUpstream(Hosts("sandbox", url, {"airtime": url}), tokens or Tokens(), http)


def country(caused: bool = True) -> Call:
    return Call(CATALOGUE.named("showCountry"), "/countries/HT", caused=caused)


def top_up() -> Call:
    body = {"operatorId": 640, "amount": "5.10", "recipientPhone": {"countryCode": "HT", "number": "509"}}
    return Call(CATALOGUE.named("makeTopUp"), "/topups", body=body)


def get(http: JsonHttp, script: Script, seconds: float = 5, largest: int = 1000) -> object:
    with serving(script) as server:
        return http.send(Outgoing("GET", f"{server.url}/x", {}, largest=largest), seconds).body


def test_a_purchase_goes_out_with_our_headers_and_an_exact_number(http: JsonHttp) -> None:
    with serving(answer({"transactionId": 1, "cost": Decimal("0.19785000000")})) as server:
        reply = upstream(http, server.url).send(top_up())
    (seen,) = server.seen
    assert seen.line == "POST /topups HTTP/1.1"
    assert b'"amount":5.10,' in seen.body
    wanted = {
        "authorization": "Bearer t1",
        "accept": "application/com.reloadly.topups-v1+json",
        "content-type": "application/json",
        "accept-encoding": "gzip",
        "user-agent": "approval-gateway",
        "via": "1.1 approval-gateway",
    }
    assert wanted.items() <= seen.headers.items()
    assert seen.headers.keys() - wanted.keys() == {"host", "content-length", "connection"}
    assert str(reply.body) == "{'transactionId': 1, 'cost': Decimal('0.19785000000')}"


def test_a_call_of_our_own_names_no_via_and_carries_its_query(http: JsonHttp) -> None:
    with serving(answer(COUNTRY)) as server:
        call = Call(CATALOGUE.named("listOperators"), "/operators", "page=1&size=5", caused=False)
        upstream(http, server.url).send(call)
    (seen,) = server.seen
    assert seen.line == "GET /operators?page=1&size=5 HTTP/1.1"
    assert "via" not in seen.headers
    assert "content-type" not in seen.headers


def test_only_amounts_of_money_calls_become_numbers() -> None:
    body = {"amount": "0.00001", "unitPrice": "5", "number": "0650", "flag": True}
    assert wire_body(CATALOGUE.named("quoteFxRate"), body) == body
    wired = wire_body(CATALOGUE.named("makeTopUp"), body)
    assert wired == {"amount": Decimal("0.00001"), "unitPrice": Decimal(5), "number": "0650", "flag": True}


@pytest.mark.parametrize("code", ["INVALID_TOKEN", "TOKEN_EXPIRED", "MISSING_TOKEN"])
@pytest.mark.parametrize("call", [country(), top_up()], ids=["read", "purchase"])
def test_a_refused_token_is_replaced_and_the_call_repeated_once(
    http: JsonHttp, code: str, call: Call
) -> None:
    refusal = answer({"errorCode": code}, 401)
    with serving(refusal, answer(COUNTRY)) as server:
        assert upstream(http, server.url).send(call).status == 200
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer t1", "Bearer t2"]
    with serving(refusal) as server:
        assert upstream(http, server.url).send(call).status == 401
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "script", [answer({"errorCode": "NOT_ALLOWED"}, 401), answer({"errorCode": None}, 500), answer({}, 503)]
)
def test_nothing_else_is_ever_repeated(http: JsonHttp, script: Script) -> None:
    with serving(script) as server:
        assert upstream(http, server.url).send(top_up()).status >= 400
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("script", "meaning"),
    [
        (raw(302, b"{}", Location="http://127.0.0.1:1/"), BadUpstreamAnswer),
        (raw(304, b""), BadUpstreamAnswer),
        (raw(502, b"<html>"), BadUpstreamAnswer),
        (raw(200, b""), BadUpstreamAnswer),
        (raw(200, b'{"a":NaN}'), BadUpstreamAnswer),
        (raw(200, b"\xff\xfe"), BadUpstreamAnswer),
        (raw(200, b"[" * 900), BadUpstreamAnswer),
        (raw(500, b"[]"), BadUpstreamAnswer),
        (raw(200, b'{"a":1}', length=9), BadUpstreamAnswer),
        (raw(200, b'"' + b"x" * 1000 + b'"'), BadUpstreamAnswer),
        (raw(200, gzip.compress(b"{}")[:-3], Content_Encoding="gzip"), BadUpstreamAnswer),
        (raw(200, b"{}", Content_Encoding="gzip"), BadUpstreamAnswer),
        (raw(200, b"{}", Content_Encoding="br"), BadUpstreamAnswer),
        (lambda connection: connection.sendall(b"nonsense\r\n\r\n"), BadUpstreamAnswer),
        (reset, UpstreamTimedOut),
        (lambda connection: connection.shutdown(socket.SHUT_RDWR), UpstreamTimedOut),
    ],
)
def test_a_bad_answer_is_told_from_a_missing_one(
    http: JsonHttp, script: Script, meaning: type[Exception]
) -> None:
    with pytest.raises(meaning):
        get(http, script)


def test_a_redirect_is_not_followed(http: JsonHttp) -> None:
    with serving(answer({})) as elsewhere:
        with pytest.raises(BadUpstreamAnswer):
            get(http, raw(307, b"{}", Location=f"{elsewhere.url}/stolen"))
    assert not elsewhere.seen


def test_packed_answers_are_unpacked(http: JsonHttp) -> None:
    packed = gzip.compress(b'{"amount":' + b" " * 500 + b"1.50}")
    assert get(http, raw(200, packed, Content_Encoding="gzip")) == {"amount": Decimal("1.50")}


def test_a_bomb_goes_off_nowhere(http: JsonHttp) -> None:
    bomb = gzip.compress(b"[" + b" " * 60_000_000 + b"]", compresslevel=1)
    begun = monotonic()
    with pytest.raises(BadUpstreamAnswer):
        get(http, raw(200, bomb, Content_Encoding="gzip"), largest=1 << 20)
    assert monotonic() - begun < 2


@pytest.mark.parametrize(
    "script",
    [
        silence(30),
        drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 500, 0.05),
        drip(OK.replace(b"2", b"900", 1) + b" " * 500, 0.02),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 100, 0.02),
    ],
    ids=["silent", "slow head", "slow body", "slow chunks"],
)
def test_the_time_limit_holds_for_the_whole_answer(http: JsonHttp, script: Script) -> None:
    begun = monotonic()
    with pytest.raises((UpstreamTimedOut, BadUpstreamAnswer)):
        get(http, script, seconds=0.6)
    assert monotonic() - begun < 1.2


def test_what_could_not_be_sent_is_known_not_to_be_sent(http: JsonHttp) -> None:
    for url in ("http://127.0.0.1:1", "https://127.0.0.1:1", "http://name.invalid"):
        with pytest.raises(UpstreamUnavailable):
            upstream(http, url).send(top_up())


def test_a_host_that_speaks_no_tls_gets_nothing(http: JsonHttp) -> None:
    with serving(answer({})) as server:
        with pytest.raises(UpstreamUnavailable):
            upstream(http, server.url.replace("http:", "https:")).send(top_up())
    assert not server.seen


def test_a_connection_is_never_used_twice(http: JsonHttp) -> None:
    def keep_open(connection: socket.socket) -> None:
        answer(COUNTRY)(connection)
        silence(5)(connection)

    with serving(keep_open) as server:
        for _ in range(2):
            assert http.send(Outgoing("GET", server.url, {}), 2).status == 200
    assert len(server.seen) == 2


def test_a_purchase_whose_first_byte_would_leave_late_is_given_up(http: JsonHttp) -> None:
    class Slow(Tokens):
        def token(self, product: str, until: float) -> Secret:
            threading.Event().wait(1.05)
            return super().token(product, until)

    with serving(answer(COUNTRY)) as server:
        slow = replace(upstream(http, server.url, Slow()), policy=MoneyPolicy(first_byte_within=1))
        with pytest.raises(UpstreamUnavailable):
            slow.send(top_up())
        assert not server.seen
        assert slow.send(country()).status == 200


def test_a_proxy_is_used_when_asked_for_and_never_taken_from_the_environment(
    http: JsonHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving(answer(COUNTRY)) as server:
        assert upstream(http, server.url).send(country()).status == 200
    with serving(answer(COUNTRY)) as proxy:
        upstream(JsonHttp(proxy.url), "http://topups.example").send(country())
    assert proxy.seen[0].line == "GET http://topups.example/countries/HT HTTP/1.1"
    with pytest.raises(UpstreamUnavailable):
        upstream(JsonHttp("http://127.0.0.1:1"), server.url).send(country())


def test_no_address_is_logged(http: JsonHttp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    path = "/operators/auto-detect/phone/50936377111/countries/HT"
    with serving(answer({}), reset) as server:
        for _ in range(2):
            call = Call(CATALOGUE.named("detectOperator"), path)
            with suppress(UpstreamTimedOut):
                upstream(http, server.url).send(call)
    assert "50936377111" not in caplog.text


def read(http: JsonHttp, script: Script) -> bytes:
    with serving(script) as server:
        return UpstreamReader(upstream(http, server.url), CATALOGUE).read(country()).text


def test_a_read_lets_through_what_is_listed_and_keeps_numbers_exact(http: JsonHttp) -> None:
    got = read(http, answer(COUNTRY | {"callingCodes": [Decimal("5.00000000000")]}))
    assert got == b'{"isoName":"HT","name":"Haiti","callingCodes":[5.00000000000]}'


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (404, {"errorCode": None, "message": "whatever"}, UpstreamNotFound),
        (409, {"errorCode": "COUNTRY_NOT_SUPPORTED", "message": "Not here"}, UpstreamNotFound),
        (400, {"errorCode": None, "message": "Country not found for given code"}, UpstreamNotFound),
        (429, {"errorCode": "RATE_LIMIT_REACHED"}, UpstreamUnavailable),
        (500, {"errorCode": None}, UpstreamUnavailable),
        (400, {"errorCode": "SOMETHING"}, BadUpstreamAnswer),
        (403, {}, BadUpstreamAnswer),
        (200, {"errorCode": "X"}, BadUpstreamAnswer),
        (200, ["x"], BadUpstreamAnswer),
        (200, [COUNTRY], BadUpstreamAnswer),
        (200, [], BadUpstreamAnswer),
        (201, COUNTRY, BadUpstreamAnswer),
    ],
)
def test_a_read_judges_every_other_answer(
    http: JsonHttp, status: int, body: object, meaning: type[Exception]
) -> None:
    with pytest.raises(meaning):
        read(http, answer(body, status))


def test_what_is_not_there_is_told_in_reloadlys_words_only_when_they_are_known(http: JsonHttp) -> None:
    with pytest.raises(UpstreamNotFound) as known:
        read(http, answer({"errorCode": "COUNTRY_NOT_SUPPORTED", "message": "Not here"}, 409))
    assert (known.value.code, known.value.message) == ("COUNTRY_NOT_SUPPORTED", "Not here")
    with pytest.raises(UpstreamNotFound) as unknown:
        read(http, answer({"errorCode": "INNER_42", "message": "db7.internal"}, 404))
    assert (unknown.value.code, unknown.value.message) == ("NOT_FOUND", UpstreamNotFound.detail)

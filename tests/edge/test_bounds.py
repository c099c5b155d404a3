"""What could be read in two ways is refused before anything is read, and refusals name what is wrong."""

import gzip
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.house import House, open_home
from tests.phone import Answer, Phone
from tests.stand_in import StandIn
from tests.street import Street, open_street, until

BASE = "/v1/reloadly/airtime"
DRAFT = b'{"operator_id":173,"amount":"5.00","currency":"USD","recipient_phone":"+50936377222"}'
# Those that keep a server's process share one.
on_the_street = pytest.mark.xdist_group("bounds")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """One real server for the requests that no client library would send."""
    folder = tmp_path_factory.mktemp("street")
    with open_street(folder, f"sqlite:///{folder}/gateway.db") as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is signed in and writes requests byte by byte."""

    street: Street
    phone: Phone

    def send(
        self, line: bytes, *headers: bytes, body: bytes = b"", key: bytes = b"key", half: bool = False
    ) -> Answer:
        """Send one request as it is written; with `half` the body ends where it ends."""
        token = f"Authorization: Bearer {self.phone.tokens['access_token']}".encode()
        usual = (b"Host: gateway", b"Connection: close", b"Content-Type: application/json", token)
        key = b"Idempotency-Key: " + key
        written = b"\r\n".join([line + b" HTTP/1.1", *usual, key, *headers, b"", body])
        with socket.create_connection(("127.0.0.1", self.street.ports[0]), timeout=20) as connection:
            connection.sendall(written)
            if half:
                connection.shutdown(socket.SHUT_WR)
            return _answer(connection)

    def drop(self, line: bytes, *headers: bytes, body: bytes) -> None:
        """Send the same, and be gone."""
        token = f"Authorization: Bearer {self.phone.tokens['access_token']}".encode()
        usual = (b"Host: gateway", b"Content-Type: application/json", token, b"Idempotency-Key: dropped")
        with socket.create_connection(("127.0.0.1", self.street.ports[0]), timeout=20) as connection:
            connection.sendall(b"\r\n".join([line + b" HTTP/1.1", *usual, *headers, b"", body]))

    def answered(self) -> int:
        """Count the drafts that the server has dealt with, whoever still listened."""
        log = self.street.layout.logs / "gateway-0.log"
        return log.read_text().count('"operation": "draftTopUp"')

    def drafted(self) -> int:
        return len(self.phone.get("/v1/operations").json["items"])


def _answer(connection: socket.socket) -> Answer:
    with connection.makefile("rb") as reader:
        status = int(reader.readline().split()[1])
        lines = iter(reader.readline, b"\r\n")
        headers = {name: text.strip() for name, _, text in (line.decode().partition(":") for line in lines)}
        return Answer(status, headers, reader.read())


@pytest.fixture(scope="module")
def caller(street: Street) -> Caller:
    phone = street.phone()
    phone.sign_up()
    return Caller(street, phone)


def is_bad_request(answer: Answer, words: str) -> bool:
    assert (answer.status, answer.code) == (400, "BAD_REQUEST"), answer.body
    assert words in answer.json["detail"]
    names = {name.lower(): text for name, text in answer.headers.items()}
    return names["content-type"] == "application/problem+json"


# ── framing, on a real socket ──


@on_the_street
def test_a_whole_body_is_drafted(caller: Caller) -> None:
    """The others fail for their own reasons only if this one does not."""
    length = b"Content-Length: %d" % len(DRAFT)
    drafted = caller.send(b"POST /v1/operations/top-ups", length, body=DRAFT, key=b"whole")
    assert drafted.status == 201, drafted.body
    cancel = f"/v1/operations/{drafted.json['operation_id']}/cancel"
    assert caller.phone.post(cancel).status == 200


@on_the_street
@pytest.mark.parametrize("promised", [len(DRAFT) + 1, 500, 65_536])
def test_a_body_shorter_than_its_length_is_a_bad_request_and_drafts_nothing(
    caller: Caller, promised: int
) -> None:
    before = caller.drafted()
    length = b"Content-Length: %d" % promised
    answer = caller.send(b"POST /v1/operations/top-ups", length, body=DRAFT, key=b"short", half=True)
    assert is_bad_request(answer, "")
    answered = caller.answered()
    caller.drop(b"POST /v1/operations/top-ups", length, body=DRAFT)
    until(lambda: caller.answered() > answered)
    assert caller.drafted() == before


@on_the_street
@pytest.mark.parametrize("path", [b"/v1/operations/top-ups", b"/v1/login", b"/v1/tokens/revoke", b"/v1/me"])
def test_a_body_in_chunks_is_a_bad_request(caller: Caller, path: bytes) -> None:
    before = caller.drafted()
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(DRAFT), DRAFT)
    method = b"GET " if path == b"/v1/me" else b"POST "
    answer = caller.send(method + path, b"Transfer-Encoding: chunked", body=chunks, key=b"chunks")
    assert is_bad_request(answer, "Content-Length")
    assert caller.drafted() == before


@on_the_street
@pytest.mark.parametrize("method", [b"get", b"Get", b"gET"])
def test_a_method_in_small_letters_is_a_bad_request(caller: Caller, method: bytes) -> None:
    assert is_bad_request(caller.send(method + b" /v1/me"), "capitals")
    assert is_bad_request(caller.send(method + b" /healthz"), "capitals")


@on_the_street
@pytest.mark.parametrize("path", [b"//v1/me", b"///v1/me", b"//v1/reloadly/airtime/countries", b"//"])
def test_a_path_that_begins_with_two_slashes_is_nowhere(caller: Caller, path: bytes) -> None:
    answer = caller.send(b"GET " + path)
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


@on_the_street
def test_an_address_is_read_up_to_2048_bytes(caller: Caller) -> None:
    longest = b"/v1/me?x=" + b"a" * (2048 - len(b"/v1/mex="))
    assert caller.send(b"GET " + longest).json["errors"] == [
        {"pointer": "?x", "detail": "unknown or repeated"}
    ]
    for path in (longest + b"a", b"/v1/" + b"a" * 2048, b"/healthz?" + b"a" * 2048):
        assert is_bad_request(caller.send(b"GET " + path), "2048")


# ── conditional requests ──


def ask(house: House, phone: Phone, method: str = "GET", **headers: str) -> Answer:
    """Read the country list as a browser's cache would."""
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    token = {"Authorization": f"Bearer {phone.tokens['access_token']}"}
    return house.wire(method, f"{BASE}/countries", token | sent, None)


@pytest.fixture
def home(tmp_path: Path, redis_url: str, sandbox_server: StandIn) -> Iterator[House]:
    with open_home(tmp_path, redis_url, sandbox_server) as opened:
        yield opened


@pytest.fixture
def reader(home: House) -> Phone:
    phone = home.phone()
    phone.sign_up()
    return phone


def test_if_match_means_nothing_to_a_read(home: House, reader: Phone) -> None:
    plain = ask(home, reader)
    for header in (
        {"If_Match": '"x"'},
        {"If_Match": "*"},
        {"If_Unmodified_Since": "Mon, 01 Jan 2024 00:00:00 GMT"},
    ):
        answer = ask(home, reader, **header)
        assert (answer.status, answer.body) == (200, plain.body)


def test_whoever_has_the_newest_answer_is_told_so(home: House, reader: Phone) -> None:
    etag = ask(home, reader).headers["ETag"]
    for known in (etag, etag.removeprefix("W/"), f'"x", {etag}', "*"):
        answer = reader.call("GET", f"{BASE}/countries", If_None_Match=known)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["ETag"] == etag
        assert "Content-Encoding" not in answer.headers
    assert reader.call("GET", f"{BASE}/countries", If_None_Match='"x"').status == 200


def test_a_packed_answer_is_the_same_answer(home: House, reader: Phone) -> None:
    plain, packed = ask(home, reader), ask(home, reader, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert gzip.decompress(packed.body) == plain.body


def test_head_tells_what_get_would_without_its_body(home: House, reader: Phone) -> None:
    plain, head = ask(home, reader), ask(home, reader, "HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("ETag", "Content-Type"):
        assert head.headers[name] == plain.headers[name]


# ── pointers ──


def pointers(answer: Answer) -> list[str]:
    assert (answer.status, answer.code) == (400, "BAD_REQUEST"), answer.body
    return sorted(one["pointer"] for one in answer.json["errors"])


NUMBER = {"countryCode": "HT", "number": "+50936377222"}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"phone": None, "password": "x"}, ["/phone"]),
        ({"phone": "+50936377111", "password": None, "device_token": None}, ["/device_token", "/password"]),
        ({"phone": 5, "password": "x"}, ["/phone"]),
        ({"phone": "+50936377111"}, ["/password"]),
        ({}, ["/password", "/phone"]),
        ({"phone": "+50936377111", "password": "x", "a/b~c": 1}, ["/a~1b~0c"]),
    ],
)
def test_a_refused_body_is_told_which_members_are_wrong(
    home: House, body: dict[str, object], named: list[str]
) -> None:
    assert pointers(home.phone().call("POST", "/v1/login", body, token="")) == named


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"recipientPhone": {"countryCode": "HT"}}, ["/recipientPhone/number"]),
        ({"recipientPhone": NUMBER | {"number": True}}, ["/recipientPhone/number"]),
        ({"recipientPhone": NUMBER | {"number": "x"}}, ["/recipientPhone/number"]),
        ({"recipientPhone": NUMBER | {"number": None}}, ["/recipientPhone/number"]),
        ({"recipientPhone": NUMBER | {"x": 1}}, ["/recipientPhone/x"]),
        ({"recipientPhone": "+50936377222"}, ["/recipientPhone"]),
        ({"senderPhone": {"number": "+50936377222"}}, ["/senderPhone/countryCode"]),
        ({"operatorId": True, "amount": "5"}, ["/amount", "/operatorId"]),
        ({"operatorId": None, "amount": None}, ["/amount", "/operatorId"]),
        ({"amount": 0}, ["/amount"]),
    ],
)
def test_a_refused_top_up_is_told_which_members_are_wrong(
    reader: Phone, more: dict[str, Any], named: list[str]
) -> None:
    body = {"operatorId": 173, "amount": 5, "recipientPhone": NUMBER, **more}
    assert pointers(reader.post(f"{BASE}/topups", body, Idempotency_Key="key")) == named
    assert reader.get("/v1/operations").json["items"] == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"operatorId": 173}, ["/amount"]),
        ({"amount": 5}, ["/operatorId"]),
        ({}, ["/amount", "/operatorId"]),
        ({"operatorId": 173, "amount": 5, "x": 1}, ["/x"]),
        ({"operatorId": "173", "amount": "5"}, ["/amount", "/operatorId"]),
        ({"operatorId": 173, "amount": 0}, ["/amount"]),
        ({"operatorId": 173, "amount": None}, ["/amount"]),
    ],
)
def test_a_refused_quote_is_told_which_members_are_wrong(
    reader: Phone, body: dict[str, object], named: list[str]
) -> None:
    raw = json.dumps(body).encode()
    assert pointers(reader.post(f"{BASE}/operators/fx-rate", raw)) == named

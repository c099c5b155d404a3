"""A phone: stories read in the words of the product, and every answer is held to the contract."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, Protocol

import pyotp
import simplejson

from tests.spec import Contract

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return simplejson.loads(self.body, use_decimal=True) if self.body else None

    @property
    def code(self) -> str | None:
        """The errorCode of a problem, None for anything else."""
        return self.json.get("errorCode") if isinstance(self.json, dict) else None


class Wire(Protocol):
    """Carries a request: Flask's test client, or a socket to a running server."""

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer: ...


@cache
def contract() -> Contract:
    """The contract, compiled once."""
    return Contract.load()


@dataclass
class Phone:
    """One subscriber's app: keeps its tokens, reads its texts, and has an authenticator app."""

    wire: Wire
    texts: Callable[[str], list[dict[str, Any]]]
    now: Callable[[], float]
    number: str = "+50936377111"
    password: str = PASSWORD
    tokens: dict[str, Any] = field(default_factory=dict)
    app: pyotp.TOTP | None = None

    def call(
        self, method: str, path: str, body: object = None, *, token: str | None = None, **headers: str
    ) -> Answer:
        """Make a request; `token` defaults to the one this phone holds, an empty one sends none."""
        token = self.tokens.get("access_token", "") if token is None else token
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = body if isinstance(body, bytes) else simplejson.dumps(body, use_decimal=True).encode()
        answer = self.wire(method, path, sent, data)
        contract().check(method, path, answer.status, answer.headers, answer.body)
        return answer

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    # Codes

    def last_text(self) -> str:
        """Return the newest text this number was sent."""
        return str(self.texts(self.number)[-1]["body"])

    def texted_code(self) -> str:
        found = re.match(r"[0-9]+", self.last_text())
        assert found, "the last text holds no code"
        return found[0]

    def app_code(self, steps: int = 0) -> str:
        """Return the authenticator app's code, `steps` time steps from now."""
        assert self.app, "no authenticator app is bound"
        return self.app.at(int(self.now()) + 30 * steps)

    # Journeys

    def start_sign_up(self) -> Answer:
        return self.call("POST", "/v1/signup", {"phone": self.number, "password": self.password}, token="")

    def sign_up(self) -> None:
        challenge = self.start_sign_up()
        assert challenge.status == 202, challenge.body
        answer = self.answer(challenge.json["challenge_id"], "sms", self.texted_code())
        assert answer.status == 200, answer.body

    def answer(self, challenge_id: str, method: str, code: str, **extra: str) -> Answer:
        """Answer a challenge; tokens that come back are kept."""
        body = {"method": method, "code": code, **extra}
        answer = self.post(f"/v1/challenges/{challenge_id}/verify", body)
        if answer.status == 200:
            self.tokens.update(answer.json)
        return answer

    def bind_app(self) -> Answer:
        """Bind the authenticator app, with the code of the previous step so that this one stays unused."""
        binding = self.post("/v1/authenticators/totp")
        assert binding.status == 201, binding.body
        self.app = pyotp.parse_uri(binding.json["provisioning_uri"])  # type: ignore[assignment]
        path = f"/v1/authenticators/{binding.json['authenticator_id']}/confirm"
        return self.post(path, {"code": self.app_code(-1)})

    def start_log_in(self, password: str | None = None) -> Answer:
        body = {"phone": self.number, "password": password or self.password}
        return self.call("POST", "/v1/login", body, token="")

    def log_in(self) -> None:
        challenge = self.start_log_in()
        assert challenge.status == 200, challenge.body
        method = challenge.json["methods"][0]
        code = self.app_code() if method == "totp" else self.texted_code()
        answer = self.answer(challenge.json["challenge_id"], method, code)
        assert answer.status == 200, answer.body

    def log_out(self) -> None:
        assert self.post("/v1/tokens/revoke", {"refresh_token": self.tokens["refresh_token"]}).status == 204
        self.tokens.clear()

    def refresh(self) -> Answer:
        body = {"refresh_token": self.tokens["refresh_token"]}
        if "device_token" in self.tokens:
            body["device_token"] = self.tokens["device_token"]
        answer = self.call("POST", "/v1/tokens/refresh", body, token="")
        if answer.status == 200:
            self.tokens.update(answer.json)
        return answer

    # Money

    def draft(self, key: str, amount: str = "500.00", currency: str = "HTG", **more: object) -> Answer:
        body = {"operator_id": 173, "amount": amount, "currency": currency, "recipient_phone": "+50936377222"}
        return self.post("/v1/operations/top-ups", body | more, Idempotency_Key=key)

    def approve(self, operation: Mapping[str, Any], method: str, code: str) -> Answer:
        return self.post(
            f"/v1/operations/{operation['operation_id']}/approve", {"method": method, "code": code}
        )

    def top_up_as_reloadly(self, key: str | None, amount: str = "500.00", **more: object) -> Answer:
        body = {
            "operatorId": 173,
            "amount": Decimal(amount),
            "useLocalAmount": True,
            "recipientPhone": {"countryCode": "HT", "number": "50936377222"},
        }
        headers = {"Idempotency_Key": key} if key else {}
        return self.post("/v1/reloadly/airtime/topups", body | more, **headers)


def pretty(answer: Answer) -> str:
    """Write an answer's body for people."""
    return json.dumps(json.loads(answer.body), indent=2, ensure_ascii=False)

"""Reloadly's product hosts: calls with our own token and headers, sent once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic

from service.model.catalogue import Call, Rule
from service.model.errors import UpstreamUnavailable
from service.model.policy import MoneyPolicy
from service.model.secret import Secret
from service.model.verdict import REFUSED_TOKEN
from service.outbound.hosts_reloadly import Hosts, media_type
from service.outbound.http_reloadly import ANSWER_WITHIN, JsonHttp, Outgoing
from service.ports import Reply, TokenSource

_NUMBERS = ("amount", "unitPrice")


@dataclass(frozen=True, slots=True)
class ReloadlyUpstream:
    """Send calls that were rebuilt from the catalogue."""

    hosts: Hosts
    tokens: TokenSource
    http: JsonHttp
    policy: MoneyPolicy = field(default_factory=MoneyPolicy)

    def send(self, call: Call) -> Reply:
        """
        Make one call, at most twice on a token that was refused.

        Raises UpstreamUnavailable when certainly nothing was sent, UpstreamTimedOut and
        BadUpstreamAnswer when that is not certain.
        """
        # One time limit over both tries; only differences of this clock are used.
        begun, product = monotonic(), call.rule.product
        token = self.tokens.token(product, begun + self._first_byte_within(call))
        reply = self._send(call, token, begun)
        if _refuses_token(reply):
            token = self.tokens.refused(product, token, begun + self._first_byte_within(call))
            reply = self._send(call, token, begun)
        return reply

    def _first_byte_within(self, call: Call) -> float:
        """A purchase whose first byte would leave late is given up: somebody may count on its end."""
        return self.policy.first_byte_within if call.rule.spends else call.within or ANSWER_WITHIN

    def _send(self, call: Call, token: Secret, begun: float) -> Reply:
        gone = monotonic() - begun
        connect = self._first_byte_within(call) - gone
        if connect <= 0:
            raise UpstreamUnavailable
        longest = self.policy.read_timeout if call.rule.spends else call.within or ANSWER_WITHIN
        return self.http.send(self._outgoing(call, token), longest - gone, connect)

    def _outgoing(self, call: Call, token: Secret) -> Outgoing:
        rule = call.rule
        headers = {"Authorization": f"Bearer {token.value}", "Accept": media_type(rule.product)}
        if call.caused:
            headers["Via"] = "1.1 approval-gateway"
        url = self.hosts.base(rule.product) + call.path + (f"?{call.query}" if call.query else "")
        body = None if call.body is None else wire_body(rule, call.body)
        return Outgoing(rule.method, url, headers, body, rule.largest)


def wire_body(rule: Rule, body: Mapping[str, object]) -> dict[str, object]:
    """
    Return the body as it goes out: amounts of money calls as JSON numbers.

    They are approved as decimal strings and become exactly the same decimal, never a float.
    """
    if not rule.spends:
        return dict(body)
    return {
        name: Decimal(value) if name in _NUMBERS and isinstance(value, str) else value
        for name, value in body.items()
    }


def _refuses_token(reply: Reply) -> bool:
    code = reply.body.get("errorCode") if isinstance(reply.body, dict) else None
    return reply.status == 401 and isinstance(code, str) and code in REFUSED_TOKEN

"""Bearer token to session; refuses too little assurance."""

import re
from dataclasses import dataclass
from enum import StrEnum

from flask import request

from service.flows import Gateway
from service.model.errors import InvalidToken, StaleAuthentication
from service.model.policy import SessionPolicy
from service.model.secret import Secret
from service.model.session import Session

# RFC 6750 section 2.1: the scheme, one space, one token; nothing else carries one.
_BEARER = re.compile(r"(?i:bearer) ([A-Za-z0-9._~+/=-]{1,256})", re.ASCII)


class Assurance(StrEnum):
    """What a route asks of its caller."""

    ANYONE = "anyone"
    HOLDER = "holder of the id, or its session"
    READER = "session, for reading"
    SESSION = "session"
    FRESH = "fresh session"


@dataclass(frozen=True, slots=True)
class Guard:
    """Let a request through with its session."""

    gateway: Gateway
    policy: SessionPolicy

    def session(self, assurance: Assurance) -> Session | None:
        """Return the session that a route's assurance asks for. Raises InvalidToken, StaleAuthentication."""
        if assurance is Assurance.ANYONE:
            return None
        if assurance is Assurance.HOLDER:
            return self._holder()
        if assurance is Assurance.READER:
            return self.gateway.who_is_calling.for_reading(_token())
        return self._confirmed(assurance)

    def _holder(self) -> Session | None:
        """Holding the id is what counts here: a token that is no good any more is as good as none."""
        try:
            return self.gateway.who_is_calling(_token())
        except InvalidToken:
            return None

    def _confirmed(self, assurance: Assurance) -> Session:
        session = self.gateway.who_is_calling(_token())
        if assurance is Assurance.FRESH and not session.is_fresh(self.gateway.clock.now(), self.policy):
            raise StaleAuthentication(max_age=self.policy.fresh)
        return session


def confirm(gateway: Gateway) -> Session:
    """Return the session from the truth, where a cached one let the request in. Raises InvalidToken."""
    return gateway.who_is_calling(_token())


def _token() -> Secret:
    found = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if found is None:
        raise InvalidToken
    return Secret(found[1])

"""Sessions: who is signed in, how well that was proved, and the tokens that say so."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.model.challenge import Method
from service.model.policy import SessionPolicy
from service.model.secret import Secret

# Authentication method references, RFC 8176 section 2.
_REFERENCES: dict[Method, str] = {Method.TOTP: "otp", Method.SMS: "sms"}


class Scope(StrEnum):
    """What a session reaches; more come with recovery."""

    FULL = "full"


@dataclass(frozen=True, slots=True)
class Session:
    """A two-factor session as the rest of the code sees it."""

    session_id: str
    subscriber_id: str
    second_factor_at: datetime
    absolute_expires_at: datetime
    access_expires_at: datetime
    amr: tuple[str, ...]
    scope: Scope = Scope.FULL
    device_id: str | None = None

    def is_fresh(self, now: datetime, policy: SessionPolicy) -> bool:
        """Say whether the second factor was given recently enough for a sensitive act."""
        return now - self.second_factor_at <= timedelta(seconds=policy.fresh)


@dataclass(frozen=True, slots=True)
class Issued:
    """A session with the tokens that were just made for it; a store keeps them as keyed hashes only."""

    session: Session
    access_token: Secret
    refresh_token: Secret
    refresh_expires_at: datetime
    device_name: str | None = None
    device_token: Secret | None = None

    def told(self, now: datetime) -> "Tokens":
        """Return what the client is told of it."""
        return Tokens(
            session_id=self.session.session_id,
            access_token=self.access_token,
            expires_in=(self.session.access_expires_at - now) // timedelta(seconds=1),
            refresh_token=self.refresh_token,
            refresh_expires_in=(self.refresh_expires_at - now) // timedelta(seconds=1),
            scope=self.session.scope,
            server_time=now,
            device_token=self.device_token,
        )


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets after a second factor; lives in whole seconds."""

    session_id: str
    access_token: Secret
    expires_in: int
    refresh_token: Secret
    refresh_expires_in: int
    scope: Scope
    server_time: datetime
    device_token: Secret | None = None


def references(method: Method) -> tuple[str, ...]:
    """Return the `amr` of a password and a second factor."""
    return ("pwd", _REFERENCES[method], "mfa")


def refresh_ends(now: datetime, absolute: datetime, policy: SessionPolicy) -> datetime:
    """Return when the refresh token dies of idleness, never after the session's own end."""
    return min(now + timedelta(seconds=policy.idle_life), absolute)

"""Authenticators: what a subscriber has, and binding a TOTP app."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_bytes

from service.model.authenticator import Authenticator, Kind, State
from service.model.challenge import Method
from service.model.errors import InvalidCode, InvalidToken, NoSuchThing
from service.model.events import Kind as EventKind
from service.model.events import about_session
from service.model.passcode import canonical_code
from service.model.policy import CodePolicy
from service.model.secret import Secret
from service.model.session import Session
from service.model.subscriber import Subscriber, new_id
from service.model.totp import Totp
from service.ports import AccountStore, Clock, SessionStore


@dataclass(frozen=True, slots=True)
class ShowSubscriber:
    """Find the account of a session."""

    accounts: AccountStore

    def __call__(self, session: Session) -> Subscriber:
        subscriber = self.accounts.by_id(session.subscriber_id)
        if subscriber is None:
            raise InvalidToken
        return subscriber


@dataclass(frozen=True, slots=True)
class ListAuthenticators:
    """List what the subscriber proves with, pending ones included."""

    show: ShowSubscriber

    def __call__(self, session: Session) -> Sequence[Authenticator]:
        return self.show(session).authenticators


@dataclass(frozen=True, slots=True)
class TotpBinding:
    """A TOTP app about to be bound: shown once, before its first code."""

    authenticator: Authenticator
    totp: Totp
    provisioning_uri: str


@dataclass(frozen=True, slots=True)
class BindTotp:
    """Make a seed for an authenticator app; it counts for nothing until its first code was right."""

    accounts: AccountStore
    show: ShowSubscriber
    clock: Clock
    codes: CodePolicy
    issuer: str

    def __call__(self, session: Session) -> TotpBinding:
        subscriber = self.show(session)
        totp = self._totp()
        authenticator = Authenticator(new_id(), Kind.TOTP, State.PENDING, self.clock.now(), totp=totp)
        event = about_session(EventKind.AUTHENTICATOR_BOUND, session, Kind.TOTP.value)
        self.accounts.add_pending(session.subscriber_id, authenticator, event)
        uri = totp.provisioning_uri(f"number ending {subscriber.phone.e164[-2:]}", self.issuer)
        return TotpBinding(authenticator, totp, uri)

    def _totp(self) -> Totp:
        seed = base64.b32encode(token_bytes(self.codes.totp_seed_bytes)).decode().rstrip("=")
        return Totp(Secret(seed), digits=self.codes.totp_digits, period=self.codes.totp_period)


@dataclass(frozen=True, slots=True)
class ConfirmAuthenticator:
    """Take the first code of a pending authenticator; the code is burnt and the other sessions end."""

    accounts: AccountStore
    sessions: SessionStore
    show: ShowSubscriber
    clock: Clock

    def __call__(self, session: Session, authenticator_id: str, code: str) -> Authenticator:
        """Raises NoSuchThing, BadRequest and InvalidCode."""
        pending = self.show(session).by_id(authenticator_id)
        if pending is None or pending.totp is None or pending.state is not State.PENDING:
            raise NoSuchThing
        canonical = canonical_code(Method.TOTP, code, pending.totp.digits)
        now = self.clock.now()
        self.accounts.try_pending(authenticator_id, now)
        step = pending.totp.matching_step(canonical, now)
        if step is None:
            raise InvalidCode
        event = about_session(EventKind.AUTHENTICATOR_CONFIRMED, session, pending.kind.value)
        if not self.accounts.confirm(authenticator_id, step, session, now, event):
            raise NoSuchThing
        self.sessions.forget_cached(session.subscriber_id)
        confirmed = self.show(session).by_id(authenticator_id)
        if confirmed is None:
            raise NoSuchThing
        return confirmed

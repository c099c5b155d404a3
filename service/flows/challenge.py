"""Challenges: show one, text its code, answer it, open one for a session that went stale."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.flows.asking import Ask
from service.flows.authenticator import ShowSubscriber
from service.flows.judge import Judge
from service.flows.texting import Texting
from service.model.authenticator import Proof
from service.model.challenge import Challenge, Channel, Method, Purpose
from service.model.errors import ChallengeGone
from service.model.events import Event, Kind
from service.model.policy import SessionPolicy
from service.model.secret import Secret
from service.model.session import Issued, Session, Tokens, references, refresh_ends
from service.model.subscriber import Standing, Subscriber, new_id
from service.ports import ChallengeStore, Clock, NewSubscriber, SessionStore, TokenKey


@dataclass(frozen=True, slots=True)
class ShowChallenge:
    """Find a challenge for whoever may see it."""

    challenges: ChallengeStore
    clock: Clock

    def __call__(self, challenge_id: str, session: Session | None) -> Challenge:
        """Raises ChallengeGone for an unknown or closed one, and for one of another session."""
        challenge = self.challenges.find(challenge_id)
        if challenge is None or not challenge.is_open(self.clock.now()):
            raise ChallengeGone
        if challenge.session_id and (session is None or session.session_id != challenge.session_id):
            raise ChallengeGone
        return challenge


@dataclass(frozen=True, slots=True)
class SendCode:
    """Text the code of a challenge, the same code however often."""

    show: ShowChallenge
    texting: Texting

    def __call__(self, challenge_id: str, channel: Channel, session: Session | None) -> Challenge:
        """Raises ChallengeGone, also where SMS is not one of its methods, and TooSoon."""
        challenge = self.show(challenge_id, session)
        if Method.SMS not in challenge.methods:
            raise ChallengeGone
        return self.texting.text(challenge, channel)


@dataclass(frozen=True, slots=True)
class Reauthenticate:
    """Ask a session for its second factor again."""

    show: ShowSubscriber
    ask: Ask

    def __call__(self, session: Session) -> Challenge:
        """Return a challenge that only this session may answer."""
        subscriber = self.show(session)
        bound = self.ask.subscriber(Purpose.REAUTHENTICATE, subscriber, session_id=session.session_id)
        return self.ask.opened(bound)


@dataclass(frozen=True, slots=True)
class VerifyCode:
    """Answer a sign-up, log-in or reauthentication challenge; a right code gives tokens, once."""

    show: ShowChallenge
    judge: Judge
    challenges: ChallengeStore
    sessions: SessionStore
    tokens: TokenKey
    clock: Clock
    policy: SessionPolicy

    def __call__(
        self, challenge_id: str, method: Method, code: str, device_name: str | None, session: Session | None
    ) -> Tokens:
        """Raises ChallengeGone, InvalidCode, TooManyAttempts and BadRequest."""
        challenge = self.show(challenge_id, session)
        match challenge.purpose:
            case Purpose.SIGN_UP | Purpose.LOG_IN:
                return self._opened(challenge, self.judge(challenge, method, code), device_name)
            case Purpose.REAUTHENTICATE if session:
                return self._renewed(challenge, self.judge(challenge, method, code), session)
        raise ChallengeGone

    def _opened(self, challenge: Challenge, proof: Proof, device_name: str | None) -> Tokens:
        now = self.clock.now()
        adds = self._account(challenge, now) if challenge.purpose is Purpose.SIGN_UP else None
        owner = adds.subscriber.subscriber_id if adds else challenge.subscriber_id
        if owner is None:
            raise ChallengeGone
        session = Session(
            session_id=new_id(),
            subscriber_id=owner,
            second_factor_at=now,
            absolute_expires_at=now + timedelta(seconds=self.policy.absolute_life),
            access_expires_at=now + timedelta(seconds=self.policy.access_life),
            amr=references(proof.method),
            device_id=challenge.device_id or new_id(),
        )
        device_token = None if challenge.device_id else self.tokens.mint("gwd_")
        issued = replace(self._issued(session, now), device_name=device_name, device_token=device_token)
        event = _event(Kind.SESSION_OPENED, challenge, session, proof)
        self.sessions.open(issued, challenge.challenge_id, proof, now, event, adds)
        return issued.told(now)

    def _renewed(self, challenge: Challenge, proof: Proof, session: Session) -> Tokens:
        now = self.clock.now()
        renewed = replace(
            session,
            second_factor_at=now,
            access_expires_at=now + timedelta(seconds=self.policy.access_life),
            amr=references(proof.method),
        )
        issued = self._issued(renewed, now)
        event = _event(Kind.SESSION_REAUTHENTICATED, challenge, renewed, proof)
        self.sessions.reauthenticate(issued, challenge.challenge_id, proof, now, event)
        return issued.told(now)

    def _account(self, challenge: Challenge, now: datetime) -> NewSubscriber:
        stored: Secret | None = self.challenges.password_hash(challenge.challenge_id)
        if stored is None:
            raise ChallengeGone
        subscriber = Subscriber(
            subscriber_id=new_id(),
            phone=challenge.phone,
            password_hash=stored,
            locale=challenge.locale,
            standing=Standing.ACTIVE,
            created_at=now,
        )
        return NewSubscriber(subscriber, phone_authenticator_id=new_id())

    def _issued(self, session: Session, now: datetime) -> Issued:
        return Issued(
            session=session,
            access_token=self.tokens.mint("gws_"),
            refresh_token=self.tokens.mint("gwr_"),
            refresh_expires_at=refresh_ends(now, session.absolute_expires_at, self.policy),
        )


def _event(kind: Kind, challenge: Challenge, session: Session, proof: Proof) -> Event:
    return Event(
        kind,
        reason=proof.method.value,
        subscriber_id=session.subscriber_id,
        session_id=session.session_id,
        challenge_id=challenge.challenge_id,
    )

"""Challenges: show one, text its code, answer it, open one for a session that went stale."""

from dataclasses import dataclass, replace
from datetime import timedelta

from service.flows.judge import Judge
from service.flows.session import told
from service.flows.texting import Texting
from service.model.authenticator import Proof
from service.model.challenge import Challenge, Channel, Method, Purpose, open_challenge
from service.model.errors import ChallengeGone, InvalidToken
from service.model.events import Event, Kind
from service.model.policy import CodePolicy, SessionPolicy
from service.model.session import Session, Tokens, references, refresh_ends
from service.model.subscriber import Standing, Subscriber, new_id
from service.ports import (
    AccountStore,
    ChallengeStore,
    Clock,
    NewSession,
    NewSubscriber,
    PasscodeKey,
    SessionStore,
    TokenKey,
)

_ANSWERED_HERE = frozenset({Purpose.SIGN_UP, Purpose.LOG_IN, Purpose.REAUTHENTICATE})


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

    accounts: AccountStore
    challenges: ChallengeStore
    passcodes: PasscodeKey
    texting: Texting
    clock: Clock
    codes: CodePolicy

    def __call__(self, session: Session) -> Challenge:
        """Return a challenge that only this session may answer."""
        subscriber = self.accounts.by_id(session.subscriber_id)
        if subscriber is None:
            raise InvalidToken
        challenge = self._challenge(session, subscriber)
        event = Event(
            Kind.SESSION_REAUTHENTICATED,
            reason="asked",
            subscriber_id=session.subscriber_id,
            session_id=session.session_id,
            challenge_id=challenge.challenge_id,
        )
        self.challenges.open(challenge, event)
        return self.texting.text_if_due(challenge) if challenge.methods == (Method.SMS,) else challenge

    def _challenge(self, session: Session, subscriber: Subscriber) -> Challenge:
        challenge = open_challenge(
            Purpose.REAUTHENTICATE,
            subscriber.phone,
            subscriber.methods,
            self.passcodes.current,
            self.clock.now(),
            self.codes,
        )
        return replace(
            challenge,
            subscriber_id=subscriber.subscriber_id,
            session_id=session.session_id,
            locale=subscriber.locale,
        )


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
        if challenge.purpose not in _ANSWERED_HERE:
            raise ChallengeGone
        proof = self.judge(challenge, method, code)
        if challenge.purpose is Purpose.REAUTHENTICATE and session is not None:
            return self._refreshed(challenge, proof, session)
        return self._opened(challenge, proof, device_name)

    def _opened(self, challenge: Challenge, proof: Proof, device_name: str | None) -> Tokens:
        now = self.clock.now()
        adds = self._account(challenge) if challenge.purpose is Purpose.SIGN_UP else None
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
        new = self._new(session, device_name, known=challenge.device_id is not None)
        event = self._event(Kind.SESSION_OPENED, challenge, session, proof)
        self.sessions.open(new, challenge.challenge_id, proof, now, event, adds)
        return told(new, self.clock)

    def _refreshed(self, challenge: Challenge, proof: Proof, session: Session) -> Tokens:
        now = self.clock.now()
        renewed = replace(
            session,
            second_factor_at=now,
            access_expires_at=now + timedelta(seconds=self.policy.access_life),
            amr=references(proof.method),
        )
        new = self._new(renewed, None, known=True)
        event = self._event(Kind.SESSION_REAUTHENTICATED, challenge, renewed, proof)
        self.sessions.reauthenticate(new, challenge.challenge_id, proof, now, event)
        return told(new, self.clock)

    def _account(self, challenge: Challenge) -> NewSubscriber:
        stored = self.challenges.password_hash(challenge.challenge_id)
        if stored is None:
            raise ChallengeGone
        subscriber = Subscriber(
            subscriber_id=new_id(),
            phone=challenge.phone,
            password_hash=stored,
            locale=challenge.locale,
            standing=Standing.ACTIVE,
            created_at=self.clock.now(),
        )
        return NewSubscriber(subscriber, phone_authenticator_id=new_id())

    def _new(self, session: Session, device_name: str | None, *, known: bool) -> NewSession:
        return NewSession(
            session=session,
            access_token=self.tokens.mint("gws_"),
            refresh_token=self.tokens.mint("gwr_"),
            refresh_expires_at=refresh_ends(self.clock.now(), session.absolute_expires_at, self.policy),
            device_name=device_name,
            device_token=None if known else self.tokens.mint("gwd_"),
        )

    def _event(self, kind: Kind, challenge: Challenge, session: Session, proof: Proof) -> Event:
        return Event(
            kind,
            reason=proof.method.value,
            subscriber_id=session.subscriber_id,
            session_id=session.session_id,
            challenge_id=challenge.challenge_id,
        )

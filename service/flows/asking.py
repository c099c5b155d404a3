"""Asking for a second factor: every challenge is made here."""

from dataclasses import dataclass, replace
from typing import Any

from service.flows.texting import Texting
from service.model.challenge import Challenge, Method, Purpose, open_challenge
from service.model.events import Event, Kind, about_challenge
from service.model.phone import PhoneNumber
from service.model.policy import CodePolicy
from service.model.secret import Secret
from service.model.subscriber import Subscriber
from service.ports import ChallengeStore, Clock, PasscodeKey


@dataclass(frozen=True, slots=True)
class Ask:
    """Make challenges, open them, and text the code where a text is the only way to answer."""

    challenges: ChallengeStore
    passcodes: PasscodeKey
    texting: Texting
    clock: Clock
    codes: CodePolicy

    def number(self, purpose: Purpose, phone: PhoneNumber, **bound: Any) -> Challenge:
        """Return a challenge to a number that nobody has proved yet."""
        return self._made(purpose, phone, (Method.SMS,), bound)

    def subscriber(self, purpose: Purpose, subscriber: Subscriber, **bound: Any) -> Challenge:
        """Return a challenge by every method this subscriber has; `bound` says what else it is tied to."""
        owner = {"subscriber_id": subscriber.subscriber_id, "locale": subscriber.locale}
        return self._made(purpose, subscriber.phone, subscriber.methods, owner | bound)

    def _made(
        self, purpose: Purpose, phone: PhoneNumber, methods: tuple[Method, ...], bound: dict[str, Any]
    ) -> Challenge:
        key_id, now = self.passcodes.current, self.clock.now()
        return replace(open_challenge(purpose, phone, methods, key_id, now, self.codes), **bound)

    def opened(self, challenge: Challenge, password_hash: Secret | None = None) -> Challenge:
        """Store it; a sign-up carries the hash its account will have."""
        event: Event = about_challenge(Kind.CHALLENGE_OPENED, challenge)
        self.challenges.open(challenge, event, password_hash)
        return self.texted(challenge)

    def texted(self, challenge: Challenge) -> Challenge:
        """Text the code at once where there is no other way to answer."""
        only_way = challenge.methods == (Method.SMS,) and not challenge.text_queued
        return self.texting.text_if_due(challenge) if only_way else challenge

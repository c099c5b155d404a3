"""Log in: check the password, then ask for the second factor."""

from dataclasses import dataclass, replace

from service.flows.texting import Texting
from service.model.challenge import Challenge, Method, Purpose, open_challenge
from service.model.errors import AccountSuspended, InvalidCredentials
from service.model.events import Event, Kind, Outcome
from service.model.password import canonical_password, fits
from service.model.phone import PhoneNumber, parse_phone
from service.model.policy import CodePolicy, PasswordPolicy
from service.model.secret import Secret
from service.model.subscriber import Standing, Subscriber
from service.ports import AccountStore, AuditLog, ChallengeStore, Clock, PasscodeKey, PasswordHasher


@dataclass(frozen=True, slots=True)
class LogIn:
    """Check a password; on success open a second-factor challenge."""

    accounts: AccountStore
    challenges: ChallengeStore
    hasher: PasswordHasher
    passcodes: PasscodeKey
    texting: Texting
    audit: AuditLog
    clock: Clock
    codes: CodePolicy
    passwords: PasswordPolicy

    def __call__(self, phone: str, password: str, device_token: Secret | None = None) -> Challenge:
        """
        Return the challenge to answer next.

        Raises InvalidCredentials, the same for an unknown number as for a wrong password,
        TooManyAttempts before anything is compared, AccountSuspended and Busy.
        """
        number = parse_phone(phone)
        self.accounts.try_password(number, self.clock.now(), self.passwords.free_tries)
        subscriber = self._proven(number, canonical_password(password))
        self.accounts.forgive_password(number)
        if subscriber.standing is not Standing.ACTIVE:
            raise AccountSuspended
        return self._challenge(subscriber, device_token)

    def _proven(self, number: PhoneNumber, password: Secret) -> Subscriber:
        subscriber = self.accounts.by_phone(number)
        # A password that policy rules out costs the same hash as any other, against the decoy.
        stored = subscriber.password_hash if subscriber and fits(password, self.passwords) else None
        right = self.hasher.verify(stored, password)
        if subscriber is None or stored is None or not right:
            self._note(subscriber, Outcome.REFUSED)
            raise InvalidCredentials
        self._note(subscriber, Outcome.DONE)
        if self.hasher.needs_rehash(stored):
            self.accounts.replace_password_hash(subscriber.subscriber_id, stored, self.hasher.hash(password))
        return subscriber

    def _note(self, subscriber: Subscriber | None, outcome: Outcome) -> None:
        who = subscriber.subscriber_id if subscriber else None
        self.audit.record(Event(Kind.LOG_IN_PASSWORD, outcome, subscriber_id=who))

    def _device(self, subscriber: Subscriber, token: Secret | None) -> str | None:
        return self.accounts.device(subscriber.subscriber_id, token, self.clock.now()) if token else None

    def _challenge(self, subscriber: Subscriber, device_token: Secret | None) -> Challenge:
        methods = subscriber.methods
        challenge = replace(
            open_challenge(
                Purpose.LOG_IN,
                subscriber.phone,
                methods,
                self.passcodes.current,
                self.clock.now(),
                self.codes,
            ),
            subscriber_id=subscriber.subscriber_id,
            locale=subscriber.locale,
            device_id=self._device(subscriber, device_token),
        )
        event = Event(
            Kind.LOG_IN_PASSWORD,
            subscriber_id=subscriber.subscriber_id,
            challenge_id=challenge.challenge_id,
        )
        self.challenges.open(challenge, event)
        return self.texting.text_if_due(challenge) if methods == (Method.SMS,) else challenge

"""Log in: check the password, then ask for the second factor."""

from dataclasses import dataclass

from service.flows.asking import Ask
from service.model.challenge import Challenge, Purpose
from service.model.errors import AccountSuspended, InvalidCredentials
from service.model.events import Event, Kind, Outcome
from service.model.password import canonical_password, fits
from service.model.phone import PhoneNumber, parse_phone
from service.model.policy import PasswordPolicy
from service.model.secret import Secret
from service.model.subscriber import Standing, Subscriber
from service.ports import AccountStore, AuditLog, Clock, PasswordHasher


@dataclass(frozen=True, slots=True)
class LogIn:
    """Check a password; on success open a second-factor challenge."""

    accounts: AccountStore
    hasher: PasswordHasher
    ask: Ask
    audit: AuditLog
    clock: Clock
    passwords: PasswordPolicy

    def __call__(self, phone: str, password: str, device_token: Secret | None = None) -> Challenge:
        """
        Return the challenge to answer next.

        Raises InvalidCredentials, the same for an unknown number as for a wrong password,
        TooManyAttempts before anything is compared, AccountSuspended and Busy.
        """
        number = parse_phone(phone)
        # A place to hash comes first: a try that nobody could judge must not count against the owner.
        with self.hasher.place():
            self.accounts.try_password(number, self.clock.now(), self.passwords.free_tries)
            subscriber = self._proven(number, canonical_password(password))
        self.accounts.forgive_password(number)
        if subscriber.standing is not Standing.ACTIVE:
            self._note_refusal(subscriber, "suspended")
            raise AccountSuspended
        device_id = self._device(subscriber, device_token)
        return self.ask.opened(self.ask.subscriber(Purpose.LOG_IN, subscriber, device_id=device_id))

    def _proven(self, number: PhoneNumber, password: Secret) -> Subscriber:
        subscriber = self.accounts.by_phone(number)
        # A password that policy rules out costs the same hash as any other, against the decoy.
        stored = subscriber.password_hash if subscriber and fits(password, self.passwords) else None
        right = self.hasher.verify(stored, password)
        if subscriber is None or stored is None or not right:
            self._note_refusal(subscriber, "wrong_password")
            raise InvalidCredentials
        if self.hasher.needs_rehash(stored):
            self.accounts.replace_password_hash(subscriber.subscriber_id, stored, self.hasher.hash(password))
        return subscriber

    def _note_refusal(self, subscriber: Subscriber | None, reason: str) -> None:
        who = subscriber.subscriber_id if subscriber else None
        self.audit.record(Event(Kind.LOG_IN_PASSWORD, Outcome.REFUSED, reason, subscriber_id=who))

    def _device(self, subscriber: Subscriber, token: Secret | None) -> str | None:
        return self.accounts.device(subscriber.subscriber_id, token, self.clock.now()) if token else None

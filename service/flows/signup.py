"""Sign up: a number, a password, and a text that proves the number."""

from dataclasses import dataclass, replace

from service.flows.texting import Texting
from service.model.challenge import Challenge, Method, Purpose, open_challenge
from service.model.errors import CountryNotServed, SignUpClosed
from service.model.events import Event, Kind
from service.model.password import canonical_password, check_new_password
from service.model.phone import PhoneNumber, parse_phone
from service.model.policy import CodePolicy, PasswordPolicy, SmsPolicy
from service.model.texts import known_locale
from service.ports import AccountStore, ChallengeStore, Clock, PasscodeKey, PasswordHasher


@dataclass(frozen=True, slots=True)
class SignUp:
    """Open a challenge for a new number; the account is made when its code was right."""

    accounts: AccountStore
    challenges: ChallengeStore
    hasher: PasswordHasher
    passcodes: PasscodeKey
    texting: Texting
    clock: Clock
    codes: CodePolicy
    passwords: PasswordPolicy
    sms: SmsPolicy

    def __call__(self, phone: str, password: str, locale: str | None) -> Challenge:
        """
        Return the challenge, the same for a number that is taken.

        Raises BadPhoneNumber, CountryNotServed, SignUpClosed, WeakPassword and Busy, all
        of them functions of the request alone.
        """
        number = self._number(phone)
        secret = canonical_password(password)
        check_new_password(secret, number, self.passwords, self.sms.service_name)
        stored = self.hasher.hash(secret)
        challenge = self._challenge(number, locale)
        event = Event(Kind.SIGN_UP_STARTED, challenge_id=challenge.challenge_id)
        self.challenges.open(challenge, event, stored)
        return self.texting.text_if_due(challenge)

    def _number(self, phone: str) -> PhoneNumber:
        if not self.sms.countries:
            raise SignUpClosed
        number = parse_phone(phone)
        if number.country not in self.sms.countries:
            raise CountryNotServed
        return number

    def _challenge(self, number: PhoneNumber, locale: str | None) -> Challenge:
        challenge = open_challenge(
            Purpose.SIGN_UP, number, (Method.SMS,), self.passcodes.current, self.clock.now(), self.codes
        )
        taken = self.accounts.by_phone(number) is not None
        return replace(challenge, mute=taken, locale=known_locale(locale))

"""Sign up: a number, a password, and a text that proves the number."""

from dataclasses import dataclass

from service.flows.asking import Ask
from service.model.challenge import Challenge, Purpose
from service.model.errors import CountryNotServed, SignUpClosed
from service.model.password import canonical_password, check_new_password
from service.model.phone import PhoneNumber, parse_phone
from service.model.policy import PasswordPolicy, SmsPolicy
from service.model.texts import known_locale
from service.ports import AccountStore, PasswordHasher


@dataclass(frozen=True, slots=True)
class SignUp:
    """Open a challenge for a new number; the account is made when its code was right."""

    accounts: AccountStore
    hasher: PasswordHasher
    ask: Ask
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
        taken = self.accounts.by_phone(number) is not None
        challenge = self.ask.number(Purpose.SIGN_UP, number, mute=taken, locale=known_locale(locale))
        return self.ask.opened(challenge, stored)

    def _number(self, phone: str) -> PhoneNumber:
        if not self.sms.countries:
            raise SignUpClosed
        number = parse_phone(phone)
        if number.country not in self.sms.countries:
            raise CountryNotServed
        return number

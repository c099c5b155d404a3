"""What a password must be."""

import unicodedata

from service.model.errors import WeakPassword
from service.model.phone import PhoneNumber
from service.model.policy import PasswordPolicy
from service.model.secret import Secret


def canonical_password(text: str) -> Secret:
    """Return the NFC form, so that one password typed on two keyboards is one password."""
    return Secret(unicodedata.normalize("NFC", text))


def fits(password: Secret, policy: PasswordPolicy) -> bool:
    """Say whether the length alone lets this be anybody's password."""
    long_enough = policy.shortest <= len(password.value) <= policy.longest
    return long_enough and len(password.value.encode("utf-8", "surrogatepass")) <= policy.most_bytes


def check_new_password(password: Secret, phone: PhoneNumber, policy: PasswordPolicy, service: str) -> None:
    """
    Refuse a password that a stranger would try first.

    No composition rules (NIST SP 800-63B-4 section 3.1.1.2): length, and no word that
    the context gives away. Raises WeakPassword.
    """
    if not fits(password, policy):
        raise WeakPassword(f"Use {policy.shortest} to {policy.longest} characters.")
    folded = password.value.casefold()
    for word in (service.casefold(), phone.digits, phone.digits[-8:]):
        if len(word) >= 4 and word in folded:
            raise WeakPassword("Leave your phone number and the name of this service out of it.")
    if len(set(folded)) < 4:
        raise WeakPassword("Use more than three different characters.")

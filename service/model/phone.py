"""Phone numbers: one canonical spelling, E.164."""

from dataclasses import dataclass

import phonenumbers

from service.model.errors import BadPhoneNumber


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number in E.164 form, and the ISO 3166 code of the country it was parsed to belong to."""

    e164: str
    country: str

    def __repr__(self) -> str:
        return f"PhoneNumber('{self.hint}')"

    @property
    def hint(self) -> str:
        """The last two digits, all that is ever shown of a number."""
        return f"•••• {self.e164[-2:]}"

    @property
    def digits(self) -> str:
        """The form in which Reloadly writes numbers: no plus sign."""
        return self.e164[1:]

    @property
    def spaced(self) -> str:
        """The whole number for its owner to read, such as +509 36 37 7111."""
        parsed = phonenumbers.parse(self.e164)
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def parse_phone(text: str) -> PhoneNumber:
    """
    Return the number in its one spelling.

    Only `+` and ASCII digits, spaces, dots, dashes and brackets are read, since the
    parser below would also fold other scripts. Raises BadPhoneNumber.
    """
    return _parse(text, None)


def parse_recipient(number: str, country: str) -> PhoneNumber:
    """Return a beneficiary's number, written nationally or internationally. Raises BadPhoneNumber."""
    return _parse(number, country)


def _parse(text: str, country: str | None) -> PhoneNumber:
    if len(text) > 32 or "+" in text[1:] or not set(text) <= set("+0123456789 .-()"):
        raise BadPhoneNumber
    spellings = (text, f"+{text}") if country and "+" not in text else (text,)
    found = {number for spelling in spellings if (number := _parse_once(spelling, country))}
    if len(found) > 1:
        raise BadPhoneNumber("This could be two numbers. Write it with its plus sign and country code.")
    if not found:
        raise BadPhoneNumber
    return found.pop()


def _parse_once(text: str, country: str | None) -> PhoneNumber | None:
    try:
        parsed = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(parsed)
    if not phonenumbers.is_valid_number(parsed) or region is None or country not in (None, region):
        return None
    return PhoneNumber(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), region)

"""Phone numbers as Reloadly takes them: national or international, with or without decoration."""

import re

import phonenumbers

from sandbox.exact import Json
from sandbox.reloadly.errors import Refusal, invalid_input

DECORATED = re.compile(r"\+?[\d\s().-]+", re.ASCII)


def international(country: str, number: str) -> str | None:
    """Answer the international digits without a plus, or None where it is no number of that country."""
    if not DECORATED.fullmatch(number):
        return None
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None
    own = parsed.country_code == phonenumbers.country_code_for_region(country)
    if not own or not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)[1:]


def read_phone(body: Json, field: str, code: str) -> tuple[str, str]:
    """Read `{countryCode, number}` and answer the country and the international digits. Raises Refusal."""
    phone = body.get(field)
    if not isinstance(phone, dict):
        raise invalid_input(field, "must be an object with countryCode and number")
    if not phone.get("countryCode") or not phone.get("number"):
        raise invalid_input(field, "countryCode and number must be provided")
    country = str(phone["countryCode"]).upper()
    digits = international(country, str(phone["number"]))
    if digits is None:
        raise Refusal(400, code, "The phone number provided is not valid for the country provided")
    return country, digits

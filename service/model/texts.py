"""What is said to a subscriber: texts of one segment, and the sentence of an operation, by language."""

import re

from service.model.challenge import Challenge, Purpose
from service.model.policy import SmsPolicy
from service.model.secret import Secret
from service.model.topup import Quote

LOCALES = ("en", "es", "fr", "pt")
# GSM 03.38: one segment holds 160 septets of the basic alphabet, or 70 characters of any other.
_GSM = re.compile(r"[A-Za-z0-9 \r\n@£$¥èéùìòÇØøÅåÆæßÉÄÖÑÜ§¿äöñüà!\"#¤%&'()*+,\-./:;<=>?¡_]*")
_GSM_SEGMENT, _WIDE_SEGMENT = 160, 70

_CODE = {
    "en": "{code} is your {service} code. Never share it.",
    "es": "{code} es tu codigo de {service}. No lo compartas.",
    "fr": "{code} est votre code {service}. Ne le partagez jamais.",
    "pt": "{code} e o seu codigo {service}. Nunca o partilhe.",
}
_TAKEN = {
    "en": "You already have an account at {service}. Log in with your password.",
    "es": "Ya tienes una cuenta en {service}. Entra con tu clave.",
    "fr": "Vous avez déjà un compte {service}. Connectez-vous.",
    "pt": "Ja tem uma conta {service}. Entre com a sua senha.",
}
_APPROVE = {
    "en": "{code} approves: {what}. {service}",
    "es": "{code} aprueba: {what}. {service}",
    "fr": "{code} approuve: {what}. {service}",
    "pt": "{code} aprova: {what}. {service}",
}
_TOP_UP = {
    "en": "Top up {delivered} to {beneficiary}, {operator} ({cost})",
    "es": "Recarga {delivered} a {beneficiary}, {operator} ({cost})",
    "fr": "Recharge {delivered} pour {beneficiary}, {operator} ({cost})",
    "pt": "Recarga {delivered} para {beneficiary}, {operator} ({cost})",
}


def known_locale(asked: str | None) -> str:
    """Return the language spoken here that is nearest to the one asked for."""
    language = (asked or "").split("-")[0].lower()
    return language if language in LOCALES else LOCALES[0]


def top_up_summary(quote: Quote, beneficiary: str, locale: str) -> str:
    """Return what the subscriber reads before approving, and again in the text."""
    return _TOP_UP[known_locale(locale)].format(
        delivered=quote.delivered,
        beneficiary=beneficiary,
        operator=_one_line(quote.operator_name),
        cost=quote.cost,
    )


def _one_line(name: str) -> str:
    """Return a provider's name as plain words: no control, no line break, nothing that looks like a link."""
    return " ".join(re.sub(r"[^\w .&'()+-]|\.(?=\w)", " ", name).split())[:40]


def text_body(challenge: Challenge, code: Secret, summary: str | None, policy: SmsPolicy) -> str:
    """Return the text of a challenge: the code first, then who asks and for what."""
    locale = known_locale(challenge.locale)
    if challenge.mute:
        return _TAKEN[locale].format(service=policy.service_name)
    if challenge.purpose is Purpose.APPROVE_OPERATION:
        body = _APPROVE[locale].format(code=code.value, what=summary, service=policy.service_name)
    else:
        body = _CODE[locale].format(code=code.value, service=policy.service_name)
    return _with_last_line(body, code, policy)


def _with_last_line(body: str, code: Secret, policy: SmsPolicy) -> str:
    """Add the origin-bound line that phones autofill from, where it still fits the segment."""
    longer = f"{body}\n\n@{policy.domain} #{code.value}"
    return longer if policy.domain and fits_one_segment(longer) else body


def fits_one_segment(body: str) -> bool:
    """Say whether a text is billed, and arrives, as one."""
    return len(body) <= (_GSM_SEGMENT if _GSM.fullmatch(body) else _WIDE_SEGMENT)


def approval_fits(summary: str, locale: str, digits: int, policy: SmsPolicy) -> bool:
    """Say whether SMS may be offered for this operation: a cut sentence approves nothing."""
    body = _APPROVE[known_locale(locale)].format(code="0" * digits, what=summary, service=policy.service_name)
    return fits_one_segment(body)

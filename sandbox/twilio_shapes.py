"""The JSON of Twilio's resources and errors, and how many segments a text has."""

from dataclasses import dataclass

from flask import Response

from sandbox import clock
from sandbox.exact import Json, answer
from sandbox.texts import Text

VERSION = "2010-04-01"

# The GSM 03.38 alphabet; a character of the second row costs two.
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = set("\f^{}\\[~]|€")


@dataclass(frozen=True)
class TwilioError(Exception):
    """Say no in Twilio's shape."""

    status: int
    code: int
    message: str

    def answer(self) -> Response:
        return error(self.status, self.code, self.message)


def error(status: int, code: int, message: str) -> Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return answer({"code": code, "message": message, "more_info": more, "status": status}, status)


def segments(body: str) -> int:
    """Count the parts that a text is sent in: 160 or 70 characters alone, 153 or 67 each in a row."""
    if set(body) <= GSM | GSM_EXTENDED:
        length, alone, each = len(body) + sum(char in GSM_EXTENDED for char in body), 160, 153
    else:
        length, alone, each = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= alone else -(-length // each)


def message(text: Text, service: str | None) -> Json:
    """Shape the resource of a message that was just taken."""
    uri = f"/{VERSION}/Accounts/{text.account_sid}/Messages/{text.sid}"
    whatsapp = "whatsapp:" if text.channel == "whatsapp" else ""
    return {
        "account_sid": text.account_sid,
        "api_version": VERSION,
        "body": text.body,
        "date_created": clock.rfc2822(text.at),
        "date_sent": None,
        "date_updated": clock.rfc2822(text.at),
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": f"{whatsapp}{text.sender}" if text.sender else None,
        "messaging_service_sid": service,
        "num_media": "0",
        "num_segments": str(segments(text.body)),
        "price": None,
        "price_unit": None,
        "sid": text.sid,
        "status": "accepted" if service else "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": f"{whatsapp}{text.to}",
        "uri": f"{uri}.json",
    }


def call(text: Text) -> Json:
    """Shape the resource of a call that was just taken."""
    uri = f"/{VERSION}/Accounts/{text.account_sid}/Calls/{text.sid}"
    unknown = ("answered_by", "caller_name", "duration", "end_time", "forwarded_from", "group_sid")
    later = ("parent_call_sid", "price", "start_time", "trunk_sid", "phone_number_sid")
    return {
        **dict.fromkeys(unknown + later),
        "account_sid": text.account_sid,
        "annotation": None,
        "api_version": VERSION,
        "date_created": clock.rfc2822(text.at),
        "date_updated": clock.rfc2822(text.at),
        "direction": "outbound-api",
        "from": text.sender,
        "from_formatted": text.sender,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": text.sid,
        "status": "queued",
        "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
        "to": text.to,
        "to_formatted": text.to,
        "uri": f"{uri}.json",
    }

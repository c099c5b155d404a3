"""What Twilio was asked to send: texts, WhatsApp messages and calls."""

from dataclasses import dataclass, field
from datetime import datetime

from sandbox import clock
from sandbox.exact import Json


@dataclass(frozen=True, slots=True)
class Text:
    """Hold one accepted message or call; `to` is E.164 and `channel` is sms, whatsapp or call."""

    sid: str
    account_sid: str
    to: str
    sender: str | None
    channel: str
    body: str
    at: datetime = field(default_factory=clock.now)

    def as_json(self) -> Json:
        return {
            "sid": self.sid,
            "to": self.to,
            "from": self.sender,
            "channel": self.channel,
            "body": self.body,
            "at": self.at.isoformat(),
        }


class Outbox:
    """Keep accepted texts in order, newest last."""

    def __init__(self) -> None:
        self._texts: list[Text] = []

    def add(self, text: Text) -> None:
        self._texts.append(text)

    def find(self, to: str | None) -> list[Text]:
        return [text for text in list(self._texts) if to in (None, text.to)]

    def by_sid(self, sid: str) -> Text | None:
        return next((text for text in list(self._texts) if text.sid == sid), None)

    def forget(self) -> None:
        self._texts.clear()

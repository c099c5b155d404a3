"""Where texts are off: nobody is texted."""

from dataclasses import dataclass

from service.model.challenge import Channel, Delivery, DeliveryStatus
from service.model.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class NoSender:
    """Refuse every text, in the words of a carrier that is switched off."""

    def send(self, phone: PhoneNumber, body: str, channel: Channel) -> tuple[Delivery, str | None]:  # noqa: ARG002
        return Delivery(channel, DeliveryStatus.FAILED, "texts_off"), None

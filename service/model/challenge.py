"""A second factor asked for and not yet answered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from secrets import token_urlsafe

from service.model.phone import PhoneNumber
from service.model.policy import CodePolicy

NOTHING_APPROVED = bytes(32)


class Purpose(StrEnum):
    """What a right answer brings about."""

    SIGN_UP = "sign_up"
    LOG_IN = "log_in"
    REAUTHENTICATE = "reauthenticate"
    APPROVE_OPERATION = "approve_operation"


class Method(StrEnum):
    """What may answer a challenge."""

    TOTP = "totp"
    SMS = "sms"


class Channel(StrEnum):
    """How a passcode travels."""

    SMS = "sms"
    CALL = "call"
    WHATSAPP = "whatsapp"


class DeliveryStatus(StrEnum):
    """How far a text has come."""

    NOT_REQUESTED = "not_requested"
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The last text of a challenge; `reason` is one of our own words when it failed."""

    channel: Channel = Channel.SMS
    status: DeliveryStatus = DeliveryStatus.NOT_REQUESTED
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """One open question to one phone. `subscriber_id` is None while nobody is proven."""

    challenge_id: str
    purpose: Purpose
    phone: PhoneNumber
    methods: tuple[Method, ...]
    created_at: datetime
    expires_at: datetime
    attempts_left: int
    code_digits: int
    key_id: int
    subscriber_id: str | None = None
    session_id: str | None = None
    operation_id: str | None = None
    device_id: str | None = None
    digest: bytes = NOTHING_APPROVED
    locale: str = "en"
    delivery: Delivery = Delivery()
    text_queued: bool = False
    resend_at: datetime | None = None
    spent: bool = False
    closed: bool = False
    mute: bool = False

    def is_open(self, now: datetime) -> bool:
        """Say whether a code may still be tried."""
        return not (self.spent or self.closed) and self.attempts_left > 0 and now < self.expires_at


def new_challenge_id() -> str:
    """Return an opaque id of 256 bits."""
    return token_urlsafe(32)


def open_challenge(
    purpose: Purpose,
    phone: PhoneNumber,
    methods: tuple[Method, ...],
    key_id: int,
    now: datetime,
    policy: CodePolicy,
) -> Challenge:
    """Return a fresh challenge; whoever opens it adds whose it is and what it approves."""
    return Challenge(
        challenge_id=new_challenge_id(),
        purpose=purpose,
        phone=phone,
        methods=methods,
        created_at=now,
        expires_at=now + policy.lifetime,
        attempts_left=policy.tries,
        code_digits=policy.digits,
        key_id=key_id,
    )


def resend_wait(sent_before: int) -> timedelta:
    """Return how long to wait after the text number `sent_before + 1` to one phone."""
    waits = CodePolicy.RESEND_WAITS
    return timedelta(seconds=waits[min(sent_before, len(waits) - 1)])

"""What a subscriber proves with, beside the password."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.model.challenge import Method
from service.model.phone import PhoneNumber
from service.model.totp import Totp


class Kind(StrEnum):
    """The table stays generic: a new kind is a new value."""

    TOTP = "totp"
    PHONE = "phone"


class State(StrEnum):
    """Pending until its first code was right; disabled after too many wrong ones."""

    PENDING = "pending"
    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One bound authenticator: `totp` for an app, `phone` for a number."""

    authenticator_id: str
    kind: Kind
    state: State
    created_at: datetime
    confirmed_at: datetime | None = None
    totp: Totp | None = None
    phone: PhoneNumber | None = None
    last_step: int = 0
    last_step_session: str | None = None
    streak: int = 0

    @property
    def method(self) -> Method:
        """How this authenticator answers a challenge."""
        return Method.TOTP if self.kind is Kind.TOTP else Method.SMS

    @property
    def is_active(self) -> bool:
        return self.state is State.ACTIVE


@dataclass(frozen=True, slots=True)
class Proof:
    """A code that was right: which authenticator, how, and the TOTP step to burn."""

    method: Method
    authenticator_id: str | None
    step: int | None = None

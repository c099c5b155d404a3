"""The account holder."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.model.authenticator import Authenticator, Kind
from service.model.challenge import Method
from service.model.phone import PhoneNumber
from service.model.secret import Secret


class Standing(StrEnum):
    """Whether an operator lets this subscriber in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An account: the number it is known by, and what it proves itself with."""

    subscriber_id: str
    phone: PhoneNumber
    password_hash: Secret
    locale: str
    standing: Standing
    created_at: datetime
    authenticators: tuple[Authenticator, ...] = ()

    @property
    def active(self) -> tuple[Authenticator, ...]:
        return tuple(one for one in self.authenticators if one.is_active)

    @property
    def methods(self) -> tuple[Method, ...]:
        """What this subscriber can answer with, the stronger first."""
        offered = {one.method for one in self.active}
        return tuple(method for method in Method if method in offered)

    def by_method(self, method: Method) -> Authenticator | None:
        """Return the active authenticator that answers by this method."""
        return next((one for one in self.active if one.method is method), None)

    def by_id(self, authenticator_id: str) -> Authenticator | None:
        return next((one for one in self.authenticators if one.authenticator_id == authenticator_id), None)

    @property
    def totp(self) -> Authenticator | None:
        return next((one for one in self.active if one.kind is Kind.TOTP), None)


def new_id() -> str:
    """Return a fresh identifier for a row of ours."""
    return str(uuid.uuid4())

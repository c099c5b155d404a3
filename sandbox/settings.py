"""The switches of the stand-ins, and the credentials they accept."""

import os
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from typing import Literal, Self

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as validated

from sandbox.exact import Json

START_BALANCE = Decimal("1000.00000")


@validated(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Say how faithful, and how fast, the stand-ins are. The defaults are as bad as the real thing."""

    environment: Literal["sandbox", "live"] = "sandbox"
    token_lifetime: int = 3600
    strict_accept: bool = True
    two_minute_rule: bool = True
    atomic_identifiers: bool = False
    identifier_window: Decimal = Decimal("0.2")
    time_factor: Decimal = Decimal(1)
    processing_polls: int = 2

    def changed(self, changes: Json) -> Self:
        """Answer a copy with some switches set. Raises ValueError for an unknown name or a wrong type."""
        unknown = changes.keys() - {field.name for field in fields(self)}
        if unknown:
            raise ValueError(f"there is no setting {', '.join(sorted(unknown))}")
        merged = asdict(self) | changes
        return replace(self, **asdict(TypeAdapter(Settings).validate_python(merged)))


@dataclass(frozen=True, slots=True)
class Credentials:
    """Hold what a client must present."""

    client_id: str = "sandbox-client-id"
    client_secret: str = "sandbox-client-secret"
    twilio_secret: str = "sandbox-twilio-secret"
    webhook_secret: str = "sandbox-webhook-secret"

    @classmethod
    def from_environment(cls) -> Self:
        """Take each from SANDBOX_<NAME> where that is set."""
        names = [field.name for field in fields(cls)]
        found = {name: os.environ.get(f"SANDBOX_{name.upper()}") for name in names}
        return cls(**{name: value for name, value in found.items() if value})

"""TOTP (RFC 6238): which time step a code belongs to."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pyotp

from service.model.secret import Secret

Algorithm = Literal["SHA1", "SHA256", "SHA512"]
_DIGESTS: dict[str, Callable[..., Any]] = {
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}


@dataclass(frozen=True, slots=True)
class Totp:
    """A bound TOTP app: seed in base 32, and the parameters it was bound with."""

    seed: Secret
    digits: int = 6
    period: int = 30
    algorithm: Algorithm = "SHA1"

    def step_at(self, now: datetime) -> int:
        """Return the time step of an instant (RFC 6238 section 4.2)."""
        return int(now.timestamp()) // self.period

    def code_at(self, step: int) -> Secret:
        """Return the code of one step."""
        hotp = pyotp.HOTP(self.seed.value, digits=self.digits, digest=_DIGESTS[self.algorithm])
        return Secret(hotp.at(step))

    def matching_step(self, code: Secret, now: datetime) -> int | None:
        """
        Return the step this code belongs to, the current or the previous one, else None.

        One step back allows for delay (RFC 6238 section 5.2). Both are always compared.
        Whether the step was used before is decided where it is burnt, in SQL.
        """
        current = self.step_at(now)
        matches = [step for step in (current - 1, current) if self._is(code, step)]
        return matches[-1] if matches else None

    def _is(self, code: Secret, step: int) -> bool:
        return hmac.compare_digest(self.code_at(step).value.encode(), code.value.encode())

    def provisioning_uri(self, account: str, issuer: str) -> str:
        """Return the otpauth:// address that an authenticator app scans."""
        totp = pyotp.TOTP(
            self.seed.value, digits=self.digits, interval=self.period, digest=_DIGESTS[self.algorithm]
        )
        return totp.provisioning_uri(name=account, issuer_name=issuer)

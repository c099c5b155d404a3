"""What the keysets are used for: sealing, indexing, deriving codes, and tokens."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any

from tink import TinkError

from service.model.errors import InvalidToken
from service.model.secret import Secret
from service.ports import SealBroken

REFRESH_PREFIX = "gwr_"
_OUTPUT = 32
_KEY_ID = 4
# 36 bytes are 48 characters without slack bits: a token has one spelling only.
_TOKEN = re.compile(r"[a-z]{2,8}_([A-Za-z0-9_-]{48})", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class TinkSeal:
    """AES-256-GCM with the place as associated data; `aead` is a `tink.aead.Aead`."""

    aead: Any

    def seal(self, plain: str, place: str) -> bytes:
        """Encrypt for one place, such as `challenges.phone_sealed/42`."""
        return bytes(self.aead.encrypt(plain.encode(), place.encode()))

    def open(self, sealed: bytes, place: str) -> Secret:
        """Decrypt. Raises SealBroken for any other place, key or bit."""
        try:
            return Secret(self.aead.decrypt(sealed, place.encode()).decode())
        except (TinkError, UnicodeDecodeError):
            raise SealBroken(place.partition("/")[0]) from None


@dataclass(frozen=True, slots=True, repr=False)
class TinkIndex:
    """A keyed hash under the primary key of a `tink.prf.PrfSet`; `label` names its one use."""

    prfs: Any
    label: str

    def of(self, text: str) -> bytes:
        """Return 32 bytes, the same for the same text under one key and label."""
        return _derive(self.prfs.primary(), "index", self.label.encode(), text.encode())


@dataclass(frozen=True, slots=True, repr=False)
class TinkPasscodes:
    """The key that codes are derived from."""

    prfs: Any

    @property
    def current(self) -> int:
        """The id of the key for new challenges."""
        return int(self.prfs.primary_id())

    def derive(self, key_id: int, meaning: bytes) -> bytes:
        """Return 32 bytes from exactly this key. Raises KeyError for one that is retired."""
        return _derive(self.prfs.all()[key_id], "passcode", meaning)


@dataclass(frozen=True, slots=True, repr=False)
class TinkTokens:
    """
    Tokens: a prefix, then 4 bytes of key id and 32 more in unpadded base64url.

    The key id stays with a token and its successors, so a session outlives a rotation of
    the key; a key may be retired once the last session under it has reached its end.
    """

    prfs: Any

    def mint(self, prefix: str) -> Secret:
        """Return 256 random bits behind a prefix such as `gws_`, the key id inside."""
        return _token(prefix, self.prfs.primary_id(), token_bytes(_OUTPUT))

    def successor(self, session_id: str, generation: int, presented: Secret) -> Secret:
        """Return the refresh token that follows, always the same. Raises InvalidToken."""
        key_id, key = self._key_of(presented)
        parts = (session_id.encode(), str(generation).encode(), presented.value.encode())
        return _token(REFRESH_PREFIX, key_id, _derive(key, "successor", *parts))

    def fingerprint(self, token: Secret) -> bytes:
        """
        Return the keyed hash, 32 bytes, under which a token is stored.

        Raises InvalidToken for a malformed one, and for one whose key we do not have.
        """
        _, key = self._key_of(token)
        return _derive(key, "fingerprint", token.value.encode())

    def _key_of(self, token: Secret) -> tuple[int, Any]:
        shaped = _TOKEN.fullmatch(token.value)
        if shaped is None:
            raise InvalidToken
        key_id = int.from_bytes(urlsafe_b64decode(shaped[1])[:_KEY_ID])
        key = self.prfs.all().get(key_id)
        if key is None:
            raise InvalidToken
        return key_id, key


def _token(prefix: str, key_id: int, rest: bytes) -> Secret:
    return Secret(prefix + urlsafe_b64encode(key_id.to_bytes(_KEY_ID) + rest).decode())


def _derive(key: Any, use: str, *parts: bytes) -> bytes:
    """Compute a PRF over a label and parts, each behind its length: no two uses share an input."""
    labelled = (use.encode(), *parts)
    return bytes(key.compute(b"".join(len(part).to_bytes(4) + part for part in labelled), _OUTPUT))

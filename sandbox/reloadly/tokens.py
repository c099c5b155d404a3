"""Access tokens: HS256 JWTs that are bound to one product's audience."""

from secrets import token_bytes, token_hex
from typing import Literal

import jwt

from sandbox import clock
from sandbox.reloadly.errors import Refusal

Product = Literal["airtime", "giftcards", "utilities"]

ISSUER = "https://reloadly-sandbox.auth0.com/"
ALGORITHM = "HS256"

# The first address is the documented audience; the second is an older spelling that clients still send.
AUDIENCES: dict[str, dict[Product, tuple[str, ...]]] = {
    "sandbox": {
        "airtime": ("https://topups-sandbox.reloadly.com", "https://topups-hs256-sandbox.reloadly.com"),
        "giftcards": ("https://giftcards-sandbox.reloadly.com",),
        "utilities": ("https://utilities-sandbox.reloadly.com",),
    },
    "live": {
        "airtime": ("https://topups.reloadly.com", "https://topups-hs256.reloadly.com"),
        "giftcards": ("https://giftcards.reloadly.com",),
        "utilities": ("https://utilities.reloadly.com",),
    },
}


def knows_audience(environment: str, audience: object) -> bool:
    return any(audience in spellings for spellings in AUDIENCES[environment].values())


class Keyring:
    """Sign and check tokens with a key that lives as long as this process, or until it is revoked."""

    def __init__(self) -> None:
        self.revoke()

    def revoke(self) -> None:
        """Kill every token that was issued so far: their key is gone."""
        self._key = token_bytes(64)
        self._kid = token_hex(8)

    def issue(self, audience: str, client_id: str, environment: str, lifetime: int) -> str:
        issued = int(clock.now().timestamp())
        claims = {
            "sub": "9001",
            "iss": ISSUER,
            "https://reloadly.com/sandbox": environment == "sandbox",
            "https://reloadly.com/prepaidUserId": "9001",
            "https://reloadly.com/jti": token_hex(16),
            "aud": audience,
            "azp": client_id,
            "gty": "client-credentials",
            "scope": "developer",
            "iat": issued,
            "nbf": issued,
            "exp": issued + lifetime,
        }
        return jwt.encode(claims, self._key, ALGORITHM, headers={"kid": self._kid})

    def check(self, token: str, environment: str, product: Product) -> None:
        """Raise Refusal unless the token is ours, fresh and meant for this product."""
        accepted = AUDIENCES[environment][product]
        try:
            jwt.decode(token, self._key, [ALGORITHM], audience=accepted, issuer=ISSUER)
        except jwt.ExpiredSignatureError:
            raise Refusal(401, "TOKEN_EXPIRED", "The token provided is expired") from None
        except jwt.InvalidTokenError:
            message = "Full authentication is required to access this resource"
            raise Refusal(401, "INVALID_TOKEN", message) from None

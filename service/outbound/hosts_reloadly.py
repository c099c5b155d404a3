"""Where Reloadly is: hosts, audiences and media types, by product and environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_SANDBOX = "sandbox"
_NAMES: Mapping[str, str] = {"airtime": "topups"}
AUTH = "https://auth.reloadly.com"


@dataclass(frozen=True, slots=True)
class Hosts:
    """
    The base addresses of one environment, `sandbox` or `live`, without a trailing slash.

    Tests and development point them at a stand-in; the audience stays Reloadly's own,
    since it names a product, not a place.
    """

    environment: str
    auth: str = AUTH
    products: Mapping[str, str] = field(default_factory=dict)

    def base(self, product: str) -> str:
        """Return the address of a product. Raises KeyError for one that we do not use."""
        return self.products.get(product) or self.audience(product)

    def audience(self, product: str) -> str:
        """Return what a token for this product is asked for."""
        suffix = "-sandbox" if self.environment == _SANDBOX else ""
        return f"https://{_NAMES[product]}{suffix}.reloadly.com"

    def token_name(self, product: str) -> str:
        """Return the name under which the fleet shares this product's token."""
        return f"{self.environment}:{product}"


def media_type(product: str) -> str:
    """Return the versioned type that a product insists on in `Accept`."""
    return f"application/com.reloadly.{_NAMES[product]}-v1+json"

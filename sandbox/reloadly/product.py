"""What every product host does before it looks at a request: token, Accept, body."""

from flask import Flask, request

from sandbox.exact import Json, read_object
from sandbox.reloadly import errors
from sandbox.reloadly.errors import Refusal
from sandbox.reloadly.tokens import Product
from sandbox.state import State

MEDIA_TYPES: dict[Product, frozenset[str]] = {
    "airtime": frozenset({"application/com.reloadly.topups-v1+json"}),
    "giftcards": frozenset(
        {"application/com.reloadly.giftcards-v1+json", "application/com.reloadly.giftcards-v2+json"}
    ),
    "utilities": frozenset({"application/com.reloadly.utilities-v1+json"}),
}


def create_product(state: State, product: Product) -> Flask:
    """Make the app of one product host, with its door and its error shapes, but no route yet."""
    app = Flask(f"sandbox.reloadly.{product}")
    # The real host neither tidies nor redirects odd paths.
    app.url_map.merge_slashes = False
    errors.install(app)
    app.before_request(Door(state, product).check)
    return app


def json_body() -> Json:
    """Read the request's JSON object. Raises Refusal."""
    if request.mimetype != "application/json":
        message = f"Content type '{request.content_type or ''}' not supported"
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", message)
    try:
        return read_object(request.get_data())
    except ValueError:
        raise errors.invalid_input("body", "is not readable as JSON") from None


class Door:
    """Let in what carries a token for this product and asks for its versioned media type."""

    def __init__(self, state: State, product: Product) -> None:
        self._state = state
        self._product = product

    def check(self) -> None:
        self._check_token()
        self._check_accept()

    def _check_token(self) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(401, "MISSING_TOKEN", "Full authentication is required to access this resource")
        self._state.keyring.check(token.strip(), self._state.settings.environment, self._product)

    def _check_accept(self) -> None:
        asked = {media_type for media_type, _ in request.accept_mimetypes}
        if self._state.settings.strict_accept and not asked & MEDIA_TYPES[self._product]:
            message = "Could not find acceptable representation"
            raise Refusal(406, "MEDIA_TYPE_NOT_ACCEPTABLE", message)

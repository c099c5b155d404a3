"""Request bodies, named as in openapi.yaml: closed schemas, strict types."""

from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from service.model.errors import BadRequest

Text = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[0-9 .()-]{4,31}$")]
E164 = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{3,14}$")]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[^\x00-\x1f\x7f]+$")]
CodeText = Annotated[str, StringConstraints(min_length=1, max_length=64)]
OperatorId = Annotated[int, Field(gt=0, lt=1_000_000_000)]


class Body(BaseModel):
    """A closed object: unknown members and loose types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, raw: object) -> object:
        """What has nothing to say is left out: null is a type of its own."""
        if isinstance(raw, dict):
            for name in (name for name, value in raw.items() if value is None):
                raise ValueError(f"{name} is null")
        return raw


B = TypeVar("B", bound=Body)


class Empty(Body):
    """Nothing to say."""


class SignUp(Body):
    phone: Phone
    password: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    locale: (
        Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
        | None
    ) = None


class LogIn(Body):
    phone: Phone
    password: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    device_token: Token | None = None


class SendCode(Body):
    channel: Literal["sms"]


class VerifyCode(Body):
    method: Literal["totp", "sms"]
    code: CodeText
    device_name: Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = (
        None
    )


class RefreshTokens(Body):
    refresh_token: Token
    device_token: Token | None = None


class RevokeTokens(Body):
    refresh_token: Token | None = None


class ConfirmAuthenticator(Body):
    code: CodeText


class DraftTopUp(Body):
    operator_id: OperatorId
    amount: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,5})?$")]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    recipient_phone: E164
    sender_phone: E164 | None = None
    client_reference: Reference | None = None


class ApproveOperation(Body):
    method: Literal["totp", "sms"]
    code: CodeText


class ReloadlyPhone(Body):
    countryCode: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$")]  # noqa: N815  Reloadly's name
    number: (
        Annotated[str, StringConstraints(min_length=4, max_length=32)]
        | Annotated[int, Field(gt=0, lt=10**15)]
    )


class TopUp(Body):
    """Reloadly's own body of a top-up; its SDKs write numbers where the documents write strings."""

    operatorId: OperatorId  # noqa: N815
    amount: Decimal | int
    useLocalAmount: bool = False  # noqa: N815
    recipientPhone: ReloadlyPhone  # noqa: N815
    senderPhone: ReloadlyPhone | None = None  # noqa: N815
    customIdentifier: Reference | None = None  # noqa: N815


def parse(kind: type[B], raw: dict[str, object]) -> B:
    """Return the body as its model. Raises BadRequest with a pointer to each thing that is wrong."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        errors = [
            {"pointer": "/" + "/".join(map(_escaped, one["loc"])), "detail": _words(one["type"])}
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise BadRequest(errors=errors) from None


def _escaped(part: object) -> str:
    """Write one part of a JSON pointer (RFC 6901 section 3)."""
    return str(part)[:64].replace("~", "~0").replace("/", "~1")


def _words(kind: str) -> str:
    return {"missing": "is missing", "extra_forbidden": "is unknown"}.get(kind, "has the wrong type or form")

"""Request bodies, named as in openapi.yaml: closed schemas, strict types."""

from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from service.model.errors import BadRequest

Token = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[0-9 .()-]{4,31}$")]
E164 = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{3,14}$")]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
CodeText = Annotated[str, StringConstraints(min_length=6, max_length=64)]
OperatorId = Annotated[int, Field(gt=0, lt=1_000_000_000)]


class Body(BaseModel):
    """A closed object: unknown members and loose types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


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
    device_name: Name | None = None


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
        Annotated[str, StringConstraints(pattern=r"^[+0-9 .()-]{4,32}$")]
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
    # What has nothing to say is left out: null is a type of its own, and no member has it.
    empty = [name for name, value in raw.items() if value is None]
    if empty:
        raise BadRequest(errors=[{"pointer": f"/{_escaped(name)}", "detail": "is null"} for name in empty])
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        wrong = {_pointer(raw, one["loc"]): _words(one["type"]) for one in found}
        errors = [{"pointer": pointer, "detail": words} for pointer, words in wrong.items()]
        raise BadRequest(errors=errors) from None


def _pointer(raw: object, location: tuple[int | str, ...]) -> str:
    """Write a JSON pointer (RFC 6901 section 3), as far as the location names members and not types."""
    pointer = ""
    for part in location:
        if not isinstance(raw, dict):
            break
        pointer, raw = f"{pointer}/{_escaped(part)}", raw.get(part)
    return pointer


def _escaped(part: object) -> str:
    return str(part)[:64].replace("~", "~0").replace("/", "~1")


def _words(kind: str) -> str:
    return {"missing": "is missing", "extra_forbidden": "is unknown"}.get(kind, "has the wrong type or form")

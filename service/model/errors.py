"""
Every refusal, as one tree; each has the stable code that clients read, and none knows a status.

GatewayError
├── NotAuthenticated     InvalidCredentials · InvalidToken · TokenReused · StaleAuthentication
├── NotProved            InvalidCode · ChallengeGone
├── NotAllowed           OperationNotListed · NoSuchThing · ApprovalRequired · AccountSuspended · SignUpClosed
│                        UpstreamNotFound
├── NotAcceptable        BadRequest · WeakPassword · BadPhoneNumber · CountryNotServed · BadAmount
│                        IdempotencyKeyMissing · IdempotencyKeyReused · CustomIdentifierUsed
│                        OperationClosed · QuoteChanged · TooManyWaiting · UpstreamRefused
├── TooManyAttempts      TooSoon · LimitReached
└── DependencyFailed     UpstreamUnavailable · UpstreamTimedOut · BadUpstreamAnswer · StoreUnavailable · Busy
"""

from collections.abc import Mapping, Sequence


class GatewayError(Exception):
    """The root; never raised itself."""

    code = "INTERNAL_ERROR"
    detail = "Something went wrong on our side."

    def __init__(self, detail: str | None = None, **members: object) -> None:
        self.message = detail or self.detail
        self.members: Mapping[str, object] = members
        super().__init__(self.message)


class NotAuthenticated(GatewayError):
    """The caller did not show who is calling."""


class InvalidCredentials(NotAuthenticated):
    """The same for an unknown number and for a wrong password."""

    code = "INVALID_CREDENTIALS"
    detail = "The phone number or the password is wrong."


class InvalidToken(NotAuthenticated):
    """No token, or one that is unknown, expired or revoked."""

    code = "INVALID_TOKEN"
    detail = "The access token is missing, expired or revoked. Refresh it, or log in again."


class TokenReused(NotAuthenticated):
    """A refresh token came back after it was rotated: the whole session ended."""

    code = "TOKEN_REUSED"
    detail = "This refresh token was used before, so the session has ended. Log in again."

    def __init__(self, session_id: str) -> None:
        super().__init__()
        self.session_id = session_id


class StaleAuthentication(NotAuthenticated):
    """The second factor of this session is too old for what was asked (RFC 9470)."""

    code = "STALE_AUTHENTICATION"
    detail = "Answer a second factor again first: POST /v1/reauthenticate."


class NotProved(GatewayError):
    """A second factor was asked for and not given."""


class InvalidCode(NotProved):
    """The code does not match, was used before, or its method is not one of this challenge's."""

    code = "INVALID_CODE"
    detail = "The code is wrong or was used before."

    def __init__(self, attempts_left: int | None = None) -> None:
        members: dict[str, object] = {} if attempts_left is None else {"attempts_left": attempts_left}
        super().__init__(None, **members)
        self.attempts_left = attempts_left


class ChallengeGone(NotProved):
    """Unknown, spent, expired, used up, or another's: all alike."""

    code = "CHALLENGE_GONE"
    detail = "This challenge is no longer open. Start again."


class NotAllowed(GatewayError):
    """Known caller, refused act."""


class OperationNotListed(NotAllowed):
    """The path or method is not in the catalogue."""

    code = "OPERATION_NOT_LISTED"
    detail = "This gateway does not offer that operation."


class NoSuchThing(NotAllowed):
    """Unknown, or another subscriber's: alike."""

    code = "NOT_FOUND"
    detail = "There is nothing here under that name."


class UpstreamNotFound(NotAllowed):
    """Reloadly has nothing under that name; carries Reloadly's own code."""

    code = "NOT_FOUND"
    detail = "There is nothing here under that name."

    def __init__(self, code: str, detail: str | None = None) -> None:
        super().__init__(detail)
        self.code = code


class ApprovalRequired(NotAllowed):
    """The money call was drafted; its challenge must be answered first."""

    code = "APPROVAL_REQUIRED"
    detail = "Approve this operation with a code first."


class AccountSuspended(NotAllowed):
    """An operator suspended this subscriber."""

    code = "ACCOUNT_SUSPENDED"
    detail = "This account is suspended. Contact support."


class SignUpClosed(NotAllowed):
    """Text messages are off, so nobody can prove a number."""

    code = "SIGN_UP_CLOSED"
    detail = "Sign-up is closed here. Ask the company to add you."


class NotAcceptable(GatewayError):
    """What was asked cannot be done as asked."""


class BadRequest(NotAcceptable):
    """The request breaks the contract; `errors` says where."""

    code = "BAD_REQUEST"
    detail = "The request does not follow the contract."

    def __init__(self, detail: str | None = None, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail, **({"errors": list(errors)} if errors else {}))


class WeakPassword(NotAcceptable):
    """The password policy refuses it."""

    code = "WEAK_PASSWORD"
    detail = "Choose another password."


class BadPhoneNumber(NotAcceptable):
    """Not a number that can be dialled."""

    code = "BAD_PHONE_NUMBER"
    detail = "This is not a phone number in international form, such as +50936377111."


class CountryNotServed(NotAcceptable):
    """Text messages do not go to that country."""

    code = "COUNTRY_NOT_SERVED"
    detail = "Numbers of that country are not served here."


class BadAmount(NotAcceptable):
    """Not an amount that this operator takes."""

    code = "BAD_AMOUNT"
    detail = "The operator does not take this amount."


class IdempotencyKeyMissing(NotAcceptable):
    """A money call without a key."""

    code = "IDEMPOTENCY_KEY_MISSING"
    detail = "Send an Idempotency-Key header, or a customIdentifier in the body."


class IdempotencyKeyReused(NotAcceptable):
    """The key stands for another request."""

    code = "IDEMPOTENCY_KEY_REUSED"
    detail = "This idempotency key was used with another body."


class CustomIdentifierUsed(NotAcceptable):
    """Reloadly's own code for an identifier that another key holds."""

    code = "CUSTOM_IDENTIFIER_ALREADY_USED"
    detail = "The customIdentifier was used by another operation."


class OperationClosed(NotAcceptable):
    """Cancelled or expired: a new attempt needs a new key."""

    code = "OPERATION_CLOSED"
    detail = "This operation is closed. Draft a new one with a new key."


class QuoteChanged(NotAcceptable):
    """The price moved between the draft and the approval."""

    code = "QUOTE_CHANGED"
    detail = "The price has changed since you read it. Draft it again."


class TooManyWaiting(NotAcceptable):
    """Three operations wait for approval already."""

    code = "TOO_MANY_WAITING"
    detail = "Approve or cancel an operation that is waiting first."


class UpstreamRefused(NotAcceptable):
    """Reloadly said no for certain; carries Reloadly's own code."""

    code = "UPSTREAM_REFUSED"
    detail = "The request was refused."

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class TooManyAttempts(GatewayError):
    """Slow down; carries `retry_after` in whole seconds."""

    code = "TOO_MANY_ATTEMPTS"
    detail = "Too many attempts. Wait before the next one."

    def __init__(self, retry_after: int) -> None:
        self.retry_after = max(1, retry_after)
        super().__init__(retry_after=self.retry_after)


class TooSoon(TooManyAttempts):
    """A text was asked for before the wait was over; nothing was sent."""

    code = "TOO_SOON"
    detail = "Wait before asking for another code."


class LimitReached(TooManyAttempts):
    """A request limit of the caller's own bucket."""

    code = "RATE_LIMIT_REACHED"
    detail = "Too many requests. Wait before the next one."


class DependencyFailed(GatewayError):
    """Something we need is away; carries `retry_after` where waiting helps."""

    retry_after = 5


class UpstreamUnavailable(DependencyFailed):
    """Reloadly cannot be reached or refuses to serve."""

    code = "UPSTREAM_UNAVAILABLE"
    detail = "The provider cannot be reached. Try again later."


class UpstreamTimedOut(DependencyFailed):
    """Reloadly did not answer in time."""

    code = "UPSTREAM_TIMED_OUT"
    detail = "The provider did not answer in time. Try again later."


class BadUpstreamAnswer(DependencyFailed):
    """Reloadly's answer was unreadable, too large or a redirect."""

    code = "BAD_UPSTREAM_ANSWER"
    detail = "The provider's answer could not be read."


class StoreUnavailable(DependencyFailed):
    """The SQL database is away."""

    code = "STORE_UNAVAILABLE"
    detail = "The service is short of a part it needs. Try again later."


class Busy(DependencyFailed):
    """A bounded lane is full; nothing was started."""

    code = "BUSY"
    detail = "The service is busy. Try again in a moment."
    retry_after = 2

"""What the audit keeps of every attempt: keyed pseudonyms and words of ours, no personal data."""

from dataclasses import dataclass
from enum import StrEnum

from service.model.challenge import Challenge
from service.model.operation import Operation
from service.model.session import Session


class Kind(StrEnum):
    """What was attempted."""

    SIGN_UP_STARTED = "sign_up.started"
    SUBSCRIBER_ADDED = "subscriber.added"
    LOG_IN_PASSWORD = "log_in.password"  # noqa: S105  a name, not a password
    CHALLENGE_OPENED = "challenge.opened"
    CODE_TRIED = "challenge.code_tried"
    TEXT_REQUESTED = "challenge.text_requested"
    TEXT_SENT = "text.sent"
    SESSION_OPENED = "session.opened"
    SESSION_REAUTHENTICATED = "session.reauthenticated"
    SESSION_ROTATED = "session.rotated"
    SESSION_ENDED = "session.ended"
    AUTHENTICATOR_BOUND = "authenticator.bound"
    AUTHENTICATOR_CONFIRMED = "authenticator.confirmed"
    OPERATION_DRAFTED = "operation.drafted"
    OPERATION_APPROVED = "operation.approved"
    OPERATION_SENDING = "operation.sending"
    OPERATION_SETTLED = "operation.settled"
    OPERATION_CLOSED = "operation.closed"
    OPERATION_LOOKED_UP = "operation.looked_up"
    ALARM = "alarm"


class Outcome(StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the audit; the store adds the time and the request id."""

    kind: Kind
    outcome: Outcome = Outcome.DONE
    reason: str | None = None
    subscriber_id: str | None = None
    session_id: str | None = None
    challenge_id: str | None = None
    operation_id: str | None = None


def about_challenge(kind: Kind, challenge: Challenge) -> Event:
    """Return the event of something that happened to a challenge."""
    return Event(
        kind,
        reason=challenge.purpose.value,
        subscriber_id=challenge.subscriber_id,
        session_id=challenge.session_id,
        challenge_id=challenge.challenge_id,
        operation_id=challenge.operation_id,
    )


def about_session(kind: Kind, session: Session, reason: str) -> Event:
    """Return the event of something that a session did, or that was done to it."""
    return Event(kind, reason=reason, subscriber_id=session.subscriber_id, session_id=session.session_id)


def about_operation(kind: Kind, operation: Operation, reason: str | None = None) -> Event:
    """Return the event of a step of an operation; it names the challenge while that is known."""
    return Event(
        kind,
        reason=reason,
        subscriber_id=operation.subscriber_id,
        session_id=operation.session_id,
        challenge_id=operation.challenge.challenge_id if operation.challenge else None,
        operation_id=operation.operation_id,
    )


def alarm(reason: str, operation_id: str | None = None) -> Event:
    """Return an event that a person should look at."""
    return Event(Kind.ALARM, Outcome.FAILED, reason=reason, operation_id=operation_id)

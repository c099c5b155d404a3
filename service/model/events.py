"""What the audit keeps of every attempt: keyed pseudonyms and words of ours, no personal data."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was attempted."""

    SIGN_UP_STARTED = "sign_up.started"
    SUBSCRIBER_ADDED = "subscriber.added"
    LOG_IN_PASSWORD = "log_in.password"  # noqa: S105  a name, not a password
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

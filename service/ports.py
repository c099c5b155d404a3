"""
What flows, and the parts behind them, may ask of the world: one Protocol each.

A verb is one atomic step on the other side and one transaction: it takes the effect,
the text to queue and the audit event together. Every `now` is an instant with a zone.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from service.model.authenticator import Authenticator, Proof
from service.model.catalogue import Call
from service.model.challenge import Challenge, Channel, Delivery
from service.model.events import Event
from service.model.operation import Cursor, Found, Key, Operation, Outcome, Status
from service.model.phone import PhoneNumber
from service.model.secret import Secret
from service.model.session import Issued, Session
from service.model.subscriber import Subscriber

T = TypeVar("T")


class Clock(Protocol):
    """The only source of the time."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        ...


class AccountStore(Protocol):
    """Subscribers, their authenticators, and the counters that slow guessing."""

    def by_phone(self, phone: PhoneNumber) -> Subscriber | None:
        """Return the subscriber with this number."""
        ...

    def by_id(self, subscriber_id: str) -> Subscriber | None:
        """Return the subscriber with this id."""
        ...

    def try_password(self, phone: PhoneNumber, now: datetime, free: int) -> None:
        """
        Count one password try for this number, known or not, before anything is compared.

        Raises TooManyAttempts, uncounted, while a wait lasts.
        """
        ...

    def forgive_password(self, phone: PhoneNumber) -> None:
        """Forget the number's wrong passwords after a right one."""
        ...

    def device(self, subscriber_id: str, device_token: Secret, now: datetime) -> str | None:
        """Return the id of this subscriber's device that holds the token, and note its use."""
        ...

    def replace_password_hash(self, subscriber_id: str, old: Secret, new: Secret) -> None:
        """Store a stronger hash of the same password, unless the password changed meanwhile."""
        ...

    def add_pending(self, subscriber_id: str, authenticator: Authenticator, event: Event) -> None:
        """Add an authenticator that waits for its first code; an older pending one of its kind goes."""
        ...

    def try_pending(self, authenticator_id: str, now: datetime) -> None:
        """Count one try at a pending authenticator, committed first. Raises InvalidCode."""
        ...

    def confirm(
        self, authenticator_id: str, step: int, session: Session, now: datetime, event: Event
    ) -> bool:
        """
        Make a pending authenticator active and burn its binding code; end the other sessions.

        Return False when it was not pending any more.
        """
        ...


class ChallengeStore(Protocol):
    """Open questions; the counts are committed before any comparison."""

    def open(self, challenge: Challenge, event: Event, password_hash: Secret | None = None) -> None:
        """
        Store a challenge; a sign-up carries the hash that its account will have.

        For `log_in` the oldest open ones of the subscriber beyond the allowed number are
        closed. Raises TooManyAttempts when even the oldest is too young to be replaced.
        """
        ...

    def find(self, challenge_id: str) -> Challenge | None:
        """Return a challenge, open or not."""
        ...

    def attempt(self, challenge: Challenge, authenticator_id: str | None, now: datetime, event: Event) -> int:
        """
        Count one try on the challenge and on the authenticator, in one transaction.

        Return the attempts left. Raises ChallengeGone, and TooManyAttempts while the
        authenticator waits, with nothing counted; InvalidCode, counted on the challenge,
        for an authenticator that is not active.
        """
        ...

    def uncount_streak(self, authenticator_id: str) -> None:
        """Take one count back: an honest repeat of a used TOTP step."""
        ...

    def request_text(self, challenge: Challenge, channel: Channel, now: datetime, event: Event) -> Challenge:
        """
        Queue the challenge's code for sending, once per wait and number.

        Raises TooSoon with the rest of the wait, and ChallengeGone.
        """
        ...

    def password_hash(self, challenge_id: str) -> Secret | None:
        """Return the hash a sign-up challenge carries."""
        ...


@dataclass(frozen=True, slots=True)
class QueuedText:
    """A text to send; the code itself is derived by the sender, in memory."""

    text_id: str
    challenge_id: str
    channel: Channel


class TextQueue(Protocol):
    """The outbox of texts. A claimed one is never sent again, whatever happened to the claimer."""

    def claim(self, now: datetime) -> QueuedText | None:
        """Take one queued text, for exactly one caller; what has become pointless is dropped."""
        ...

    def settle(
        self, text_id: str, delivery: Delivery, sid: str | None, now: datetime, event: Event
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class NewSubscriber:
    """The account that a right sign-up code creates, in the transaction that spends the challenge."""

    subscriber: Subscriber
    phone_authenticator_id: str


class SessionStore(Protocol):
    """Two-factor sessions."""

    def open(
        self,
        new: Issued,
        challenge_id: str,
        proof: Proof,
        now: datetime,
        event: Event,
        adds: NewSubscriber | None,
    ) -> None:
        """
        Spend the challenge, burn the step, forgive the streak and open the session, or nothing.

        Raises ChallengeGone when somebody else spent it (or took the number), InvalidCode
        when the step was burnt before. The oldest session beyond the allowed number ends.
        """
        ...

    def reauthenticate(
        self, new: Issued, challenge_id: str, proof: Proof, now: datetime, event: Event
    ) -> None:
        """Like `open`, for a session that exists: new tokens, a fresh second factor."""
        ...

    def find(self, access_token: Secret, now: datetime) -> Session | None:
        """Return the session of an access token; may be up to 30 s old: for catalogue reads only."""
        ...

    def confirm(self, access_token: Secret, now: datetime) -> Session | None:
        """Return the session of an access token from the truth."""
        ...

    def rotate(self, refresh_token: Secret, device_token: Secret | None, now: datetime) -> Issued:
        """
        Exchange a refresh token for its one successor.

        Raises InvalidToken for an unknown or expired one, TokenReused, which names the
        session it ended, when an old one comes back outside the grace.
        """
        ...

    def revoke(self, session_id: str, now: datetime, event: Event) -> None:
        """End a session; one that is over stays so."""
        ...

    def revoke_by_refresh(self, refresh_token: Secret, now: datetime, event: Event) -> str | None:
        """End the session of a refresh token; return its id if there was one to end."""
        ...

    def forget_cached(self, subscriber_id: str) -> None:
        """Drop what a cache holds of a subscriber whose sessions another store has ended."""
        ...


class TokenKey(Protocol):
    """Mints tokens and the only form in which they are stored."""

    def mint(self, prefix: str) -> Secret:
        """Return 256 random bits behind a prefix such as `gws_`, the key id inside."""
        ...

    def successor(self, session_id: str, generation: int, presented: Secret) -> Secret:
        """Return the refresh token that follows; the same every time it is asked."""
        ...

    def fingerprint(self, token: Secret) -> bytes:
        """Return the keyed hash under which a token is stored."""
        ...


class OperationStore(Protocol):
    """Money calls: one guarded transition per transaction."""

    def draft(self, operation: Operation, challenge: Challenge, event: Event) -> Operation:
        """
        Store a draft and its challenge, or return the operation that has the key already.

        Raises IdempotencyKeyReused for another body, CustomIdentifierUsed, TooManyWaiting.
        """
        ...

    def find(self, operation_id: str) -> Operation | None:
        """Return an operation, whoever's it is."""
        ...

    def find_by_key(self, subscriber_id: str, key: Key) -> Operation | None:
        """Return the operation that a key stands for."""
        ...

    def listed(self, subscriber_id: str, before: Cursor | None, limit: int) -> Sequence[Operation]:
        """Return a subscriber's operations, newest first."""
        ...

    def approve(self, operation: Operation, proof: Proof, now: datetime, event: Event) -> bool:
        """Spend the challenge, burn the step and move to `approved`; False when it no longer waited."""
        ...

    def begin_sending(self, operation_id: str, now: datetime, event: Event) -> bool:
        """Move to `sending`, committed before the first byte leaves; True for exactly one caller, ever."""
        ...

    def close(self, operation_id: str, status: Status, now: datetime, event: Event) -> bool:
        """Move an operation whose sending has not begun to `cancelled` or `expired`; False when it has."""
        ...

    def settle(self, operation_id: str, outcome: Outcome, now: datetime, event: Event) -> bool:
        """Store what became of it; False when a final word stood already."""
        ...


class Reconciliation(Protocol):
    """The operations whose fate is not known yet."""

    def claim_due(self, now: datetime) -> Operation | None:
        """Lease one operation whose look-up is due, so that one process of the fleet looks."""
        ...

    def note_look(
        self, operation: Operation, found: Found, next_look: datetime | None, now: datetime, event: Event
    ) -> None:
        """Store a look-up that decided nothing, and when to look next; None for never again."""
        ...

    def expire(self, now: datetime) -> None:
        """Expire what waited too long, and give approved ones that were never sent to the reconciler."""
        ...


class Seal(Protocol):
    """Authenticated encryption, bound to where the ciphertext lives."""

    def seal(self, plain: str, place: str) -> bytes:
        """Encrypt; `place` names table, column and row, such as `challenges.phone_sealed/42`."""
        ...

    def open(self, sealed: bytes, place: str) -> Secret:
        """Decrypt. Raises SealBroken for any other place, key or bit."""
        ...


class SealBroken(Exception):
    """A ciphertext that was not sealed by us for this place."""


class Index(Protocol):
    """A keyed hash that finds a row without telling what it hides."""

    def of(self, text: str) -> bytes:
        """Return 32 bytes, the same for the same text under one key."""
        ...


class PasswordHasher(Protocol):
    """Argon2id in a bounded lane."""

    def place(self) -> AbstractContextManager[None]:
        """
        Hold a place in the lane; what this thread hashes meanwhile needs no other.

        Raises Busy before anything was done: so a try that could not be judged was not counted.
        """
        ...

    def hash(self, password: Secret) -> Secret:
        """Raises Busy when the lane is full."""
        ...

    def verify(self, stored: Secret | None, password: Secret) -> bool:
        """Compare; with no stored hash a decoy costs the same and the answer is False. Raises Busy."""
        ...

    def needs_rehash(self, stored: Secret) -> bool:
        """Say whether the hash was made by another profile than today's."""
        ...


class PasscodeKey(Protocol):
    """The key that codes are derived from."""

    @property
    def current(self) -> int:
        """The id of the key for new challenges."""
        ...

    def derive(self, key_id: int, meaning: bytes) -> bytes:
        """Return 32 bytes from exactly this key. Raises KeyError for one that is retired."""
        ...


class SmsSender(Protocol):
    """Hands a text to the carrier."""

    def send(self, phone: PhoneNumber, body: str, channel: Channel) -> tuple[Delivery, str | None]:
        """Return how it went and the carrier's id; a refusal is a Delivery, not an exception."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """Reloadly's answer: status, parsed JSON (numbers as Decimal) or None when it was not JSON."""

    status: int
    body: object


class Upstream(Protocol):
    """Reloadly's product hosts."""

    def send(self, call: Call) -> Reply:
        """
        Make one call, at most twice on a token that was refused.

        Raises UpstreamUnavailable when certainly nothing was sent, UpstreamTimedOut and
        BadUpstreamAnswer when that is not certain.
        """
        ...


class TokenSource(Protocol):
    """The bearer token towards Reloadly, one per product for the whole fleet."""

    def token(self, product: str, until: float) -> Secret:
        """Wait until `until` at most, by the monotonic clock. Raises UpstreamUnavailable."""
        ...

    def refused(self, product: str, token: Secret, until: float) -> Secret:
        """Replace a token that Reloadly refused; one fetch however many callers ask."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A filtered catalogue answer as JSON text; `age` in seconds, `hit` when it came from the cache."""

    text: bytes
    age: int = 0
    hit: bool = False


class CatalogueReader(Protocol):
    """Catalogue reads, filtered; the cache is a wrapper around the real one."""

    def read(self, call: Call) -> Reading:
        """
        Return the permitted part of the answer.

        Raises UpstreamNotFound, UpstreamRefused, UpstreamUnavailable, UpstreamTimedOut and BadUpstreamAnswer.
        """
        ...


class SendLane(Protocol):
    """The bounded background lane in which purchases run on after the client was answered."""

    def run(self, subscriber_id: str, target: str, work: Callable[[], T], wait: float) -> T | None:
        """
        Run `work` on a thread of its own; return its result if it comes within `wait` seconds.

        Raises Busy before anything was started when the lane, the subscriber or the target is full.
        """
        ...


class AuditLog(Protocol):
    """Events that stand alone; those of a state change ride in its transaction."""

    def record(self, event: Event) -> None:
        """Store and log an event by itself."""
        ...


class Leases(Protocol):
    """Work that one process of the fleet does at a time."""

    def claim(self, name: str, owner: str, now: datetime, seconds: int) -> bool:
        """Take or renew a lease; say whether `owner` holds it now."""
        ...


class Health(Protocol):
    """What the probes ask."""

    def sql(self) -> bool:
        """Say within about a second whether the database answers."""
        ...

    def redis(self) -> bool:
        """Say within about a second whether Redis answers."""
        ...

"""Every number of the rules, in small groups; a value outside its range refuses to start."""

from dataclasses import Field, dataclass, fields
from datetime import timedelta
from typing import Annotated, Any, ClassVar, get_type_hints


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and the highest value that a setting may have."""

    low: int
    high: int


class Ranged:
    """Check every `Annotated[int, Range(...)]` field when the group is made."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self), include_extras=True)
        for field in fields(self):
            for limit in getattr(hints[field.name], "__metadata__", ()):
                _check(field.name, getattr(self, field.name), limit)


def _check(name: str, value: int, limit: Range) -> None:
    if not limit.low <= value <= limit.high:
        raise ValueError(f"{name} is {value}; it must lie between {limit.low} and {limit.high}")


@dataclass(frozen=True, slots=True)
class CodePolicy(Ranged):
    """One-time codes and the challenges they answer; times in seconds."""

    digits: Annotated[int, Range(6, 10)] = 6
    life: Annotated[int, Range(60, 600)] = 300
    tries: Annotated[int, Range(3, 10)] = 5
    totp_digits: Annotated[int, Range(6, 8)] = 6
    totp_period: Annotated[int, Range(30, 60)] = 30
    # RFC 4226 section 4, R6 asks for 128 bits at least and advises 160.
    totp_seed_bytes: Annotated[int, Range(20, 64)] = 20
    totp_setup_life: Annotated[int, Range(300, 3600)] = 900
    open_log_ins: Annotated[int, Range(1, 20)] = 5
    youngest_replaced: Annotated[int, Range(30, 300)] = 60

    RESEND_WAITS: ClassVar[tuple[int, ...]] = (30, 60, 120, 300, 600)

    @property
    def lifetime(self) -> timedelta:
        return timedelta(seconds=self.life)


@dataclass(frozen=True, slots=True)
class PasswordPolicy(Ranged):
    """What a password must be, and the Argon2id profile (RFC 9106 section 4, second option)."""

    shortest: Annotated[int, Range(8, 64)] = 12
    longest: Annotated[int, Range(64, 1024)] = 256
    most_bytes: Annotated[int, Range(256, 4096)] = 4096
    time_cost: Annotated[int, Range(2, 20)] = 3
    memory_kib: Annotated[int, Range(19_456, 2_097_152)] = 65_536
    parallelism: Annotated[int, Range(1, 16)] = 4
    # Measured: more hashes at once than cores only makes each of them slower.
    slots: Annotated[int, Range(0, 64)] = 0
    queue: Annotated[int, Range(1, 512)] = 16
    free_tries: Annotated[int, Range(2, 10)] = 4


@dataclass(frozen=True, slots=True)
class SessionPolicy(Ranged):
    """Lives of tokens, in seconds."""

    access_life: Annotated[int, Range(60, 900)] = 300
    idle_life: Annotated[int, Range(3600, 2_592_000)] = 604_800
    absolute_life: Annotated[int, Range(86_400, 7_776_000)] = 2_592_000
    fresh: Annotated[int, Range(60, 900)] = 300
    grace: Annotated[int, Range(0, 120)] = 60
    most: Annotated[int, Range(1, 20)] = 5
    cached: Annotated[int, Range(1, 30)] = 30
    cached_without_redis: Annotated[int, Range(1, 5)] = 5


@dataclass(frozen=True, slots=True)
class MoneyPolicy(Ranged):
    """Money calls; times in seconds."""

    approval_life: Annotated[int, Range(60, 600)] = 300
    waiting: Annotated[int, Range(1, 10)] = 3
    answer_within: Annotated[int, Range(2, 9)] = 7
    send_within: Annotated[int, Range(10, 60)] = 30
    first_byte_within: Annotated[int, Range(1, 10)] = 5
    read_timeout: Annotated[int, Range(10, 120)] = 90
    in_flight: Annotated[int, Range(1, 64)] = 8
    in_flight_per_operator: Annotated[int, Range(1, 16)] = 2
    quote_within: Annotated[int, Range(1, 5)] = 3
    drift_basis_points: Annotated[int, Range(0, 500)] = 50

    LOOK_UP_AFTER: ClassVar[tuple[int, ...]] = (5, 30, 120, 600, 1800, 3600)
    # A "not found" counts as evidence only this long after the send could have ended.
    NOT_FOUND_SETTLES_AFTER: ClassVar[int] = 1800
    NOT_FOUND_ANSWERS: ClassVar[int] = 3
    LATE_LOOKS: ClassVar[tuple[int, ...]] = (7200, 21_600, 86_400, 172_800)
    # Overdue states raise an alarm: undecided ones after two hours, accepted ones after 26.
    ALARM_UNCLEAR: ClassVar[int] = 7200
    ALARM_ACCEPTED: ClassVar[int] = 93_600


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """Request limits in flask-limiter's notation; SQL holds every cap that matters."""

    account: str = "30/minute;300/hour"
    session: str = "120/minute"
    catalogue: str = "300/minute"
    detect: str = "30/hour"
    money: str = "30/minute"


@dataclass(frozen=True, slots=True)
class SmsPolicy:
    """Where texts may go, and how they sign; no country means that texts are off."""

    countries: frozenset[str] = frozenset()
    service_name: str = "Gateway"
    # The domain of the origin-bound last line, `@example.com #123456`; none leaves the line out.
    domain: str | None = None

"""The time, and the ways the stand-ins write it."""

from datetime import UTC, datetime
from email.utils import format_datetime


def now() -> datetime:
    return datetime.now(UTC)


def plain(moment: datetime) -> str:
    """Write an instant as Reloadly's bodies do: UTC to the second, without a zone."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def spring(moment: datetime) -> str:
    """Write an instant as Spring's own error bodies do."""
    return moment.isoformat(timespec="milliseconds")


def rfc2822(moment: datetime) -> str:
    """Write an instant as Twilio's resources do."""
    return format_datetime(moment)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

"""How guessing at one subject is slowed: pure tables, applied in SQL before anything is compared."""

from datetime import timedelta

MINUTE = 60
HOUR = 3600

# Wrong codes in a row at one authenticator, over all challenges -> seconds until the next try.
STREAK_WAITS: dict[int, int] = {5: MINUTE, 10: 15 * MINUTE, 15: HOUR}
STREAK_DISABLES = 20

# Wrong passwords in a row from devices that nobody knows -> seconds until the next try.
_LANE_WAITS = (30, MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR)
LANE_LONGEST = len(_LANE_WAITS)
# A lane that was quiet for a week starts anew; while there is no recovery, none closes for good.
LANE_FORGETS = timedelta(days=7)


def lane_wait(failures: int, free: int) -> timedelta:
    """Return the wait that starts with failure number `failures`, the first `free` being free."""
    if failures < free:
        return timedelta(0)
    return timedelta(seconds=_LANE_WAITS[min(failures - free, len(_LANE_WAITS) - 1)])

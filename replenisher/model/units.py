"""Units: of time, in the nanoseconds in which everything here is counted, and of shares of a price."""

from datetime import UTC, datetime

US_NS = 1_000
MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 86_400 * SECOND_NS
NEVER_NS = 1 << 62  # later than every moment: of what is not due, and has no end

BPS = 10_000  # basis points that a price is


def moment(at: int) -> str:
    """A time in UTC: the second that it is in, as a clock would show it."""
    return f"{datetime.fromtimestamp(at // SECOND_NS, UTC):%Y-%m-%d %H:%M:%S}"

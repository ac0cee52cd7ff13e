"""Units: of time, in the nanoseconds in which everything here is counted, and of shares of a price."""

US_NS = 1_000
MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 86_400 * SECOND_NS
NEVER_NS = 1 << 62  # later than every moment: of what is not due, and has no end

BPS = 10_000  # basis points that a price is

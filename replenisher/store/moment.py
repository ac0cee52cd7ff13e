"""A moment: a time as it is written for an operator."""

from datetime import UTC, datetime

from replenisher.model.units import SECOND_NS


def moment(at: int) -> str:
    """A time in UTC: the second that it is in, as a clock would show it."""
    return f"{datetime.fromtimestamp(at // SECOND_NS, UTC):%Y-%m-%d %H:%M:%S}"

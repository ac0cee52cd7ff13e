"""What part of a recording or of a ledger an operator asks for: `--since TIME --until TIME`."""

from datetime import UTC, datetime

from replenisher.errors import UsageError
from replenisher.model.units import US_NS
from replenisher.store.period import Period

TIME_END = 1 << 63  # nanoseconds since the epoch: in 2262


def period_told(since: str | None, until: str | None) -> Period:
    """As it was written; each of both may be left out."""
    period = Period(_moment("--since", since), _moment("--until", until))
    if period.since is not None and period.is_over(period.since):
        raise UsageError(f"the command line: --since: {since} is not before --until {until}")
    return period


def _moment(option: str, text: str | None) -> int | None:
    """A time that an operator has written, UTC if nothing else is said."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"the command line: {option}: {text!r} is no time like 2026-01-31T13:45:00Z") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    at = round(moment.timestamp() * 1_000_000) * US_NS
    if not 0 <= at < TIME_END:
        raise UsageError(f"the command line: {option}: {text!r} is no time from 1970 to 2262")
    return at

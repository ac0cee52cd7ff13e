"""Trades that are told again: by a stream that was joined twice, or by recordings that were put together.

One that is told again is not another one: played twice it would fill twice what was ever traded.
"""

from replenisher.model.event import TradePrinted

KNOWN_MAX = 10_000  # of an instrument; what is told again comes soon after it was told

Print = tuple[str, int, int, int]  # a venue may count its trades anew one day, but not at the same time and price


class Repeats:
    """Knows the last trades of each instrument."""

    def __init__(self) -> None:
        self._known: dict[str, dict[Print, None]] = {}

    def has(self, trade: TradePrinted) -> bool:
        """Whether it was told before; one without an id cannot be known again."""
        if not trade.trade_id:
            return False
        known = self._known.setdefault(trade.instrument, {})
        told = (trade.trade_id, trade.venue_time, trade.price, trade.quantity)
        if told in known:
            return True
        known[told] = None
        if len(known) > KNOWN_MAX:
            del known[next(iter(known))]
        return False

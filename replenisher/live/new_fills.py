"""Which fills are new: a fill may be told any number of times, by this life and by earlier ones."""

from collections.abc import Iterable

from replenisher.core.account import Account, fill_key, remember
from replenisher.model.event import Event, OrderFilled, TradesReported


class NewFills:
    """Tells a fill that is new from one that was told before, in this life or an earlier one."""

    def __init__(self, account: Account) -> None:
        self._before = frozenset(account.remembered)
        self._since: dict[str, None] = {}

    def among(self, events: Iterable[Event]) -> list[OrderFilled]:
        """The fills that these facts tell for the first time."""
        new: list[OrderFilled] = []
        for event in events:
            if isinstance(event, OrderFilled | TradesReported):
                told = (event,) if isinstance(event, OrderFilled) else event.fills
                new += [fill for fill in told if self._is_new(fill)]
        return new

    def _is_new(self, fill: OrderFilled) -> bool:
        key = fill_key(fill)
        if key in self._since or key in self._before:
            return False
        remember(self._since, key)
        return True

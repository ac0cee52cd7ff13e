"""Which of the venue's orders are ours, and under which name: executions often carry only the venue's own id."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from replenisher.venues.ccxt.exchanges import Traits, name_in


class Names:
    """Both directions, as learned from replies, streams and answers; the oldest are forgotten first."""

    REMEMBERED_MAX = 10_000

    def __init__(self, traits: Traits, is_ours: Callable[[str], bool]) -> None:
        self.is_ours = is_ours
        self._traits = traits
        self._name_of: OrderedDict[str, str] = OrderedDict()
        self._id_of: dict[str, str] = {}

    def learn(self, venue_order_id: str, name: str) -> None:
        """The venue knows our order `name` under this id."""
        if not venue_order_id or self._name_of.get(venue_order_id) == name:
            return
        self._name_of[venue_order_id] = name
        self._id_of[name] = venue_order_id
        if len(self._name_of) > self.REMEMBERED_MAX:
            _, forgotten = self._name_of.popitem(last=False)
            self._id_of.pop(forgotten, None)

    def id_of(self, name: str) -> str:
        """The venue's id of our order; empty if it has not told us."""
        return self._id_of.get(name, "")

    def of_order(self, order: Mapping[str, Any]) -> str:
        """The name of an order, ours or a stranger's; empty if it has none. One of ours is remembered."""
        venue_order_id = str(order.get("id") or "")
        known = self._name_of.get(venue_order_id)  # a later report may call it otherwise
        name = known or name_in(order, self._traits.name_paths, self._traits.name_prefix)
        if self.is_ours(name):
            self.learn(venue_order_id, name)
        return name

    def of_trade(self, trade: Mapping[str, Any]) -> str:
        """Our name of the order that was executed; empty if it is not known to be ours."""
        venue_order_id = str(trade.get("order") or "")
        name = self._name_of.get(venue_order_id) or name_in(
            trade, self._traits.trade_name_paths, self._traits.name_prefix
        )
        if not self.is_ours(name):
            return ""
        self.learn(venue_order_id, name)
        return name

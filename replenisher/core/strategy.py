"""The strategy port: what a strategy is shown, and what it answers.

A strategy is a frozen value with one method, `quote(view)`. It sees the market without our own orders, and its own
inventory; it returns what it would like to show and the numbers that led there. Whether that may be shown, and which
commands bring it about, is not its business.

Its answer depends on the view and on nothing else. While market, signals and inventory stay as they are it is not
asked again, unless it says `looks_again_s`: then time alone may change its mind. One that says `heeds_trades = False`,
or has a `fair_value` and does not say `True`, is shown no trades, and is not asked for their sake. One that says
`heeds_sizes = False` is not asked where nothing but the sizes at the touch has changed, and may be shown older ones.
One that has `signals`, by names of its own, is shown their values, and is not asked while one of them is not known.
Where its `fair_value` goes by prices from elsewhere (`prices.py`), it is shown those that are fresh, and its answer is
completed by that (`FairValue.completed`).

One that says `chain` (`model/mandate.py`), how its prices follow from its terms, can be explained link by link.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from replenisher.core.book import Touch
from replenisher.model.instrument import Instrument
from replenisher.model.step import Quote


class Nonsense(Exception):
    """An answer of a strategy that means nothing on any market; the operator is told what is wrong with it."""


class View(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The market and our stake in it, at one moment."""

    at: int  # session time
    instrument: Instrument
    touch: Touch  # the others' best bid and ask
    last_trade: int | None  # ticks; None also for a strategy that does not heed it
    inventory: Decimal  # of this strategy, in the wire amount, negative is short
    entry_price: float | None = None  # what that inventory was entered at, on average; None when flat
    available: Decimal | None = None  # to sell, in the wire amount: the account's base currency; None but for spot
    last_fill_price: float | None = None  # of this strategy's last fill on the instrument
    signals: Mapping[str, float] = {}  # by the strategy's own names
    prices: Mapping[str, float] = {}  # from elsewhere, by the names of its fair value; what is too old is left out


class Quotes(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A strategy's answer. Level 0 of a side is nearest to the touch; every (side, level) occurs once."""

    fair_value: float | None  # in price units; None with no quotes when there is nothing to go by
    quotes: tuple[Quote, ...]
    terms: dict[str, float]  # every number used, by name, so that a quote can be explained later
    reason: str = ""  # why there are fewer quotes than usual, or none, where that can be said


NO_QUOTES = Quotes(fair_value=None, quotes=(), terms={})


class Strategy(Protocol):
    """An opinion about where liquidity should stand."""

    def quote(self, view: View) -> Quotes:
        """What this strategy would like to show now."""

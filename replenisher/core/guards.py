"""The guards: what a strategy's own caution takes from its wishes, before the limits judge what is left.

Each is off unless it is configured. They change wishes and nothing else, so what they do not speak of stays as it is.

- *Min profit*: no quote stands closer to fair value than the maker fee and the profit that is wanted. One that would is
  moved out; of those that would meet there the first one stays. Nor is an order closer that is as good as in its place.
- *Toxicity*: the refill of a level whose fills lose, or come in clusters, stands further out, comes later or does not
  come (`toxicity.py`). To top up an order that was partly filled is a refill, too. No other level notices.
- *Hanging*: once the order opposite to it was filled, an order stays where it is while the ladder moves, so that the
  pair is closed at the profit it was quoted for: until it is further than `hanging_pct` from fair value, too old, or
  closer than min profit allows.
- *Queue value*: an order that the ladder would move by a little stays if its place in the queue is worth no less than
  a new one (`queue_value.py`).
- *Daily volume*: what was traded on a side since midnight UTC and all that is wanted there stay within the cap
  together. A fill that overtakes the cancel of its order may exceed it, by no more than that order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

import msgspec

from replenisher.core.book import Book
from replenisher.core.orders import Order
from replenisher.core.queue_value import QueuePolicy, Queues
from replenisher.core.toxicity import Response, Toxicity, ToxicityPolicy
from replenisher.model.instrument import Instrument
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.step import Cut, Quote
from replenisher.model.units import BPS

BY_SLOT = attrgetter("side", "level")
MIN_PROFIT = "min_profit_bps"
CAPS = {BUY: "max_daily_buy_quote", SELL: "max_daily_sell_quote"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What one strategy guards itself with."""

    closest_bps: float | None = None  # the maker fee and the profit that is wanted
    maker_fee_bps: float | None = None  # of it, as it is configured
    hanging_pct: float | None = None  # how far from fair value an order may hang
    queue: QueuePolicy | None = None
    toxicity: ToxicityPolicy | None = None
    max_daily_buy_quote: Decimal | None = None
    max_daily_sell_quote: Decimal | None = None

    @property
    def has_caps(self) -> bool:
        """Whether a day's volume matters."""
        return self.max_daily_buy_quote is not None or self.max_daily_sell_quote is not None

    def cap(self, side: Side) -> Decimal | None:
        """What may be traded on one side in a day."""
        return self.max_daily_buy_quote if side is BUY else self.max_daily_sell_quote


def without_toxic(
    quotes: Sequence[Quote],
    instrument: Instrument,
    orders: Sequence[Order],
    toxicity: Toxicity,
    toxic: dict[tuple[Side, int], str],
    cuts: list[Cut],
    at: int,
) -> Iterator[Quote]:
    """The quotes with those of toxic levels further out, or without what would refill these."""
    living = {(order.side, order.level): order for order in orders}
    for quote in quotes:
        key = (quote.side, quote.level)
        if key not in toxic:
            yield quote
        elif toxicity.policy.response is Response.WIDEN:
            away = quote.side.sign * toxicity.policy.widen_bps / BPS
            price = instrument.round_price(quote.side, quote.price * instrument.tick_float * (1 - away))
            wider = msgspec.structs.replace(quote, price=price)
            cuts.append(Cut.leaving(wider, toxic_reason(toxicity, key, toxic[key])))
            yield wider
        elif not toxicity.holds(*key, at):
            yield quote
        elif (order := living.get(key)) is None:
            cuts.append(Cut.all_of(quote, toxic_reason(toxicity, key, toxic[key])))
        elif 0 < order.remaining < quote.quantity and order.filled_lots:
            left = msgspec.structs.replace(quote, quantity=order.remaining)  # it is not topped up
            cuts.append(Cut.leaving(left, toxic_reason(toxicity, key, toxic[key])))
            yield left
        else:
            yield quote


def in_their_places(
    quotes: Sequence[Quote],
    fair_ticks: float,
    orders: Mapping[tuple[Side, int], Order],
    queues: Queues,
    book: Book,
    cuts: list[Cut],
    at: int,
) -> Iterator[Quote]:
    """The quotes, at the prices of orders whose places are worth keeping."""
    for quote in quotes:
        order = orders.get((quote.side, quote.level))
        if order is not None and queues.keeps(order, quote.price, fair_ticks, book, at):
            left = msgspec.structs.replace(quote, price=order.price)
            cuts.append(Cut.leaving(left, f"{quote.side} {quote.level} keeps its place"))
            yield left
        else:
            yield quote


def toxic_reason(toxicity: Toxicity, key: tuple[Side, int], why: str) -> str:
    """What follows for a toxic level, and why."""
    side, level = key
    return f"toxicity, {toxicity.policy.response} {side} {level}: {why}"


def within(
    quotes: Sequence[Quote], instrument: Instrument, side: Side, left_quote: Decimal, cuts: list[Cut]
) -> list[Quote]:
    """As many quotes of a side, from the first one outwards, as are worth no more than is left of a cap."""
    kept: list[Quote] = []
    is_over = False
    for quote in quotes:
        if quote.side is side:
            left_quote -= instrument.notional_quote(instrument.amount(quote.quantity), instrument.price(quote.price))
            is_over = is_over or left_quote < 0
            if is_over:
                cuts.append(Cut.all_of(quote, CAPS[side]))
                continue
        kept.append(quote)
    return kept

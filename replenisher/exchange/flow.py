"""The orders of everybody else: a zero-intelligence order flow, and some takers who know better.

Theory. Limit orders, cancels and market orders arrive as independent Poisson processes (R. Cont, S. Stoikov and
R. Talreja, "A stochastic model for order book dynamics", Operations Research 58(3), 2010): on each side, limit orders
at `i` steps from the best price of the other side at the rate `limit(i)`, each resting order is cancelled at the rate
`cancel(i)` of its distance, and takers come at the rate `market`. Such a book has a lively spread and depth, but no
idea of what the instrument is worth.

So there is an efficient price as well. It jumps up or down by `jump_bps`, at random times. A share of the takers is
informed: they look at it, and if it lies beyond the touch they take all there is up to it and nothing beyond it;
otherwise they do nothing. The book follows the efficient price through them alone: a gap between the two lasts until
informed takers have eaten what lies in between, and because limit orders arrive relative to the best price of the
other side, what they ate is not put back where it was. This is also what makes resting orders lose on average after an
informed fill.

Prices of these agents lie on a grid of their own, `step_ticks` ticks wide, so that a book of few levels covers many
ticks. All orders meet in the one book in which clients rest; the agents see clients' orders like any other.

Nobody takes at any price. An uninformed taker goes as far as agents rest, which is the farthest distance from the best
price of his own side, and what is left of his order then is not traded. So an order of a client's that waits beyond all
agents is reached only if the efficient price comes to it, or the book does.

A side that was eaten whole would have no price for the other to go by, and the book would die. So there is a reservoir:
whoever leaves no agent on a side finds one more order at the farthest distance, also where a client rests behind it.

Time in the model runs in minutes; `minutes_per_second` says how many of them pass in one second of ours. Events are
drawn by thinning: cancels at the largest rate, of which the surplus comes to nothing.
"""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from math import exp, log, pow
from typing import Protocol

from replenisher.exchange.matching import Book, Match
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.units import BPS

NANOSECONDS = 1_000_000_000
EVERYTHING = 10**9  # lots
SIDES = (BUY, SELL)


class RandomSource(Protocol):
    """Where chance comes from; `random.Random(seed)` is one."""

    def random(self) -> float:
        """A number from 0 up to but not including 1."""


@dataclass(frozen=True, slots=True)
class FlowRates:
    """Rates per minute of the model and side; distances count steps from the best price of the other side."""

    limit_near: tuple[float, ...]  # of limit orders at distance 1, 2, ...
    limit_scale: float  # beyond those: scale / distance ** power
    limit_power: float
    cancel: tuple[float, ...]  # of each resting order at distance 1, 2, ...; the last one holds beyond
    market: float

    def limit(self, distance: int) -> float:
        """The rate at which limit orders arrive at a distance."""
        if distance <= len(self.limit_near):
            return self.limit_near[distance - 1]
        return self.limit_scale / pow(distance, self.limit_power)


# As estimated for Sky Perfect Communications in the paper named above.
SKY_PERFECT = FlowRates(
    limit_near=(1.85, 1.51, 1.09, 0.88, 0.77),
    limit_scale=1.92,
    limit_power=0.52,
    cancel=(0.71, 0.81, 0.68, 0.56, 0.47),
    market=0.94,
)


@dataclass(frozen=True, slots=True)
class SyntheticSettings:
    """How lively the synthetic market is. The defaults make a paper market that eats a ladder some bps from mid."""

    rates: FlowRates = SKY_PERFECT
    start_price_ticks: int = 120_000
    step_ticks: int = 18  # of the agents' price grid, in ticks of the instrument
    levels: int = 24  # distances at which limit orders arrive
    minutes_per_second: float = 3.0  # of the model, per second of ours
    maker_lots: tuple[int, int] = (1, 500)  # smallest and largest size of a limit order; its logarithm is uniform
    taker_lots: tuple[int, int] = (1, 1200)  # of an uninformed taker; the informed take all there is up to their price
    informed_share: float = 0.25  # of the takers
    jump_bps: float = 6.0  # of the efficient price
    jumps_per_minute: float = 0.25
    warm_up_minutes: float = 60.0  # of the model, before anybody looks

    def __post_init__(self) -> None:
        assert self.levels >= 10, "a book of fewer levels may lose a whole side"
        assert 0 <= self.informed_share <= 1, "a share is a part of one"


class OrderFlow:
    """Acts on a book, one event at a time."""

    def __init__(self, book: Book, settings: SyntheticSettings, random: RandomSource, at: int) -> None:
        self.next_at = at
        self.efficient_price = float(settings.start_price_ticks)  # in ticks
        self._book = book
        self._settings = settings
        self._random = random.random
        self._agents: list[str] = []  # their orders; some may be filled already
        self._number = 0
        rates = settings.rates
        self._limit_sums = list(accumulate(rates.limit(distance) for distance in range(1, settings.levels + 1)))
        self._limit_rate, self._market_rate = 2 * self._limit_sums[-1], 2 * rates.market
        self._cancel_max = max(rates.cancel)
        self._reach = settings.levels * settings.step_ticks  # how far from the other side's best price agents rest
        # Of all that happens whatever rests; what is canceled depends on how much that is.
        self._steady_rate = self._limit_rate + self._market_rate + settings.jumps_per_minute
        self._seed_book()
        self._run_warm(settings.warm_up_minutes)
        self.next_at = at
        self._schedule()

    def act(self) -> list[Match]:
        """Do what is due at `next_at`, and draw when the next event is."""
        self._fill_reservoirs()  # clients may have taken a side since
        matches = self._act()
        self._fill_reservoirs()
        self._schedule()
        return matches

    def _fill_reservoirs(self) -> None:
        """One order at the farthest distance on a side where no agent is left; nothing in a book that looks usual."""
        bid, ask = self._book.bids.best, self._book.asks.best
        if bid is not None and ask is not None and ask - bid <= self._reach:
            return
        settings = self._settings
        present = {order.side for order in map(self._book.order, self._agents) if order is not None}
        worth = int(self.efficient_price) // settings.step_ticks
        for side in SIDES:
            if side in present:
                continue
            price = self._price_at(side, settings.levels)
            if not present:  # then what rests on the other side is no price to go by either
                around_worth = (worth - side.sign * settings.levels) * settings.step_ticks
                price = min(price, around_worth, key=side.sign.__mul__)
            self._rest(side, price)

    def _act(self) -> list[Match]:
        """One event, drawn in proportion to the rates."""
        draw = self._random() * self._total_rate()
        if draw < self._limit_rate:
            self._place_limit(SIDES[draw < self._limit_rate / 2])
            return []
        draw -= self._limit_rate
        if draw < self._market_rate:
            return self._take(SIDES[draw < self._market_rate / 2])
        draw -= self._market_rate
        settings = self._settings
        if draw < settings.jumps_per_minute:
            sign = 1 if draw < settings.jumps_per_minute / 2 else -1
            self.efficient_price *= 1 + sign * settings.jump_bps / BPS
            return []
        self._cancel_one()
        return []

    def _total_rate(self) -> float:
        return self._steady_rate + self._cancel_max * len(self._agents)

    def _schedule(self) -> None:
        minutes = -log(1 - self._random()) / self._total_rate()
        self.next_at += max(1, round(minutes / self._settings.minutes_per_second * NANOSECONDS))

    def _place_limit(self, side: Side) -> None:
        distance = 1 + bisect_left(self._limit_sums, self._random() * self._limit_sums[-1])
        self._rest(side, self._price_at(side, distance))

    def _rest(self, side: Side, price: int) -> None:
        """An agent's limit order."""
        lots = self._size(self._settings.maker_lots)
        if price <= 0:
            return
        order_id = self._next_id()
        self._agents.append(order_id)
        self._book.place(order_id, side, price, lots, rests=True)

    def _price_at(self, side: Side, distance: int) -> int:
        """The price of the grid that is so many steps from the best price of the other side."""
        step = self._settings.step_ticks
        opposite = self._reference(side.opposite)
        nearest = (opposite - 1) // step if side is BUY else opposite // step + 1
        return (nearest - side.sign * (distance - 1)) * step

    def _take(self, side: Side) -> list[Match]:
        """An order that takes as far as agents rest, or that of an informed taker, who has a mind of his own."""
        if self._random() < self._settings.informed_share:
            limit = int(self.efficient_price)
            ask, bid = self._book.asks.best, self._book.bids.best
            if ask is not None and ask < limit:
                side = BUY
            elif bid is not None and bid > limit:
                side = SELL
            else:
                return []
            lots = EVERYTHING
        else:
            limit = self._price_at(side.opposite, self._settings.levels)
            lots = self._size(self._settings.taker_lots)
        return self._book.place(self._next_id(), side, limit, lots, rests=False)

    def _cancel_one(self) -> None:
        """Pick any agent's order, and cancel it with the odds of its distance."""
        index = int(self._random() * len(self._agents))
        order = self._book.order(self._agents[index])
        if order is not None:
            step, cancel = self._settings.step_ticks, self._settings.rates.cancel
            gap = (self._reference(order.side.opposite) - order.price) * order.side.sign
            distance = min((gap + step - 1) // step, len(cancel))
            if self._random() * self._cancel_max >= cancel[max(distance, 1) - 1]:
                return
            self._book.cancel(order.order_id)
        # It is gone, now or (filled) for some time already: the last one takes its place in the list.
        last = self._agents.pop()
        if index < len(self._agents):
            self._agents[index] = last

    def _reference(self, side: Side) -> int:
        """The best price of a side; if nothing rests there, the efficient price."""
        best = self._book.bids.best if side is BUY else self._book.asks.best
        return int(self.efficient_price) if best is None else best

    def _size(self, lots: tuple[int, int]) -> int:
        """A size whose logarithm is uniform: many small ones, a few large ones."""
        smallest, largest = lots
        if smallest == largest:
            return smallest
        return int(smallest * exp(self._random() * log((largest + 1) / smallest)))

    def _next_id(self) -> str:
        self._number += 1
        return f"agent-{self._number}"

    def _seed_book(self) -> None:
        """About the book's usual depth, so that the warm-up begins near where it ends."""
        rates, step = self._settings.rates, self._settings.step_ticks
        for distance in range(1, self._settings.levels + 1):
            usual = rates.limit(distance) / rates.cancel[min(distance, len(rates.cancel)) - 1]
            for side in SIDES:
                price = (self._settings.start_price_ticks // step - side.sign * distance) * step
                for _ in range(max(1, round(usual))):
                    self._rest(side, price)

    def _run_warm(self, minutes: float) -> None:
        end = self.next_at + round(minutes / self._settings.minutes_per_second * NANOSECONDS)
        while self.next_at < end:
            self.act()

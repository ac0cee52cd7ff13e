"""What an instrument is worth while nobody trades it: its index, its mark, and what funding follows from the two.

Theory. The index is the price elsewhere. A market that knows one says so, and it is published once a second, as one
made of several exchanges is. Where none is known (most recordings have books and trades alone) the middle of the book
stands in for it; then the mark is the index and funding is zero.

The mark is the index plus the basis: the exponential mean, over 30 seconds, of what the middle of the book is above the
index. It stays within half a percent of the index, whatever the book does. This is how Deribit marks its perpetuals.

The premium is (mark - index) / index. What of it lies beyond 0.025 % is the funding rate of eight hours, at most half a
percent: longs pay it to shorts where it is positive. Where the operator has set a rate, that one is in force.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from math import exp

from replenisher.exchange.funding import Funding
from replenisher.exchange.market import Market
from replenisher.model.order import BUY, SELL
from replenisher.model.units import SECOND_NS

BASIS_NS = 30 * SECOND_NS
INDEX_NS = SECOND_NS  # how often an index is published
MARK_BAND = 0.005  # of the index
FUNDING_FREE = 0.00025  # of the premium
FUNDING_8H_MAX = 0.005


class Marking:
    """The index and the mark of one market. It is told the time after everything that moves that market."""

    def __init__(self, market: Market, at: int, funding_8h: Decimal | None = None) -> None:
        self._market = market
        self._fixed_funding_8h = funding_8h
        self._tick = float(market.instrument.tick)
        self._grid = Decimal(1).scaleb(market.instrument.tick.adjusted() - 1)  # a digit finer than orders
        self._at = at
        self._priced: tuple[float, Decimal] = 0.0, Decimal(0).quantize(self._grid)  # what was asked for last
        self._middle = self._known_middle(0.0)
        self._index, self._published_at = self._elsewhere(), at
        self._basis = self._middle - self._index  # ticks, as are the two it is made of
        self._funding = Funding(self.funding_8h(at), self.index, at)

    def observe(self, at: int) -> None:
        """Look at the market as it stands now; until now it stood as it did at the last look."""
        if self._market.index is None and not self._basis:
            self._follow(at)
            return
        self._basis, self._at = self._basis_at(at), max(at, self._at)
        self._middle = self._known_middle(self._middle)
        if self._market.index is None or at - self._published_at >= INDEX_NS:
            self._index, self._published_at = self._elsewhere(), at
        self._funding.observe(self.funding_8h(at), self.index, at)

    def _follow(self, at: int) -> None:
        """The index is the middle and always was, so there is no basis, and the rate does not move.

        Then funding need not be told of every move: of an hour it remembers the index with which that ends.
        """
        if at >= self._funding.hour_ends:
            self._funding.observe(self.funding_8h(at), self.index, at)
        if at > self._at:
            self._at = at
        self._middle = self._index = self._known_middle(self._middle)

    @property
    def index(self) -> Decimal:
        """The price elsewhere; zero while nothing was ever known."""
        return self._price(self._index)

    @property
    def funding(self) -> Funding:
        """What funding came to, up to the last look."""
        self._funding.observe(self.funding_8h(self._at), self.index, self._at)
        return self._funding

    def mark(self, at: int) -> Decimal:
        """What positions are valued at; zero while nothing was ever known."""
        return self._price(self._index + self._basis_within_band(at))

    def funding_8h(self, at: int) -> float:
        """What longs would pay to shorts for eight hours like this moment, as a fraction of their position."""
        if self._fixed_funding_8h is not None:
            return float(self._fixed_funding_8h)
        if not self._index:
            return 0.0
        premium = self._basis_within_band(at) / self._index
        beyond = premium - min(max(premium, -FUNDING_FREE), FUNDING_FREE)
        return min(max(beyond, -FUNDING_8H_MAX), FUNDING_8H_MAX)

    def _basis_at(self, at: int) -> float:
        if at <= self._at:
            return self._basis
        gap = self._middle - self._index
        return gap + (self._basis - gap) * exp((self._at - at) / BASIS_NS)

    def _basis_within_band(self, at: int) -> float:
        band = MARK_BAND * self._index
        return min(max(self._basis_at(at), -band), band)

    def _known_middle(self, before: float) -> float:
        """The middle of the book, or the one side it has; what was known before, while it is empty."""
        bid, ask = self._market.best(BUY), self._market.best(SELL)
        if bid is not None and ask is not None:
            return (bid + ask) / 2
        known = ask if bid is None else bid
        return before if known is None else float(known)

    def _elsewhere(self) -> float:
        """What is published as the index, in ticks."""
        elsewhere = self._market.index
        return self._middle if elsewhere is None else elsewhere

    def _price(self, ticks: float) -> Decimal:
        if ticks != self._priced[0]:
            self._priced = ticks, Decimal(ticks * self._tick).quantize(self._grid, ROUND_HALF_EVEN)
        return self._priced[1]

"""Elsewhere: what is known of the prices that a fair value goes by besides the quoted book, and how fresh it is.

What nobody goes by is not kept, and costs nothing. Of a book that is followed only the middle is asked, and only when
somebody who goes by it is looked at.
"""

from replenisher.core.prices import Of, Prices, PriceSpec, Told
from replenisher.core.setup import StrategySetup
from replenisher.core.state import State
from replenisher.model.event import PriceTold, TickerTold, TradePrinted
from replenisher.model.instrument import venue_of

NO_PRICES: Prices = {}


def fresh_prices(state: State, setup: StrategySetup, at: int) -> Prices:
    """Of the prices that a strategy goes by those that are not too old, by its own names."""
    if not setup.prices:
        return NO_PRICES
    fresh: dict[str, float] = {}
    for name, spec in setup.prices.items():
        told = _told(state, spec)
        if told is not None and at - told.as_of <= spec.max_age_ns:
            fresh[name] = told.price
    return fresh


def next_expiry(state: State, setup: StrategySetup, at: int) -> int | None:
    """The session time at which the first of those will be too old."""
    specs = setup.prices.values()
    ends = [told.as_of + spec.max_age_ns for spec in specs if (told := _told(state, spec)) is not None]
    return min((end + 1 for end in ends if end >= at), default=None)


def apply_ticker(state: State, event: TickerTold) -> None:
    """A venue says what an instrument is worth: three prices at most."""
    key = event.instrument
    as_of = _as_of(state, venue_of(key), event.at, event.venue_time)
    for of, price in ((Of.INDEX, event.index), (Of.MARK, event.mark), (Of.FUNDING, event.funding_8h)):
        if price is not None:
            _take(state, PriceSpec(of, key, 0).source, Told(price, as_of))


def apply_trade(state: State, event: TradePrinted) -> None:
    """Others have traded."""
    key = event.instrument
    if (instrument := state.instruments.get(key)) is not None:
        as_of = _as_of(state, instrument.venue, event.at, event.venue_time)
        _take(state, PriceSpec(Of.LAST, key, 0).source, Told(event.price * instrument.tick_float, as_of))


def apply_price(state: State, event: PriceTold) -> None:
    """An HTTP source has answered; it has no clock that we know, so the price is as old as the question."""
    _take(state, PriceSpec(Of.HTTP, event.source, 0).source, Told(event.price, event.asked_at))


def look_at_followers(state: State, source: str) -> None:
    """A price may be another one now: note that whoever is quoted by it is to be looked at."""
    for instrument in state.setup.followers.get(source, ()):
        state.look_at(instrument)


def _take(state: State, source: str, told: Told) -> None:
    if source in state.setup.followers:
        state.told[source] = told
        look_at_followers(state, source)


def _told(state: State, spec: PriceSpec) -> Told | None:
    return _mid_of(state, spec.name) if spec.of is Of.MID else state.told.get(spec.source)


def _mid_of(state: State, key: str) -> Told | None:
    """The middle between the others' best bid and ask; None where there is no trusted book, or nothing trades."""
    book, touch, instrument = state.books.get(key), state.touches.get(key), state.instruments.get(key)
    if book is None or touch is None or instrument is None:
        return None
    if book.distrust or book.is_crossed or key in state.closed:
        return None
    moved_at = book.venue_time if book.has_moved else 0
    as_of = _as_of(state, instrument.venue, book.heard_at, moved_at)
    return Told((touch.bid + touch.ask) / 2 * instrument.tick_float, as_of)


def _as_of(state: State, venue: str, at: int, venue_time: int) -> int:
    """When something was so that was heard at `at`: when its venue says, if that is before and its clock is known."""
    offset_ns = state.clock_offsets_ns.get(venue)
    return at if offset_ns is None or not venue_time else min(at, venue_time - offset_ns)

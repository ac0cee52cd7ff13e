"""A strategy's levels, held against a real market: what ticks, lots, minimums, bands, limits and funds leave of them.

The strategy itself is asked what it would show, once on the venue's grid and once on one a thousand times finer. What
the two answers differ by is what the grid takes away, whatever the strategy's idea is.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from replenisher.core.book import Touch
from replenisher.core.risk import Bound, Limits, Stake, permit
from replenisher.core.setup import StrategySetup
from replenisher.core.strategy import Strategy, View
from replenisher.model.instrument import AmountUnit, Instrument, TickStep
from replenisher.model.order import Side
from replenisher.model.step import Quote
from replenisher.venues.doctor import Answers, Finding, Light, Listing, Unanswered, number

FINER = 1_000
ROUNDED_MAX = Decimal("0.05")  # of a size, lost to whole lots, before somebody should know
NOTHING_ELSE = Decimal("Infinity")  # cash that is not told does not limit; that it is not told is another finding
ZERO = Decimal(0)

Key = tuple[Side, int]
Levels = Mapping[Key, Quote]
Sizes = Mapping[Key, Decimal]  # in the wire amount


def about_strategy(
    setup: StrategySetup, account: Limits, answers: Answers, *, beside: int, at: int
) -> Iterator[Finding]:
    """What would stand of one strategy's ladder now; `beside` is how many orders others on the account show."""
    name = setup.instrument.partition("/")[2]
    listing = answers.listings[name]
    yield _instrument(setup, name, listing)
    if isinstance(listing, Unanswered):
        return
    market = _market(listing)
    if market is None:
        advice = "look again when somebody quotes there; a strategy needs a market to stand in"
        yield _found(setup, "levels", Light.AMBER, "one side of the book is empty", advice)
        return
    wanted = _asked(setup.strategy, finer(listing.instrument), market, FINER, at)
    stand = _asked(setup.strategy, listing.instrument, market, 1, at)
    if not wanted:
        advice = "look at its sizes and at its bounds of price"
        yield _found(setup, "levels", Light.RED, "it would show nothing in this market", advice)
        return
    meant = _meant(listing.instrument, wanted, stand)
    yield _levels(setup, listing, meant, stand)
    yield _sizes(setup, listing.instrument, meant, stand)
    yield _band(setup, listing, stand)
    yield _limits(setup, account, listing, answers, stand, beside)


def finer(instrument: Instrument) -> Instrument:
    """The same instrument on a grid so fine that it takes nothing away."""
    steps = tuple(TickStep(step.above_price, step.tick / FINER) for step in instrument.tick_steps)
    return msgspec.structs.replace(instrument, tick_steps=steps, lot=instrument.lot / FINER)


class _Market(msgspec.Struct, frozen=True):
    touch: Touch  # on the venue's grid
    last: int | None


def _market(listing: Listing) -> _Market | None:
    if listing.bid is None or listing.ask is None:
        return None
    instrument = listing.instrument
    (bid, bid_amount), (ask, ask_amount) = listing.bid, listing.ask
    touch = Touch(
        bid=int(bid / instrument.tick),
        bid_quantity=max(1, instrument.lots(bid_amount)),
        ask=int(ask / instrument.tick),
        ask_quantity=max(1, instrument.lots(ask_amount)),
    )
    return _Market(touch, int(listing.last / instrument.tick) if listing.last else None)


def _asked(strategy: Strategy, instrument: Instrument, market: _Market, scale: int, at: int) -> dict[Key, Quote]:
    """What a strategy that holds nothing would show, on a grid that is `scale` times as fine as the market's."""
    touch = msgspec.structs.replace(market.touch, bid=market.touch.bid * scale, ask=market.touch.ask * scale)
    last = None if market.last is None else market.last * scale
    view = View(at=at, instrument=instrument, touch=touch, last_trade=last, inventory=ZERO)
    return {(quote.side, quote.level): quote for quote in strategy.quote(view).quotes}


def _meant(instrument: Instrument, wanted: Levels, stand: Levels) -> dict[Key, Decimal]:
    """The size that each level is meant to have. A strategy that counts in lots names as many on any grid."""
    counts_lots = any(key in stand and stand[key].quantity == quote.quantity for key, quote in wanted.items())
    grid = instrument if counts_lots else finer(instrument)
    return {key: grid.amount(quote.quantity) for key, quote in wanted.items()}


def _instrument(setup: StrategySetup, name: str, listing: Listing | Unanswered) -> Finding:
    if isinstance(listing, Unanswered):
        return _found(setup, "instrument", Light.RED, f"{name}: {listing.reason}", "name one that the venue lists")
    if not listing.is_open:
        advice = "wait until it opens, or trade another: the venue takes no orders for it"
        return _found(setup, "instrument", Light.RED, f"{name} is {listing.state}", advice)
    instrument = listing.instrument
    steps = ", coarser higher up" if len(instrument.tick_steps) > 1 else ""
    grid = f"tick {number(instrument.tick)}{steps}, lot {number(instrument.lot)}"
    return _found(setup, "instrument", Light.GREEN, f"{name} is {listing.state}: {grid}")


def _levels(setup: StrategySetup, listing: Listing, meant: Sizes, stand: Levels) -> Finding:
    """Whether every level has a price of its own."""
    instrument = listing.instrument
    assert listing.bid is not None, "a market has two sides"
    tick_bps = instrument.tick_at(listing.bid[0]) / listing.bid[0] * 10_000
    collapsed = [key for key, amount in meant.items() if key not in stand and amount >= instrument.lot]
    if collapsed:
        text = f"{_named(collapsed)} would fall onto the price of a nearer level: a tick is {tick_bps:.2g} bps here"
        return _found(setup, "levels", Light.RED, text, "space the levels wider than a tick, or take fewer of them")
    if not stand:
        return _found(setup, "levels", Light.RED, "none would stand", "make them large enough for the venue")
    prices = [instrument.price(quote.price) for quote in stand.values()]
    text = f"{len(stand)} from {number(min(prices))} to {number(max(prices))}; a tick is {tick_bps:.2g} bps here"
    return _found(setup, "levels", Light.GREEN, text)


def _sizes(setup: StrategySetup, instrument: Instrument, meant: Sizes, stand: Levels) -> Finding:
    """Whether every level is large enough for the venue, and what whole lots leave of it."""
    currencies = {AmountUnit.BASE: instrument.base_currency, AmountUnit.QUOTE: instrument.quote_currency}
    unit = currencies.get(instrument.amount_unit, "contracts")
    least = f"{number(instrument.min_amount)} {unit}"
    if instrument.min_notional:
        least += f" and {number(instrument.min_notional)} {instrument.quote_currency}"
    small = [key for key, amount in meant.items() if _is_small(instrument, amount, stand.get(key))]
    if small:
        text = f"{_named(small)} would be below the venue's minimum of {least}"
        return _found(setup, "sizes", Light.RED, text, f"raise the size of a level to at least {least}")
    amounts = {key: instrument.amount(quote.quantity) for key, quote in stand.items()}
    lost = max((1 - amount / meant[key] for key, amount in amounts.items() if key in meant), default=ZERO)
    if lost > ROUNDED_MAX:
        text = f"whole lots of {number(instrument.lot)} {unit} leave up to {lost:.0%} of a size out"
        return _found(setup, "sizes", Light.AMBER, text, "make each size a multiple of the lot")
    sizes = " to ".join(dict.fromkeys(number(pick(amounts.values())) for pick in (min, max)))
    return _found(setup, "sizes", Light.GREEN, f"{sizes} {unit} a level; the minimum is {least}")


def _is_small(instrument: Instrument, meant: Decimal, stands: Quote | None) -> bool:
    """Whether a level is below the venue's minimum, or so small that nothing of it is left on the venue's grid."""
    if stands is None:
        return meant < instrument.lot
    amount, price = instrument.amount(stands.quantity), instrument.price(stands.price)
    return amount < instrument.min_amount or instrument.notional_quote(amount, price) < instrument.min_notional


def _band(setup: StrategySetup, listing: Listing, stand: Levels) -> Finding:
    """Whether the venue would take the prices."""
    low, high = listing.price_min, listing.price_max
    if low is None or high is None:
        return _found(setup, "price band", Light.GREEN, "the venue names none")
    band = f"{number(low)} to {number(high)}"
    outside = [key for key, quote in stand.items() if not low <= listing.instrument.price(quote.price) <= high]
    if outside:
        advice = "bring the levels nearer to the market: the venue refuses or moves what is outside"
        return _found(setup, "price band", Light.RED, f"{_named(outside)} would stand outside {band}", advice)
    return _found(setup, "price band", Light.GREEN, f"all levels are within {band}")


REMEDIES = {
    "funds": "deposit more, take smaller or fewer levels, or raise risk.max_leverage",
    "max_order_quote": "raise risk.max_order_quote or make the levels smaller",
    "max_open_orders": "raise risk.max_open_orders or take fewer levels",
    "max_position_quote": "raise risk.max_position_quote, reduce the position, or make the ladder smaller",
    "max_total_quote": "raise risk.max_total_quote or make the ladder smaller",
    "price_collar_bps": "raise risk.price_collar_bps or bring the levels nearer to the market",
}


def _limits(
    setup: StrategySetup, account: Limits, listing: Listing, answers: Answers, stand: Levels, beside: int
) -> Finding:
    """What the limits and the funds let through, judged by the same rules as in trading."""
    stake = _stake(listing, answers, beside)
    bounds = [Bound(account, stake), Bound(setup.limits, stake)]
    permitted, reasons = permit(tuple(stand.values()), bounds)
    text = f"{len(permitted)} of {len(stand)} levels may be shown"
    remedies = [REMEDIES[reason] for reason in reasons.split(", ") if reason in REMEDIES]
    if remedies:
        return _found(setup, "limits and funds", Light.RED, f"{text}: {reasons}", "; ".join(remedies))
    amounts = (listing.instrument.amount(quote.quantity) for quote in permitted)
    worth_quote = sum((listing.instrument.notional_quote(amount, stake.mark) for amount in amounts), ZERO)
    held = f", with a position of {number(stake.position)}" if stake.position else ""
    worth = f"{number(worth_quote.quantize(Decimal(1)))} {listing.instrument.quote_currency}"
    return _found(setup, "limits and funds", Light.GREEN, f"{text}, worth {worth}{held}")


def _stake(listing: Listing, answers: Answers, beside: int) -> Stake:
    instrument = listing.instrument
    position = answers.positions.get(instrument.name, ZERO)
    balances = answers.balances
    assert listing.bid is not None and listing.ask is not None, "a market has two sides"

    def cash(currency: str) -> Decimal:
        return NOTHING_ELSE if isinstance(balances, Unanswered) else balances.get(currency, ZERO)

    return Stake(
        instrument=instrument,
        position=ZERO if isinstance(position, Unanswered) else position,
        orders=(),
        open_orders=beside,
        cash=cash(instrument.settlement_currency),
        base_cash=cash(instrument.base_currency),
        mark=(listing.bid[0] + listing.ask[0]) / 2,
    )


def _named(keys: list[Key]) -> str:
    """Levels as they are counted on the screen: `bids 1, 2 and asks 1`."""
    sides = {"bids": Side.BUY, "asks": Side.SELL}
    named = [
        f"{word} {', '.join(str(level) for each, level in sorted(keys) if each is side)}"
        for word, side in sides.items()
        if any(each is side for each, _ in keys)
    ]
    return " and ".join(named)


def _found(setup: StrategySetup, check: str, light: Light, found: str, advice: str = "") -> Finding:
    return Finding(about=f"{setup.id} on {setup.instrument}", check=check, light=light, found=found, advice=advice)

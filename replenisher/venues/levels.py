"""Every strategy's levels, held against a real market: what ticks, lots, minimums, limits and funds leave of them."""

from collections.abc import Iterator
from decimal import Decimal

from replenisher.core.budget import RateLimit
from replenisher.core.load import Load
from replenisher.core.risk import Bound, Exposure, Limits, Measure, Stake, permit
from replenisher.core.setup import Setup, StrategySetup
from replenisher.model.instrument import Instrument, name_of
from replenisher.model.money import APART, why_not_one_money
from replenisher.model.step import why_cut
from replenisher.model.units import BPS
from replenisher.venues.beside import Beside
from replenisher.venues.doctor import Answers, Finding, Light, Listing, Unanswered, number
from replenisher.venues.fit import Failed, Fit, fit_of, least_of, named, too_small

ROUNDED_MAX = Decimal("0.05")  # of a size, lost to whole lots, before somebody should know
NOTHING_ELSE = Decimal("1e15")  # cash that is not told does not limit; that it is not told is another finding
ZERO = Decimal(0)


def about_strategies(setup: Setup, venue: str, answers: Answers, at: int) -> Iterator[Finding]:
    """What would stand of every ladder on a venue now; each counts the orders of those before it."""
    listings = [each for each in answers.listings.values() if isinstance(each, Listing)]
    if why := why_not_one_money(each.instrument.quote_currency for each in listings):
        yield Finding(about=venue, check="limits", light=Light.RED, found=why, advice=APART)
    beside = Beside(setup.limits)
    ladders = list(_ladders(setup, venue, answers, at, beside))
    yield from _cancels(venue, setup.venue(venue).rate_limit.burst, answers.rate, beside.orders)
    yield from ladders


def _ladders(setup: Setup, venue: str, answers: Answers, at: int, beside: Beside) -> Iterator[Finding]:
    for strategy in setup.strategies:
        if strategy.venue != venue:
            continue
        name = name_of(strategy.instrument)
        listing = answers.listings[name]
        yield _instrument(strategy, name, listing)
        if (guards := strategy.guards) is not None and guards.maker_fee_bps is not None:
            yield _fee(strategy, Decimal(repr(guards.maker_fee_bps)), listing)
        if isinstance(listing, Listing) and not listing.is_over:
            try:
                fit = fit_of(strategy.strategy, listing, at)
            except Failed as reason:
                advice = "look at its code, unless it fails only because nothing is measured yet"
                yield _found(strategy, "levels", Light.AMBER, f"it fails when it is asked: {reason}", advice)
                continue
            if listing.has_book:
                yield from _about(strategy, setup.limits, answers, fit, beside)
            else:
                advice = "mend what else is found first, and look again"
                yield _found(strategy, "levels", Light.AMBER, "not looked at, as no book was heard", advice)
            if fit is not None:
                beside.stands(fit, _position(fit.listing.instrument, answers))


def _cancels(venue: str, ours: float, granted: RateLimit | Unanswered, levels: int) -> Iterator[Finding]:
    """What keeping a cancel for every order leaves of all levels, if that is not all of them."""
    burst = ours if isinstance(granted, Unanswered) else min(ours, granted.burst)
    if levels >= burst:
        yield Finding(
            about=venue,
            check="levels",
            light=Light.AMBER,
            found=f"{levels} in all; of {number(burst)} requests at once a cancel is kept for each order, so no more "
            f"than {number(burst - 1)} ever rest",
            advice=f"quote fewer, or raise rate_limit_burst in venues.{venue} as far as your tier there allows",
        )


def _about(
    setup: StrategySetup, account: Limits, answers: Answers, fit: Fit | None, beside: Beside
) -> Iterator[Finding]:
    if fit is None:
        advice = "look again when somebody quotes there; " + (
            "it needs a market to stand in" if setup.alone is None else "around the price it knows it quotes alone"
        )
        yield _found(setup, "levels", Light.AMBER, "one side of the book is empty", advice)
    elif not fit.meant:
        advice = "look at its sizes and at its bounds of price"
        yield _found(setup, "levels", Light.RED, "it would show nothing in this market", advice)
    else:
        yield _levels(setup, fit)
        yield _sizes(setup, fit)
        yield _band(setup, fit)
        yield _limits(setup, account, answers, fit, beside)


def _instrument(setup: StrategySetup, name: str, listing: Listing | Unanswered) -> Finding:
    if isinstance(listing, Unanswered):
        return _found(setup, "instrument", Light.RED, f"{name}: {listing.reason}", "name one that the venue lists")
    if listing.is_over:
        return _found(setup, "instrument", Light.RED, f"{name} is {listing.state}", "it has ended: name another")
    if not listing.is_open:
        advice = "wait until it opens, or trade another: the venue takes no orders for it"
        return _found(setup, "instrument", Light.RED, f"{name} is {listing.state}", advice)
    instrument = listing.instrument
    steps = ", coarser higher up" if len(instrument.tick_steps) > 1 else ""
    grid = f"tick {number(instrument.tick)}{steps}, lot {number(instrument.lot)}"
    return _found(setup, "instrument", Light.GREEN, f"{name} is {listing.state}: {grid}")


def _fee(setup: StrategySetup, counted_bps: Decimal, listing: Listing | Unanswered) -> Finding:
    """Whether min profit counts the fee that the venue takes."""
    counted = f"min_profit_bps counts a maker fee of {number(counted_bps)} bps"
    if isinstance(listing, Unanswered) or listing.maker_fee is None:
        return _found(setup, "maker fee", Light.AMBER, counted, "none is told here: compare it with your tier's")
    told_bps = listing.maker_fee * BPS
    if told_bps == counted_bps:
        return _found(setup, "maker fee", Light.GREEN, f"{counted}, as the venue lists")
    advice = "set maker_fee_bps to what your tier pays, as your fills tell it"
    return _found(setup, "maker fee", Light.AMBER, f"{counted}, and the venue lists {number(told_bps)}", advice)


def _levels(setup: StrategySetup, fit: Fit) -> Finding:
    """Whether every level has a price of its own."""
    instrument = fit.listing.instrument
    tick = f"a tick is {instrument.tick_at(fit.mark) / fit.mark * 10_000:.2g} bps here"
    if collapsed := fit.collapsed:
        text = f"{named(collapsed)} would fall onto the price of a nearer level: {tick}"
        return _found(setup, "levels", Light.RED, text, "space the levels wider than a tick, or take fewer of them")
    if not fit.stand:
        return _found(setup, "levels", Light.RED, "none would stand", "make them large enough for the venue")
    prices = [instrument.price(quote.price) for quote in fit.stand.values()]
    text = f"{len(prices)} from {number(min(prices))} to {number(max(prices))}; {tick}"
    return _found(setup, "levels", Light.GREEN, text)


def _sizes(setup: StrategySetup, fit: Fit) -> Finding:
    """Whether every level is large enough for the venue, and what whole lots leave of it."""
    instrument = fit.listing.instrument
    unit, least = instrument.wire_unit, least_of(instrument)
    if objection := too_small(fit):
        return _found(setup, "sizes", Light.RED, objection, f"raise the size of a level to at least {least}")
    amounts = {key: fit.amount(key) for key in fit.stand}
    lost = max((1 - amount / fit.meant[key] for key, amount in amounts.items() if key in fit.meant), default=ZERO)
    if lost > ROUNDED_MAX:
        text = f"whole lots of {number(instrument.lot)} {unit} leave up to {lost:.0%} of a size out"
        return _found(setup, "sizes", Light.AMBER, text, "make each size a multiple of the lot")
    sizes = " to ".join(dict.fromkeys(number(pick(amounts.values())) for pick in (min, max)))
    return _found(setup, "sizes", Light.GREEN, f"{sizes} {unit} a level; the minimum is {least}")


def _band(setup: StrategySetup, fit: Fit) -> Finding:
    """Whether the venue would take the prices."""
    low, high = fit.listing.price_min, fit.listing.price_max
    if low is None or high is None:
        return _found(
            setup, "price band", Light.AMBER, "none is told", "see the venue's rules for prices that are far away"
        )
    band, price = f"{number(low)} to {number(high)}", fit.listing.instrument.price
    outside = [key for key, quote in fit.stand.items() if not low <= price(quote.price) <= high]
    if outside:
        advice = "bring the levels nearer to the market: the venue refuses or moves what is outside"
        return _found(setup, "price band", Light.RED, f"{named(outside)} would stand outside {band}", advice)
    return _found(setup, "price band", Light.GREEN, f"all levels are within {band}")


REMEDIES = {
    "funds": "deposit more, or take smaller or fewer levels",
    "max_leverage": "deposit more, take smaller or fewer levels, or raise risk.max_leverage",
    "max_order_quote": "raise risk.max_order_quote or make the levels smaller",
    "max_open_orders": "raise risk.max_open_orders or take fewer levels",
    "max_position_quote": "raise risk.max_position_quote, reduce the position, or make the ladder smaller",
    "max_total_quote": "raise risk.max_total_quote or make the ladder smaller",
    "price_collar_bps": "raise risk.price_collar_bps or bring the levels nearer to the market",
}


def _limits(setup: StrategySetup, account: Limits, answers: Answers, fit: Fit, beside: Beside) -> Finding:
    """What the limits and the funds let through, judged by the same rules as in trading."""
    instrument, stake = fit.listing.instrument, _stake(fit, answers, beside)
    account_bound, own_bound = (Bound(Measure(each, instrument), stake) for each in (account, setup.limits))
    shared = Exposure(account_bound, beside.on(instrument), beside.elsewhere(instrument))
    exposures = [shared, Exposure(own_bound, Load())]
    permitted, cuts = permit(tuple(fit.stand.values()), exposures)
    text = f"{len(permitted)} of {len(fit.stand)} levels may be shown"
    remedies = [REMEDIES[reason] for reason in dict.fromkeys(cut.reason for cut in cuts) if reason in REMEDIES]
    if remedies:
        return _found(setup, "limits and funds", Light.RED, f"{text}: {why_cut(cuts)}", "; ".join(remedies))
    if isinstance(answers.balances, Unanswered):
        return _found(
            setup, "limits and funds", Light.AMBER, f"{text} by the limits; no funds are told", "mend the key first"
        )
    worth_quote = sum(
        (instrument.notional_quote(instrument.amount(quote.quantity), fit.mark) for quote in permitted), ZERO
    )
    held = f", with a position of {number(stake.position)}" if stake.position else ""
    worth = f"{number(worth_quote.quantize(Decimal(1)))} {instrument.quote_currency}"
    return _found(setup, "limits and funds", Light.GREEN, f"{text}, worth {worth}{held}")


def _position(instrument: Instrument, answers: Answers) -> Decimal:
    position = answers.positions.get(instrument.name, ZERO)
    return ZERO if isinstance(position, Unanswered) else position


def _stake(fit: Fit, answers: Answers, beside: Beside) -> Stake:
    instrument, balances = fit.listing.instrument, answers.balances
    kept, base_kept = beside.reserves.elsewhere(instrument)

    def cash(currency: str) -> Decimal:
        return NOTHING_ELSE if isinstance(balances, Unanswered) else balances.get(currency, ZERO)

    return Stake(
        position=_position(instrument, answers),
        cash=cash(instrument.settlement_currency) - kept,
        base_cash=cash(instrument.base_currency) - base_kept,
        mark=fit.mark,
    )


def _found(setup: StrategySetup, check: str, light: Light, found: str, advice: str = "") -> Finding:
    return Finding(about=f"{setup.id} on {setup.instrument}", check=check, light=light, found=found, advice=advice)

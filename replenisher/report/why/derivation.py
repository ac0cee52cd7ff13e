"""The derivation of a price: from fair value, stage by stage, to the tick it was wanted on.

It is worked out from records alone: the terms of a decision, the chain of the life's mandate, and the instrument. Each
stage names its numbers, so that whoever reads them can do the sum again and gets the same double.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import prod
from typing import assert_never

import msgspec

from replenisher.core.composite import WIDENED
from replenisher.model.instrument import Instrument
from replenisher.model.mandate import Chain, How, Link
from replenisher.model.order import BUY, Side
from replenisher.model.units import BPS

SIGNS = {1: "+", -1: "-"}
BPS_OF_FAIR = "bps of fair value"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What one stage does to the price, and where it stands then."""

    name: str
    does: str  # +, -, at, not above, not below, down to, up to; empty for what is given
    numbers: dict[str, float]  # by name; those of + and - are multiplied
    price: float | Decimal  # exact once it is on a tick


def derived(
    chain: Chain, fair: float, terms: Mapping[str, float], side: Side, level: int, instrument: Instrument
) -> list[Stage]:
    """The stages that lead to the price of one level."""
    stages = [Stage(name="fair value", does="", numbers={}, price=fair)]
    price, outermost = fair, chain.price_ceiling if side is BUY else chain.price_floor
    for link in chain.links:
        if link.side not in (None, side) or not terms.keys() >= {*link.terms}:
            continue
        price, stage = _linked(link, {name: terms[name] for name in link.terms}, side, price)
        stages.append(stage)
        if link.how is How.ONLY_AT:
            return [*stages, *_on_the_grid(side, price, terms, instrument, outermost)]
    spreads_bps = chain.spreads_bps.get(side, ())
    if level < len(spreads_bps):
        spread_bps = spreads_bps[level]
        price -= side.sign * (fair * spread_bps / BPS)
        stages.append(Stage(name="spread", does=SIGNS[-side.sign], numbers={BPS_OF_FAIR: spread_bps}, price=price))
    if chain.min_spread_bps is not None:
        bound = fair - side.sign * (fair * (chain.min_spread_bps / 2) / BPS)
        price = min(price, bound) if side is BUY else max(price, bound)
        told = {"bound": bound, "min_spread_bps": chain.min_spread_bps}
        stages.append(Stage(name="clamp", does="not above" if side is BUY else "not below", numbers=told, price=price))
    return [*stages, *_on_the_grid(side, price, terms, instrument, outermost)]


def _linked(link: Link, numbers: Mapping[str, float], side: Side, price: float) -> tuple[float, Stage]:
    """One link, from the price before it."""
    amount = prod(numbers.values(), start=1.0)
    match link.how:
        case How.LOWER:
            does, price = "-", price - amount
        case How.OUTWARD:
            does, price = SIGNS[-side.sign], price - side.sign * amount
        case How.RETREAT:
            amount = max(0.0, side.sign * amount)
            does, price, numbers = SIGNS[-side.sign], price - side.sign * amount, {" * ".join(numbers): amount}
        case How.AT | How.ONLY_AT:
            does, price = "at", amount
        case _:
            assert_never(link.how)
    return price, Stage(name=link.name, does=does, numbers=dict(numbers), price=price)


def _on_the_grid(
    side: Side, price: float, terms: Mapping[str, float], instrument: Instrument, bound: float | None
) -> Iterator[Stage]:
    """The tick that it is rounded to, what a composite of too few legs adds, and the bound it was held against."""
    ticks, stage = _rounded(side, price, instrument)
    yield stage
    if bound is not None:
        name, does = ("price_ceiling", "not above") if side is BUY else ("price_floor", "not below")
        yield Stage(name="bound", does=does, numbers={name: bound}, price=instrument.price(ticks))
    if WIDENED in terms:
        wider = ticks * instrument.tick_float - side.sign * terms[WIDENED]
        yield Stage(name="too few legs", does=SIGNS[-side.sign], numbers={WIDENED: terms[WIDENED]}, price=wider)
        yield _rounded(side, wider, instrument)[1]


def _rounded(side: Side, price: float, instrument: Instrument) -> tuple[int, Stage]:
    ticks = instrument.round_price(side, price)
    rounded = instrument.price(ticks)
    tick = max(instrument.tick_at(Decimal(repr(price))), instrument.tick_at(rounded))  # a rise may meet a coarser one
    does = "down to" if side is BUY else "up to"
    return ticks, Stage(name="rounding", does=does, numbers={"tick": float(tick)}, price=rounded)

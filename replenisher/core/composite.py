"""A composite: one price made of several legs, none of which is believed alone, and what is shown on too few of them.

A leg that is too old does not count. Neither does one that is further than `outlier_bps` from more than half of the
other fresh ones: so whoever is alone with an opinion is outvoted, and where opinions are split nobody counts. The value
is the weighted mean of those that count. One lying leg is outvoted as soon as it is further than that from the others;
nearer than that it moves the value by its share of `outlier_bps` at most.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from itertools import combinations
from typing import Annotated, Self, assert_never

import msgspec
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Positive, WrongArgument, about
from replenisher.core.prices import Of, Prices, PriceSpec
from replenisher.core.strategy import Quotes, View
from replenisher.model.instrument import Instrument, instrument_key
from replenisher.model.step import Quote
from replenisher.model.units import BPS, MS_NS

WIDENED = "widened"  # among the terms: how much further out each level stands, in price units


class Degraded(StrEnum):
    """What is shown when fewer legs count than are wanted, and one still does."""

    PULL = "pull"  # nothing
    WIDEN = "widen"  # all of it, further out
    ONE_SIDED = "one_sided"  # only what makes the inventory smaller


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Leg:
    """One price: of an instrument, or told over HTTP."""

    venue: Annotated[
        str | None, about("where the instrument is; where nothing is quoted, it is listened to in public")
    ] = None
    instrument: Annotated[str | None, about("whose price; nothing need be traded on it")] = None
    of: Annotated[Of, about("of its book, or what the venue tells: mid, index, mark")] = Of.MID
    http: Annotated[str | None, about("instead of an instrument: the name of one of price_sources")] = None
    weight: Annotated[Positive, about("its share, beside the other weights")] = 1.0
    max_age_ms: Annotated[int, Field(ge=1), about("older than this it does not count")] = 2_000
    offset_bps: Annotated[
        float, Field(gt=-BPS, lt=BPS, allow_inf_nan=False), about("added to it, for what it is always off by")
    ] = 0.0

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.http is not None:
            if self.venue is not None or self.instrument is not None or self.of is not Of.MID:
                raise WrongArgument("http", "it stands alone, without venue, instrument and of")
        elif self.venue is None or self.instrument is None:
            raise WrongArgument("venue" if self.venue is None else "instrument", "missing, as http is")
        elif self.of not in (Of.MID, Of.INDEX, Of.MARK):
            raise WrongArgument("of", "it must be mid, index or mark")
        return self

    @cached_property
    def spec(self) -> PriceSpec:
        """Which price that is."""
        if self.http is not None:
            return PriceSpec(Of.HTTP, self.http, self.max_age_ms * MS_NS)
        assert self.venue is not None and self.instrument is not None, "validated"
        return PriceSpec(self.of, instrument_key(self.venue, self.instrument), self.max_age_ms * MS_NS)

    @cached_property
    def source(self) -> str:
        """Where it comes from, in one word."""
        return self.spec.source


class Blend(msgspec.Struct, frozen=True, gc=False):
    """What the legs come to."""

    price: float | None  # None if no leg counts
    fresh: int
    counted: int
    outvoted: Prices = {}  # the fresh legs that do not count, by their sources, as they are compared


class Composite(msgspec.Struct, frozen=True):
    """The legs, and how many of them it takes."""

    legs: tuple[Leg, ...]
    outlier_bps: float
    min_legs: int
    degraded: Degraded = Degraded.PULL
    widen_bps: float = 0.0  # of degraded: widen

    def blend(self, prices: Prices) -> Blend:
        """The weighted mean of the legs that are fresh and not outvoted; `prices` are by their sources."""
        telling = [leg for leg in self.legs if leg.source in prices]
        fresh = [(prices[leg.source] * (1 + leg.offset_bps / BPS), leg.weight) for leg in telling]
        against = [0] * len(fresh)
        for one, other in combinations(range(len(fresh)), 2):
            low, high = sorted((fresh[one][0], fresh[other][0]))
            if high > low * (1 + self.outlier_bps / BPS):
                against[one] += 1
                against[other] += 1
        counted = [each for each, votes in zip(fresh, against, strict=True) if 2 * votes <= len(fresh) - 1]
        outvoted: Prices = {}
        if len(counted) < len(fresh):
            votes_of = zip(telling, fresh, against, strict=True)
            outvoted = {leg.source: price for leg, (price, _), votes in votes_of if 2 * votes > len(fresh) - 1}
        if not counted:
            return Blend(price=None, fresh=len(fresh), counted=0, outvoted=outvoted)
        total = sum(weight for _, weight in counted)
        low, high = min(counted)[0], max(counted)[0]
        mean = sum(price * weight for price, weight in counted) / total
        within = min(max(mean, low), high)  # as rounding may not be
        return Blend(price=within, fresh=len(fresh), counted=len(counted), outvoted=outvoted)

    def why_none(self, prices: Prices) -> str:
        """Why nothing can be quoted on these prices; empty if something can."""
        blended = self.blend(prices)
        return self._too_few(blended) if not blended.counted or self.degraded is Degraded.PULL else ""

    def left_of(self, view: View, answer: Quotes) -> Quotes:
        """What is left of an answer where too few legs count, with what became of them among its terms."""
        blended = self.blend(view.prices)
        terms = {**answer.terms, "legs": blended.counted}
        terms |= {f"outvoted {source}": price for source, price in blended.outvoted.items()}
        quotes = answer.quotes
        if reason := self._too_few(blended):
            match self.degraded:
                case Degraded.PULL:
                    raise AssertionError("then nothing was asked for")
                case Degraded.ONE_SIDED:
                    quotes = tuple(quote for quote in quotes if quote.side.sign * view.inventory < 0)
                case Degraded.WIDEN:
                    assert answer.fair_value is not None, "a leg counts"
                    terms[WIDENED] = by = answer.fair_value * self.widen_bps / BPS
                    quotes = _further_out(quotes, view.instrument, by)
                case _:
                    assert_never(self.degraded)
        return Quotes(fair_value=answer.fair_value, quotes=quotes, terms=terms, reason=reason)

    def _too_few(self, blended: Blend) -> str:
        """What to say of too few legs; empty if they are enough."""
        if blended.counted >= self.min_legs:
            return ""
        is_one = blended.fresh == 1
        told = f"fair value: {blended.fresh} of {len(self.legs)} legs {'is' if is_one else 'are'} fresh"
        if blended.counted < blended.fresh:
            told += f" and {blended.counted} of them {'agrees' if blended.counted == 1 else 'agree'}"
            told += f" ({', '.join(blended.outvoted)} {'does' if len(blended.outvoted) == 1 else 'do'} not)"
        return f"{told}, {self.min_legs} {'is' if self.min_legs == 1 else 'are'} needed"


def _further_out(quotes: Sequence[Quote], instrument: Instrument, by: float) -> tuple[Quote, ...]:
    """The same quotes, each so much further from the others' side of the market, in price units."""
    tick, moved = instrument.tick_float, list[Quote]()
    for quote in quotes:
        price = instrument.round_price(quote.side, quote.price * tick - quote.side.sign * by)
        if price > 0:
            moved.append(msgspec.structs.replace(quote, price=price))
    return tuple(moved)

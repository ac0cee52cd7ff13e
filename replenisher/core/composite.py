"""A composite: one price made of several legs, none of which is believed alone.

A leg that is too old does not count. Neither does one that is further than `outlier_bps` from more than half of the
other fresh ones: so whoever is alone with an opinion is outvoted, and where opinions are split nobody counts. The value
is the weighted mean of those that count. One lying leg is outvoted as soon as it is further than that from the others;
nearer than that it moves the value by its share of `outlier_bps` at most.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from itertools import combinations
from typing import Annotated, Self

import msgspec
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Positive, WrongArgument, about
from replenisher.core.prices import Of, Prices, PriceSpec
from replenisher.model.instrument import instrument_key
from replenisher.model.units import BPS, MS_NS


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


def blend(legs: Sequence[Leg], prices: Prices, outlier_bps: float) -> Blend:
    """The weighted mean of the legs that are fresh and not outvoted; `prices` are by their sources."""
    telling = [leg for leg in legs if leg.source in prices]
    fresh = [(prices[leg.source] * (1 + leg.offset_bps / BPS), leg.weight) for leg in telling]
    against = [0] * len(fresh)
    for one, other in combinations(range(len(fresh)), 2):
        low, high = sorted((fresh[one][0], fresh[other][0]))
        if high > low * (1 + outlier_bps / BPS):
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

"""Fair value: where the centre of a ladder comes from. Each source is a pure function of what a strategy is shown."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, NamedTuple, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Positive, WrongArgument, about
from replenisher.core.composite import Composite, Degraded, Leg
from replenisher.core.funding_shift import FUNDING, FundingShift
from replenisher.core.prices import Of, Prices, PriceSpec
from replenisher.core.signals.stoikov import StoikovTable
from replenisher.core.strategy import NO_QUOTES, Quotes, View
from replenisher.core.touch_prices import microprice, mid, weighted_mid
from replenisher.model.units import BPS, MS_NS, SECOND_NS


class Source(StrEnum):
    """Where a fair value comes from."""

    MID = "mid"
    MICRO = "micro"
    WEIGHTED = "weighted"
    LAST = "last"
    FIXED = "fixed"
    LAST_OWN = "last_own"  # the price of our own last fill; the mid before there is one
    INVENTORY_COST = "inventory_cost"  # what our inventory was entered at, on average; the mid when flat
    INDEX = "index"  # as the venue tells it of the instrument
    MARK = "mark"
    HTTP = "http"
    COMPOSITE = "composite"


class WhenAlone(StrEnum):
    """What is shown while the others have left a side of the book, or both."""

    PULL = "pull"
    QUOTE = "quote"  # on, around a price that is known without that book; it is the mark meanwhile


@dataclass(frozen=True, config=STRICT)
class FairValue:
    """Where the centre of the ladder comes from."""

    source: Annotated[Source, about("the centre of the ladder")] = Source.MID
    price: Annotated[Positive | None, about("the price itself, of the source fixed")] = None
    table: Annotated[
        StoikovTable | None,
        about(
            "of the source micro: what is added to the mid, as `replenisher calibrate` prints it; else a closed form"
        ),
    ] = None
    http: Annotated[str | None, about("of the source http: the name of one of price_sources")] = None
    legs: Annotated[tuple[Leg, ...], about("of the source composite: the prices it is made of")] = ()
    outlier_bps: Annotated[
        Positive | None, about("of a composite: a leg further than this from most others does not count")
    ] = None
    min_legs: Annotated[
        Annotated[int, Field(ge=1)] | None, about("of a composite: so many must count, else it is degraded")
    ] = None
    degraded: Annotated[Degraded, about("what is shown when fewer legs count: of none, nothing")] = Degraded.PULL
    widen_bps: Annotated[Positive | None, about("of degraded: widen: how much further out each level stands")] = None
    max_age_ms: Annotated[
        Annotated[int, Field(ge=1)], about("of index, mark, http and funding: older than this, nothing is shown")
    ] = 5_000
    max_trade_age_s: Annotated[
        Positive | None,
        about(
            "of the source last, which needs it: while the last trade is older nothing is shown, however fresh the "
            "book is; so choose it as long as the market may be quiet"
        ),
    ] = None
    when_alone: Annotated[
        WhenAlone, about("what is shown while nobody else stands on a side of the book; quote: it is the mark then")
    ] = WhenAlone.PULL
    funding_shift: Annotated[
        Annotated[float, Field(allow_inf_nan=False)],
        about("of a perpetual: bps that the centre goes down for each bp that longs pay in eight hours"),
    ] = 0.0

    @model_validator(mode="after")
    def _each_source_has_its_own(self) -> Self:
        for source, kind in KINDS.items():
            for key in kind.needs:
                if (self.source is source) != bool(getattr(self, key)):
                    raise WrongArgument(key, f"it belongs to the source {source}, which needs it")
        if self.table is not None and self.source is not Source.MICRO:
            raise WrongArgument("table", "it belongs to the source micro")
        return self

    @model_validator(mode="after")
    def _alone_it_has_a_price(self) -> Self:
        if self.when_alone is WhenAlone.QUOTE and self._kind.elsewhere is None:
            known = ", ".join(source for source, kind in KINDS.items() if kind.elsewhere is not None)
            raise WrongArgument("when_alone", f"quote needs a price that is known without the book: {known}")
        return self

    @model_validator(mode="after")
    def _a_composite_is_whole(self) -> Self:
        is_composite = self.source is Source.COMPOSITE
        if self.min_legs is not None and self.min_legs > len(self.legs):
            raise WrongArgument("min_legs", f"it must be no more than the legs, {len(self.legs)}")
        if len({leg.source for leg in self.legs}) < len(self.legs):
            raise WrongArgument("legs", "no two may have the same price")
        if self.degraded is not Degraded.PULL and not is_composite:
            raise WrongArgument("degraded", "it belongs to the source composite")
        if (self.degraded is Degraded.WIDEN) != (self.widen_bps is not None):
            raise WrongArgument("widen_bps", "it belongs to degraded: widen, which needs it")
        return self

    @property
    def heeds_sizes(self) -> bool:
        """Whether it matters how much stands at the touch."""
        return self._kind.heeds_sizes

    @cached_property
    def prices(self) -> Mapping[str, PriceSpec]:
        """The prices from elsewhere that it goes by: legs by their sources, others by what they are."""
        named = {leg.source: leg.spec for leg in self.legs}
        if (of := self._kind.told) is not None:
            of_trade_s = self.max_trade_age_s
            max_age_ns = self.max_age_ms * MS_NS if of_trade_s is None else int(of_trade_s * SECOND_NS)
            named[of.value] = PriceSpec(of, self.http or "", max_age_ns)
        return named if self._funding is None else named | self._funding.prices(self.max_age_ms * MS_NS)

    def prices_at(self, price: float) -> Prices:
        """What it goes by if all agree on this price and nobody pays for holding anything."""
        offsets_bps = {leg.source: leg.offset_bps for leg in self.legs}
        return {
            name: 0.0 if name == FUNDING else price / (1 + offsets_bps.get(name, 0.0) / BPS) for name in self.prices
        }

    def of(self, view: View) -> float | None:
        """The fair value in price units; None where the source has nothing to say yet."""
        kind = self._kind
        price = kind.here(self, view) if kind.elsewhere is None else kind.elsewhere(self, view.prices)
        return price if self._funding is None or price is None else self._funding.shifted(price, view.prices)

    def price_alone(self, prices: Prices) -> float | None:
        """What it may be held to be where nobody else says; None where that is not known or not to be relied on."""
        if self.when_alone is WhenAlone.PULL or self.why_none(prices):
            return None
        assert self._kind.elsewhere is not None, "validated"
        return self._kind.elsewhere(self, prices)

    def why_none(self, prices: Prices) -> str:
        """Why nothing can be quoted on these prices from elsewhere; empty if something can."""
        if self._funding is not None and (why := self._funding.why_none(prices)):
            return why
        if (of := self._kind.told) is not None and of.value not in prices:
            if of is Of.LAST:
                return f"fair value: no trade of the last {self.max_trade_age_s:g} s is known"
            return f"fair value: the {'price over HTTP' if of is Of.HTTP else f'{of} price'} is not known"
        return "" if self.composite is None else self.composite.why_none(prices)

    def standing(self, prices: Prices, failed: Mapping[str, str]) -> dict[str, str]:
        """What becomes of each price from elsewhere that it goes by, in a few words.

        Those in `prices` are fresh; `failed` says why a source last told none.
        """
        outvoted = {} if self.composite is None else self.composite.blend(prices).outvoted
        told = {name: f"{price:.10g}{', outvoted' if name in outvoted else ''}" for name, price in prices.items()}
        for name, spec in self.prices.items():
            if name not in told:
                told[name] = f"not fresh: {failed[spec.source]}" if spec.source in failed else "not fresh"
        return {name: told[name] for name in self.prices}

    def completed(self, view: View, answer: Quotes) -> Quotes:
        """What a strategy has answered, with every price that its fair value went by.

        Where it is a composite of which too few legs count, less of the answer is left.
        """
        terms = {**answer.terms, **view.prices, **({} if self._funding is None else self._funding.terms(view.prices))}
        answer = Quotes(fair_value=answer.fair_value, quotes=answer.quotes, terms=terms)
        return answer if self.composite is None else self.composite.left_of(view, answer)

    @cached_property
    def composite(self) -> Composite | None:
        """The legs and what is made of them, of the source composite."""
        if self.source is not Source.COMPOSITE:
            return None
        assert self.outlier_bps is not None and self.min_legs is not None, "validated"
        return Composite(self.legs, self.outlier_bps, self.min_legs, self.degraded, self.widen_bps or 0.0)

    @cached_property
    def _kind(self) -> "Kind":
        return KINDS[self.source]

    @cached_property
    def _funding(self) -> FundingShift | None:
        return FundingShift(self.funding_shift) if self.funding_shift else None


class Kind(NamedTuple):
    """What is particular to one source."""

    # Before funding, by one of these two: from the book that is quoted, or without it. None has nothing to say yet.
    here: Callable[[FairValue, View], float | None] = lambda *_: None
    elsewhere: Callable[[FairValue, Prices], float | None] | None = None
    needs: tuple[str, ...] = ()  # the keys that belong to it
    told: Of | None = None  # where it is one price from elsewhere
    heeds_sizes: bool = False


def _mid(_: FairValue, view: View) -> float:
    return mid(view.touch) * view.instrument.tick_float


def _weighted(_: FairValue, view: View) -> float:
    return weighted_mid(view.touch) * view.instrument.tick_float


def _micro(fair: FairValue, view: View) -> float:
    ticks = microprice(view.touch) if fair.table is None else fair.table.price(view.touch)
    return ticks * view.instrument.tick_float


def _last(_: FairValue, view: View) -> float | None:
    return view.prices.get(Of.LAST.value)


def _last_own(fair: FairValue, view: View) -> float:
    return _mid(fair, view) if view.last_fill_price is None else view.last_fill_price


def _inventory_cost(fair: FairValue, view: View) -> float:
    return _mid(fair, view) if view.entry_price is None else view.entry_price


def _told(of: Of, needs: tuple[str, ...] = ()) -> Kind:
    """One price from elsewhere."""
    return Kind(elsewhere=lambda _, prices: prices.get(of.value), needs=needs, told=of)


def _blended(fair: FairValue, prices: Prices) -> float | None:
    assert fair.composite is not None, "made of it"
    return fair.composite.blend(prices).price


KINDS: Mapping[Source, Kind] = {
    Source.MID: Kind(_mid),
    Source.MICRO: Kind(_micro, heeds_sizes=True),
    Source.WEIGHTED: Kind(_weighted, heeds_sizes=True),
    Source.LAST: Kind(_last, needs=("max_trade_age_s",), told=Of.LAST),
    Source.FIXED: Kind(elsewhere=lambda fair, _: fair.price, needs=("price",)),
    Source.LAST_OWN: Kind(_last_own),
    Source.INVENTORY_COST: Kind(_inventory_cost),
    Source.INDEX: _told(Of.INDEX),
    Source.MARK: _told(Of.MARK),
    Source.HTTP: _told(Of.HTTP, needs=("http",)),
    Source.COMPOSITE: Kind(elsewhere=_blended, needs=("legs", "outlier_bps", "min_legs")),
}


def fair_value_of(strategy: object) -> FairValue | None:
    """What a strategy goes by, if it says so."""
    fair_value = getattr(strategy, "fair_value", None)
    return fair_value if isinstance(fair_value, FairValue) else None


class GoesByFairValue(ABC):
    """A strategy that quotes around its fair value, and looks at the sizes at the touch only through that."""

    fair_value: FairValue

    @property
    def heeds_sizes(self) -> bool:
        """Whether they may change its answer."""
        return self.fair_value.heeds_sizes

    def quote(self, view: View) -> Quotes:
        """What it would like to show; nothing while its fair value is not known."""
        fair = self.fair_value.of(view)
        return NO_QUOTES if fair is None else self.around(fair, view)

    @abstractmethod
    def around(self, fair: float, view: View) -> Quotes:
        """What it would like to show around this fair value."""

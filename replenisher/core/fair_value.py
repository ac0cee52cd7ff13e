"""Fair value: where the centre of a ladder comes from. Each source is a pure function of what a strategy is shown."""

from enum import StrEnum
from math import atan, pi
from typing import Annotated, Self, assert_never

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from replenisher.core.arguments import STRICT, Positive, WrongArgument, about
from replenisher.core.book import Touch
from replenisher.core.signals.stoikov import StoikovTable
from replenisher.core.strategy import View


class Source(StrEnum):
    """Where a fair value comes from."""

    MID = "mid"
    MICRO = "micro"
    WEIGHTED = "weighted"
    LAST = "last"
    FIXED = "fixed"


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

    @model_validator(mode="after")
    def _fixed_has_a_price(self) -> Self:
        if (self.source is Source.FIXED) != (self.price is not None):
            raise WrongArgument("price", "it belongs to the source fixed, which needs it")
        return self

    @model_validator(mode="after")
    def _only_micro_has_a_table(self) -> Self:
        if self.table is not None and self.source is not Source.MICRO:
            raise WrongArgument("table", "it belongs to the source micro")
        return self

    @property
    def heeds_trades(self) -> bool:
        """Whether the last trade matters."""
        return self.source is Source.LAST

    def of(self, view: View) -> float | None:
        """The fair value in price units; None where the source has nothing to say yet."""
        match self.source:
            case Source.MID:
                return mid(view.touch) * view.instrument.tick_float
            case Source.WEIGHTED:
                return weighted_mid(view.touch) * view.instrument.tick_float
            case Source.MICRO:
                ticks = microprice(view.touch) if self.table is None else self.table.price(view.touch)
                return ticks * view.instrument.tick_float
            case Source.LAST:
                return None if view.last_trade is None else view.last_trade * view.instrument.tick_float
            case Source.FIXED:
                return self.price
            case _:
                assert_never(self.source)


def mid(touch: Touch) -> float:
    """Half way between the best bid and the best ask, in ticks."""
    return (touch.bid + touch.ask) / 2


def weighted_mid(touch: Touch) -> float:
    """The mid weighted by the opposite sizes, in ticks: a heavy bid pushes it up.

    I * ask + (1 - I) * bid with the imbalance I = bid size / (bid size + ask size).
    """
    imbalance = touch.bid_quantity / (touch.bid_quantity + touch.ask_quantity)
    return imbalance * touch.ask + (1 - imbalance) * touch.bid


def microprice(touch: Touch) -> float:
    """The expected price of the touch that survives, in ticks, when both queues diffuse alike and independently.

    The chance that the ask empties first is 1/2 - (2/pi) * atan((ask size - bid size) / (ask size + bid size)):
    Cont & de Larrard, "Price dynamics in a Markovian limit order market", SIAM J. Fin. Math. 4 (2013), the diffusion
    limit with uncorrelated order flow. It has no parameter to calibrate and is flatter at the extremes than the
    weighted mid.
    """
    contrast = (touch.ask_quantity - touch.bid_quantity) / (touch.ask_quantity + touch.bid_quantity)
    up = 0.5 - 2 / pi * atan(contrast)
    return up * touch.ask + (1 - up) * touch.bid

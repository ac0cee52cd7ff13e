"""Fair value: one price per source, from the others' touch. All are pure functions and stay inside the spread."""

from enum import StrEnum
from math import atan, pi
from typing import assert_never

from replenisher.core.book import Touch


class Source(StrEnum):
    """Where a fair value comes from."""

    MID = "mid"
    MICRO = "micro"
    WEIGHTED = "weighted"
    LAST = "last"
    FIXED = "fixed"


def fair_value(source: Source, touch: Touch, tick: float, last_trade: int | None, fixed: float | None) -> float | None:
    """The fair value in price units; None where the source has nothing to say yet."""
    match source:
        case Source.MID:
            return mid(touch) * tick
        case Source.WEIGHTED:
            return weighted_mid(touch) * tick
        case Source.MICRO:
            return microprice(touch) * tick
        case Source.LAST:
            return None if last_trade is None else last_trade * tick
        case Source.FIXED:
            return fixed
        case _:
            assert_never(source)


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

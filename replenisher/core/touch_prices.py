"""Prices that follow from the touch alone: where between the best bid and the best ask the market is, in ticks."""

from decimal import Decimal
from math import atan, pi

from replenisher.core.book import Touch
from replenisher.model.instrument import Instrument


def mark_of(touch: Touch, instrument: Instrument) -> Decimal:
    """The mid in price units, exactly: what limits and comparisons value an instrument at."""
    return (touch.bid + touch.ask) * instrument.tick / 2


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

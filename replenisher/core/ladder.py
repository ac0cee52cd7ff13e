"""Shared arithmetic of ladders: sizes by level, spreads by level, and leaning against an inventory."""

from enum import StrEnum
from typing import assert_never


class SizeCurve(StrEnum):
    """How the size of a level grows with its distance from the touch."""

    FLAT = "flat"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    CUSTOM = "custom"


def size_factors(curve: SizeCurve, levels: int, step: float) -> tuple[float, ...]:
    """Each level's size as a multiple of the first one's.

    linear: 1 + step * i; exponential: (1 + step) ** i. A custom ladder is written out and has no curve.
    """
    match curve:
        case SizeCurve.FLAT | SizeCurve.CUSTOM:
            return (1.0,) * levels
        case SizeCurve.LINEAR:
            return tuple(1 + step * i for i in range(levels))
        case SizeCurve.EXPONENTIAL:
            return tuple((1 + step) ** i for i in range(levels))
        case _:
            assert_never(curve)


def lean(inventory_quote: float, target_quote: float, ladder_quote: float) -> float:
    """How far the inventory is off its target, in whole ladders of one side, within [-1, 1]."""
    if ladder_quote <= 0:
        return 0.0
    return max(-1.0, min(1.0, (inventory_quote - target_quote) / ladder_quote))

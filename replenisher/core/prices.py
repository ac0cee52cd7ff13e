"""Prices from elsewhere: what a fair value may go by besides the book that is quoted, and how old each may be.

A price has a *source*, one word: the key of an instrument for the middle of its book; `index:KEY`, `mark:KEY` and
`funding_8h:KEY` for what a venue tells of one; `last:KEY` for what others traded at last; `http:NAME` for what is asked
for over HTTP. A price that is older than its reader wants is none. It is as old as its venue's clock says, where that
is known, and not as fresh as its arrival.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

Prices = Mapping[str, float]  # those that are fresh, by the reader's own names


class Of(StrEnum):
    """What a price is a price of."""

    MID = "mid"  # the others' best bid and ask
    INDEX = "index"
    MARK = "mark"
    FUNDING = "funding_8h"  # the rate of eight hours, positive when longs pay; no price, and as old as one
    LAST = "last"  # the last trade
    HTTP = "http"


TOLD_BY_A_TICKER = frozenset({Of.INDEX, Of.MARK, Of.FUNDING})


@dataclass(frozen=True, slots=True)
class PriceSpec:
    """One price that somebody wants, and for how long it is good."""

    of: Of
    name: str  # an instrument's key, or what the HTTP source is called; empty for the instrument that is quoted
    max_age_ns: int

    @property
    def source(self) -> str:
        """Where it comes from, in one word."""
        return self.name if self.of is Of.MID else f"{self.of}:{self.name}"

    def on(self, instrument: str) -> "PriceSpec":
        """The same for whoever quotes this instrument."""
        return self if self.name else replace(self, name=instrument)


class Told(msgspec.Struct, frozen=True, gc=False):
    """A price as it was told last."""

    price: float
    as_of: int  # session time

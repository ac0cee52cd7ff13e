"""The funding of a perpetual: where longs pay, the short are paid, so the centre goes down."""

from collections.abc import Mapping
from typing import NamedTuple

from replenisher.core.prices import Of, Prices, PriceSpec
from replenisher.model.units import BPS

FUNDING = "funding_8h"


class FundingShift(NamedTuple):
    """How far the centre moves with the rate that the venue tells."""

    factor: float  # bps for each bp that longs pay in eight hours

    def prices(self, max_age_ns: int) -> dict[str, PriceSpec]:
        """What it goes by."""
        return {FUNDING: PriceSpec(Of.FUNDING, "", max_age_ns)}

    def why_none(self, prices: Prices) -> str:
        """Why nothing can be quoted; empty if the rate is known."""
        return "" if FUNDING in prices else "fair value: the funding rate is not known"

    def shifted(self, price: float, prices: Prices) -> float | None:
        """Where the centre stands that was at this price; None while the rate is not known."""
        shift_bps = self._shift_bps(prices)
        return None if shift_bps is None else price * (1 + shift_bps / BPS)

    def terms(self, prices: Prices) -> Mapping[str, float]:
        """What is told of it."""
        shift_bps = self._shift_bps(prices)
        return {} if shift_bps is None else {"funding_shift_bps": shift_bps}

    def _shift_bps(self, prices: Prices) -> float | None:
        rate = prices.get(FUNDING)
        return None if rate is None else -self.factor * rate * BPS

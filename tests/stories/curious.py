"""A strategy beside a configuration that wants to be told every signal there is, and shows them all as its terms."""

from dataclasses import dataclass
from decimal import Decimal

from replenisher.core.signals.depth import DepthImbalance, PriceBehind, Vamp, VampOfSize, WeightedDepth
from replenisher.core.signals.flow import LevelFlow, OrderFlowImbalance, TradeImbalance, Vpin
from replenisher.core.signals.intensity import ArrivalDecay, ArrivalRate
from replenisher.core.signals.ranges import GarmanKlassVolatility, ParkinsonVolatility, RogersSatchellVolatility
from replenisher.core.signals.signal import SignalSpec
from replenisher.core.signals.spreads import EffectiveSpread, RealizedSpread
from replenisher.core.signals.touch import Microprice, Mid, WeightedMid
from replenisher.core.signals.volatility import BipowerVolatility, TwoScaleVolatility, Volatility
from replenisher.core.strategy import Quotes, View
from replenisher.model.instrument import AmountUnit
from replenisher.model.order import Side
from replenisher.model.step import Quote

WINDOW_S = 60.0


@dataclass(frozen=True)
class Curious:
    """One quote a side, so far from the micro-price as takers paid of late."""

    lots: int

    @property
    def signals(self) -> dict[str, SignalSpec]:
        """By names of its own."""
        return {
            "mid": Mid(),
            "weighted_mid": WeightedMid(),
            "microprice": Microprice(),
            "vamp": Vamp(levels=3),
            "vamp_of_size": VampOfSize(amount=Decimal(2_000)),
            "weighted_depth": WeightedDepth(levels=3),
            "depth_imbalance": DepthImbalance(levels=3),
            "bid_behind": PriceBehind(side=Side.BUY, amount=Decimal(2_000), unit=AmountUnit.QUOTE),
            "ofi": OrderFlowImbalance(window_s=WINDOW_S),
            "ofi_2": LevelFlow(window_s=WINDOW_S, level=2, levels=3),
            "ofi_3": LevelFlow(window_s=WINDOW_S, level=3, levels=3),
            "trade_imbalance": TradeImbalance(window_s=WINDOW_S),
            "vpin": Vpin(bucket=Decimal(20_000), buckets=10),
            "sigma": Volatility(window_s=WINDOW_S),
            "bipower": BipowerVolatility(window_s=WINDOW_S),
            "two_scale": TwoScaleVolatility(window_s=WINDOW_S),
            "parkinson": ParkinsonVolatility(window_s=WINDOW_S),
            "garman_klass": GarmanKlassVolatility(window_s=WINDOW_S),
            "rogers_satchell": RogersSatchellVolatility(window_s=WINDOW_S),
            "a": ArrivalRate(window_s=WINDOW_S),
            "k": ArrivalDecay(window_s=WINDOW_S),
            "effective": EffectiveSpread(window_s=WINDOW_S),
            "realized": RealizedSpread(window_s=WINDOW_S, horizon_s=1),
        }

    def quote(self, view: View) -> Quotes:
        """Its two quotes, and what it was told."""
        told, instrument = view.signals, view.instrument
        fair, away = told["microprice"], max(told["effective"], 10 * instrument.tick_float)
        quotes = tuple(
            Quote(side, 0, instrument.round_price(side, fair - side.sign * away), self.lots) for side in Side
        )
        return Quotes(fair_value=fair, quotes=quotes, terms=dict(told))

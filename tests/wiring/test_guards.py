"""Guards as they are written in a file become those of the core, and what is not written is not there."""

from decimal import Decimal
from pathlib import Path

import pytest

from replenisher.config import load
from replenisher.core.guards import Guards
from replenisher.core.queue_value import QueuePolicy
from replenisher.core.toxicity import Response, ToxicityPolicy
from replenisher.errors import ConfigurationError
from replenisher.model.units import SECOND_NS
from replenisher.wiring.setup import setup_of

FEES = "fees: {maker_bps: 0, taker_bps: 5}"
PAPER = Path(__file__).parents[2] / "configs" / "paper.yaml"
WRITTEN = """max_per_minute: 30, max_daily_sell_quote: 90000.5, hanging_pct: 0.5,
      toxicity: {response: delay, delay_s: 7, fills_min: 3, horizon_s: 2.5, window_s: 60, markout_bps_min: -0.5,
      cluster_fills: 4, cluster_s: 1.5}}
    min_profit_bps: 1.25
    maker_fee_bps: -0.25
    keep_place: {within_bps: 1.5, horizon_s: 4, queue_model: {power: {n: 2}}}"""


def test_guards_that_are_written_are_those_of_the_core(tmp_path: Path) -> None:
    path = tmp_path / "guarded.yaml"
    path.write_text(PAPER.read_text().replace("max_per_minute: 30}", WRITTEN))

    (strategy,) = setup_of(load(path)).strategies

    assert strategy.guards == Guards(
        closest_bps=1.0,
        maker_fee_bps=-0.25,
        toxicity=ToxicityPolicy(
            response=Response.DELAY,
            horizon_ns=5 * SECOND_NS // 2,
            window_ns=60 * SECOND_NS,
            fills_min=3,
            markout_bps_min=-0.5,
            cluster_fills=4,
            cluster_ns=3 * SECOND_NS // 2,
            delay_ns=7 * SECOND_NS,
        ),
        max_daily_sell_quote=Decimal("90000.5"),
        hanging_pct=0.5,
        queue=QueuePolicy(within_bps=1.5, horizon_ns=4 * SECOND_NS, power=2),
    )


GUARDED = PAPER.read_text().replace("    amend: auto", "    amend: auto\n    min_profit_bps: 1.25")


@pytest.mark.parametrize(
    ("fees", "fee_bps"),
    [
        ("fees: {maker_bps: 0.5}", 0.5),
        (
            "fees: {maker_bps: 0.5}\n  instruments: {BTC-PERPETUAL: {fees: {maker_bps: -1}}}",
            -1,
        ),
    ],
)
def test_the_fee_of_the_simulated_exchange_is_known(tmp_path: Path, fees: str, fee_bps: float) -> None:
    path = tmp_path / "guarded.yaml"
    assert FEES in GUARDED
    path.write_text(GUARDED.replace(FEES, fees))

    (strategy,) = setup_of(load(path)).strategies

    assert strategy.guards == Guards(closest_bps=1.25 + fee_bps, maker_fee_bps=fee_bps)


def test_the_fee_of_a_real_venue_must_be_said(tmp_path: Path) -> None:
    path = tmp_path / "guarded.yaml"
    path.write_text(GUARDED.replace("mode: paper", "mode: testnet"))

    with pytest.raises(ConfigurationError, match=r"strategies\[0\].maker_fee_bps is missing, min_profit_bps has no"):
        load(path)


def test_without_any_there_are_none() -> None:
    (strategy,) = setup_of(load(PAPER)).strategies

    assert strategy.guards is None

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

from replenisher.config.page import page
from replenisher.config.parameters import Parameter, every_key, every_strategy, offer, offers
from replenisher.core.strategy import NO_QUOTES, Quotes, View
from strategies.avellaneda_stoikov import AvellanedaStoikov
from strategies.glft import Glft
from strategies.liquidity_profile import LiquidityProfile
from strategies.ping_pong import PingPong
from strategies.pure_mm import PureMarketMaking
from strategies.top_of_book import TopOfBook
from strategies.volatility_mm import VolatilityMarketMaking

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Bands:
    """Keeps every band between its margins.

    What follows the first sentence is for those who read the code.
    """

    width_bps: float
    side: Literal["buy", "sell", "both"] = "both"
    order_lots: int | None = None
    reserve_quote: Decimal = Decimal(100)

    def quote(self, view: View) -> Quotes:
        return NO_QUOTES


def parameters(strategy: type) -> dict[str, Parameter]:
    return {parameter.key: parameter for parameter in offer(strategy, "here").parameters}


def test_an_opinion_is_the_first_sentence_of_its_class() -> None:
    assert offer(Bands, "bands.py:Bands").opinion == "Keeps every band between its margins."


def test_every_parameter_has_a_kind_a_unit_and_a_default() -> None:
    assert parameters(Bands) == {
        "width_bps": Parameter(key="width_bps", kind="number", unit="basis points", about="", is_required=True),
        "side": Parameter(key="side", kind="buy | sell | both", unit="", about="", is_required=False, default="both"),
        "order_lots": Parameter(key="order_lots", kind="whole number", unit="", about="", is_required=False),
        "reserve_quote": Parameter(
            key="reserve_quote", kind="number", unit="the quote currency", about="", is_required=False, default="100"
        ),
    }


def test_blocks_and_lists_are_opened() -> None:
    found = parameters(PureMarketMaking)

    assert found["inventory.skew"].kind == "none | price | size | both"
    assert (found["fair_value.price"].kind, found["fair_value.price"].default) == ("number > 0", None)
    assert found["bid_levels"].kind == "list of {spread_bps, amount}"
    assert (found["bid_levels[].spread_bps"].unit, found["bid_levels[].spread_bps"].is_required) == (
        "basis points",
        True,
    )
    assert found["order_levels"].kind == "whole number ≥ 1, ≤ 50"
    assert found["order_amount"].about == "size of the first level, in size_unit"


def test_a_block_that_says_what_it_is_has_a_line_of_its_own() -> None:
    found = parameters(Glft)

    assert found["sigma"] == Parameter(
        key="sigma",
        kind="{value, window_s, min, max, estimator}",
        unit="",
        about="volatility, in price units per square root of a second",
        is_required=True,
    )
    assert found["sigma.window_s"].unit == "seconds"
    assert "fair_value" not in found


def test_the_page_of_every_key_is_the_one_that_is_written_from_the_sections() -> None:
    written = (ROOT / "docs/configuration.md").read_text()

    assert written == page(), "write it anew: make docs"


def test_what_has_a_name_of_ones_own_and_what_is_one_of_several_are_opened_too() -> None:
    found = {parameter.key: parameter for parameter in every_key()}

    assert (found["venues.NAME.adapter"].is_required, found["exchange.balances"].kind) == (True, "by name: number > 0")
    assert found["exchange.queue_model"].kind == "risk_averse | {power}"
    assert found["exchange.market.speed"].default == 1.0
    assert found["exchange.market"].kind.startswith("{source: synthetic, time_scale, ")
    assert found["version"].kind == "1"


def test_a_unit_is_the_last_word_but_for_a_bound_and_is_none_of_what_is_counted_in_a_time() -> None:
    units = {parameter.key: parameter.unit for parameter in every_key()}

    assert units["strategies[].refill.delay_s"] == "seconds"
    assert units["strategies[].refill.toxicity.markout_bps_min"] == "basis points"
    assert units["strategies[].refill.toxicity.fills_min"] == units["venues.NAME.rate_limit_per_s"] == ""


def test_every_strategy_takes_all_keys_of_its_section() -> None:
    keys = {parameter.key for parameter in every_strategy()}

    assert {"id", "refill.max_per_minute", "risk.max_order_quote", "obligations.min_uptime_pct"} <= keys


def test_what_is_installed_is_offered() -> None:
    assert offers() == {
        name: offer(strategy, f"strategies.{name}:{strategy.__name__}")
        for name, strategy in {
            "avellaneda_stoikov": AvellanedaStoikov,
            "glft": Glft,
            "liquidity_profile": LiquidityProfile,
            "ping_pong": PingPong,
            "pure_mm": PureMarketMaking,
            "top_of_book": TopOfBook,
            "volatility_mm": VolatilityMarketMaking,
        }.items()
    }

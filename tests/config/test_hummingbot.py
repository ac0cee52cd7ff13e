"""Every key of Hummingbot's two templates has one row, and the row tells the truth about what becomes of it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from replenisher.config import load
from replenisher.config.hummingbot.keys import AVELLANEDA, PURE, TABLE, Fate, Row
from replenisher.config.hummingbot.page import page
from replenisher.config.hummingbot.reading import Given, Percents
from replenisher.config.hummingbot.translation import Translation, translate
from replenisher.config.hummingbot.writing import written
from replenisher.errors import ConfigurationError
from strategies.avellaneda_stoikov import AvellanedaStoikov
from strategies.pure_mm import PureMarketMaking

ROOT = Path(__file__).parent.parent.parent
# The keys of the template of version 24, and of the model behind the files of Avellaneda's.
PURE_KEYS = """
template_version strategy exchange market bid_spread ask_spread minimum_spread order_refresh_time max_order_age
order_refresh_tolerance_pct order_amount price_ceiling price_floor moving_price_band_enabled price_ceiling_pct
price_floor_pct price_band_refresh_time ping_pong_enabled order_levels order_level_amount order_level_spread
inventory_skew_enabled inventory_target_base_pct inventory_range_multiplier inventory_price filled_order_delay
hanging_orders_enabled hanging_orders_cancel_pct order_optimization_enabled ask_order_optimization_depth
bid_order_optimization_depth add_transaction_costs price_source price_type price_source_exchange price_source_market
take_if_crossed price_source_custom_api custom_api_update_interval order_override should_wait_order_cancel_confirmation
split_order_levels_enabled bid_order_level_spreads ask_order_level_spreads bid_order_level_amounts
ask_order_level_amounts
"""
AVELLANEDA_KEYS = """
template_version strategy exchange market execution_timeframe_mode execution_timeframe_mode.start_datetime
execution_timeframe_mode.end_datetime execution_timeframe_mode.start_time execution_timeframe_mode.end_time order_amount
order_optimization_enabled risk_factor order_amount_shape_factor min_spread order_refresh_time max_order_age
order_refresh_tolerance_pct filled_order_delay inventory_target_base_pct add_transaction_costs volatility_buffer_size
trading_intensity_buffer_size order_levels_mode order_levels_mode.order_levels order_levels_mode.level_distances
order_override hanging_orders_mode hanging_orders_mode.hanging_orders_cancel_pct should_wait_order_cancel_confirmation
"""
KEYS = {PURE: PURE_KEYS.split(), AVELLANEDA: AVELLANEDA_KEYS.split()}

# A desk of each, on which nothing needs to be said but money and what is never in the file.
DESKS: dict[str, dict[str, Any]] = {
    PURE: {"template_version": 24, "exchange": "binance", "market": "BTC-USDT", "order_amount": 0.01}
    | {"bid_spread": 0.1, "ask_spread": 0.12},
    AVELLANEDA: {"exchange": "binance", "market": "BTC-USDT", "order_amount": 0.01, "execution_timeframe_mode": {}},
}
MONEY: dict[str, Any] = {
    "risk.max_order_quote": 2000,
    "risk.max_position_quote": 10000,
    "risk.max_daily_loss_quote": 100,
    "exchange.balances": {"BTC": 1, "USDT": 50000},
}
SAID: dict[str, dict[str, Any]] = {
    PURE: MONEY,
    AVELLANEDA: MONEY
    | {"gamma": Decimal("0.1"), "sigma": {"value": 45}, "k": {"window_s": 300, "min": 1, "max": 9}}
    | {"horizon_s": 300, "target_base": 0},
}
# What else a file must say so that a key is read: a whole desk of two levels, lists, another price, and so on.
BESIDE: dict[str, dict[str, Any]] = {
    "price_ceiling_pct": {"moving_price_band_enabled": True},
    "price_floor_pct": {"moving_price_band_enabled": True},
    "price_band_refresh_time": {"moving_price_band_enabled": True},
    "order_level_amount": {"order_levels": 2, "order_level_spread": 0.1},
    "order_level_spread": {"order_levels": 2},
    "order_levels": {"order_level_spread": 0.1},
    "inventory_target_base_pct": {"inventory_skew_enabled": True},
    "inventory_range_multiplier": {"inventory_skew_enabled": True},
    "hanging_orders_cancel_pct": {"hanging_orders_enabled": True},
    "ask_order_optimization_depth": {"order_optimization_enabled": True},
    "bid_order_optimization_depth": {"order_optimization_enabled": True},
    "price_source_exchange": {"price_source": "external_market"},
    "price_source_market": {"price_source": "external_market"},
    "price_source_custom_api": {"price_source": "custom_api"},
    "custom_api_update_interval": {"price_source": "custom_api", "price_source_custom_api": "http://127.0.0.1/p"},
} | {
    f"{side}_order_level_{what}": {"split_order_levels_enabled": True}
    | {f"{each}_order_level_spreads": "0.1" for each in ("bid", "ask")}
    | {f"{each}_order_level_amounts": "0.01" for each in ("bid", "ask")}
    for side in ("bid", "ask")
    for what in ("spreads", "amounts")
}
LISTS = BESIDE["bid_order_level_spreads"]
BESIDE["split_order_levels_enabled"] = {
    key: value for key, value in LISTS.items() if key != "split_order_levels_enabled"
}
# And what must be said besides so that something is written.
FURTHER: dict[str, dict[str, Any]] = {
    "inventory_range_multiplier": {"inventory.target_quote": 0},
    "inventory_skew_enabled": {"inventory.target_quote": 0},
    "price_type": {"fair_value.max_trade_age_s": 300},
    "price_source_custom_api": {"price_sources.custom.field": "p"},
    "custom_api_update_interval": {"price_sources.custom.field": "p"},
    "order_levels_mode": {"level_spacing_bps": 5},
    "order_levels_mode.order_levels": {"level_spacing_bps": 5},
} | {
    f"execution_timeframe_mode.{end}": {"horizon": "rolling"}
    for end in ("start_time", "end_time", "start_datetime", "end_datetime")
}
# Two values of each key whose difference must be seen, in what is written, asked or told.
VALUES: dict[str, tuple[Any, Any]] = {
    "strategy": (PURE, AVELLANEDA),
    "template_version": (24, 7),
    "exchange": ("binance", "kraken"),
    "market": ("BTC-USDT", "ETH-USDT"),
    "bid_spread": (0.1, 0.2),
    "ask_spread": (0.1, 0.2),
    "minimum_spread": (-100, 0.05),
    "order_refresh_time": (None, 30),
    "max_order_age": (1800, 60),
    "order_refresh_tolerance_pct": (0, 0.01),
    "order_amount": (0.01, 0.02),
    "price_ceiling": (-1, 70000),
    "price_floor": (-1, 50000),
    "moving_price_band_enabled": (False, True),
    "price_ceiling_pct": (None, 2),
    "price_floor_pct": (None, -2),
    "price_band_refresh_time": (None, 60),
    "ping_pong_enabled": (False, True),
    "order_levels": (1, 2),
    "order_level_amount": (0, 0.01),
    "order_level_spread": (0.1, 0.2),
    "inventory_skew_enabled": (False, True),
    "inventory_target_base_pct": (50, 60),
    "inventory_range_multiplier": (1, 2),
    "inventory_price": (None, 60000),
    "filled_order_delay": (60, 5),
    "hanging_orders_enabled": (False, True),
    "hanging_orders_cancel_pct": (10, 3),
    "order_optimization_enabled": (False, True),
    "ask_order_optimization_depth": (None, 1),
    "bid_order_optimization_depth": (None, 1),
    "add_transaction_costs": (False, True),
    "price_source": ("current_market", "external_market"),
    "price_type": ("mid_price", "last_price"),
    "price_source_exchange": ("kucoin", "okx"),
    "price_source_market": ("BTC-USDT", "BTC-USDC"),
    "take_if_crossed": (False, True),
    "price_source_custom_api": ("http://127.0.0.1/p", "http://127.0.0.1/q"),
    "custom_api_update_interval": (5, 1),
    "order_override": (None, {"one": ["buy", 0.5, 0.1]}),
    "should_wait_order_cancel_confirmation": (True, False),
    "split_order_levels_enabled": (False, True),
    "bid_order_level_spreads": ("0.1", "0.2"),
    "ask_order_level_spreads": ("0.1", "0.2"),
    "bid_order_level_amounts": ("0.01", "0.02"),
    "ask_order_level_amounts": ("0.01", "0.02"),
    "execution_timeframe_mode": ("infinite", "daily_between_times"),
    "execution_timeframe_mode.start_datetime": (None, "2026-01-01 00:00:00"),
    "execution_timeframe_mode.end_datetime": (None, "2026-01-02 00:00:00"),
    "execution_timeframe_mode.start_time": (None, "09:00:00"),
    "execution_timeframe_mode.end_time": (None, "17:00:00"),
    "risk_factor": (1, 2),
    "order_amount_shape_factor": (0, 0.5),
    "min_spread": (0, 0.1),
    "volatility_buffer_size": (200, 60),
    "trading_intensity_buffer_size": (200, 60),
    "order_levels_mode": ("single_order_level", "multi_order_level"),
    "order_levels_mode.order_levels": (2, 3),
    "order_levels_mode.level_distances": (None, 10),
    "hanging_orders_mode": ("ignore_hanging_orders", "track_hanging_orders"),
    "hanging_orders_mode.hanging_orders_cancel_pct": (10, 3),
}
ROWS = [(strategy, row) for strategy, rows in TABLE.items() for row in rows]


def desk(room: Path, strategy: str, /, **keys: Any) -> Path:
    """A file of Hummingbot's: the desk, with these keys besides; a dot leads into a mode."""
    content: dict[str, Any] = {"strategy": strategy} | DESKS.get(strategy, {})
    for key, value in keys.items():
        mode, dot, below = key.partition(".")
        if dot:
            content[mode] = (content.get(mode) or {}) | ({} if value is None else {below: value})
        else:
            content[key] = value
    file = room / "conf_desk.yml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def brought(file: Path, said: dict[str, Any], mode: str = "paper", percents: Percents | None = None) -> Translation:
    return translate(Given(file, percents), mode, said)


def outcome(file: Path, said: dict[str, Any], mode: str) -> str:
    """What an import comes to: the text of the file, or the sentence that refuses it."""
    try:
        given = Given(file)
        return written(given, translate(given, mode, said))
    except ConfigurationError as error:
        return str(error)


@pytest.mark.parametrize("strategy", KEYS)
def test_every_key_of_the_template_is_in_the_table_once(strategy: str) -> None:
    assert sorted(row.key for row in TABLE[strategy]) == sorted(KEYS[strategy])


def test_the_page_is_the_table() -> None:
    assert (ROOT / "docs/from-hummingbot.md").read_text() == page(), "write it anew: make docs"


@pytest.mark.parametrize(("strategy", "row"), ROWS, ids=[f"{strategy}-{row.key}" for strategy, row in ROWS])
def test_no_key_is_swallowed(tmp_path: Path, strategy: str, row: Row) -> None:
    """What is mapped changes what is written, what is asked for is named, and what is lost is told with its value.

    An asked key need not be told apart from another value of itself: our own number takes its place.
    """
    one, other = VALUES[row.key]
    beside = BESIDE.get(row.key, {}) if strategy == PURE else {}
    said = SAID[strategy] | FURTHER.get(row.key, {})
    mode = "testnet" if row.key == "exchange" else "paper"
    first = outcome(desk(tmp_path, strategy, **beside | {row.key: one}), said, mode)
    second = outcome(desk(tmp_path, strategy, **beside | {row.key: other}), said, mode)

    match row.fate:
        case Fate.MAPPED:
            assert first != second
        case Fate.LOST:
            assert f"{row.key}: " in second and row.becomes in second
            assert f"{row.key}: " not in first
        case Fate.ASKED:
            without = {key: value for key, value in said.items() if key.partition(".")[0] != row.ours}
            needed = desk(tmp_path, strategy, **beside | {row.key: other})
            assert f"{row.ours} (" in outcome(needed, without, mode)


def test_what_loses_nothing_is_not_told_however_it_is_written(tmp_path: Path) -> None:
    quiet = {"take_if_crossed": "No", "inventory_price": 1.0, "should_wait_order_cancel_confirmation": "yes"}
    shapeless = {"order_amount_shape_factor": 0.0, "order_optimization_enabled": False}

    assert brought(desk(tmp_path, PURE, **quiet), MONEY).lost == ()
    assert brought(desk(tmp_path, AVELLANEDA, **shapeless), SAID[AVELLANEDA]).lost == ()


def test_a_blank_that_is_on_there_is_told_as_lost(tmp_path: Path) -> None:
    lost = brought(desk(tmp_path, AVELLANEDA, order_optimization_enabled=None), SAID[AVELLANEDA]).lost

    assert [(each.key, each.value) for each in lost if each.key.startswith("order_opt")] == [
        ("order_optimization_enabled", "true (blank)")
    ]


def test_what_was_asked_for_stands_beside_what_it_was_there(tmp_path: Path) -> None:
    text = outcome(desk(tmp_path, AVELLANEDA, risk_factor="0.5"), SAID[AVELLANEDA], "paper")

    assert "#   risk_factor: 0.5 - gamma" in text.splitlines()


def test_a_bound_that_does_something_else_here_is_told_with_what(tmp_path: Path) -> None:
    file = desk(tmp_path, PURE, price_ceiling=70000, price_floor=-1)

    (told,) = brought(file, MONEY).differs
    text = outcome(file, MONEY, "paper")

    assert (told.key, told.value) == ("price_ceiling", "70000")
    assert "Hummingbot has no bid at all while the reference price is at it or above" in told.how
    assert f"#   price_ceiling: 70000 - {told.how}" in text.splitlines()
    assert brought(file, MONEY | {"price_ceiling": 80_000}).differs == (), "who says it himself knows ours"


def test_a_perpetual_that_is_rehearsed_as_spot_is_told_as_such(tmp_path: Path) -> None:
    file = desk(tmp_path, PURE, exchange="binance_perpetual")

    translation = brought(file, MONEY)
    (told,) = translation.differs
    text = outcome(file, MONEY, "paper")

    assert translation.config["strategies"][0]["instrument"] == "BTC_USDT"
    assert (told.key, told.value) == ("exchange", "binance_perpetual")
    assert "the pair here is spot on the simulated exchange" in told.how
    assert f"#   exchange: binance_perpetual - {told.how}" in text.splitlines()


def test_sizes_that_lean_less_far_here_are_told_as_such(tmp_path: Path) -> None:
    """There the bids are nothing with two whole sides too much; here one leaves a half of them, and so do two."""
    said = MONEY | {"inventory.target_quote": 0}
    translation = brought(desk(tmp_path, PURE, inventory_skew_enabled=True, inventory_range_multiplier=1), said)

    assert translation.config["strategies"][0]["inventory"]["skew_factor"] == Decimal("0.5")
    (told,) = translation.differs
    assert (told.key, told.value) == ("inventory_range_multiplier", "1")
    assert "Hummingbot's is nothing with 2 × it sides too much" in told.how
    assert brought(desk(tmp_path, PURE), MONEY).differs == ()


def test_a_blank_is_what_it_was_there(tmp_path: Path) -> None:
    strategy = brought(desk(tmp_path, PURE, order_levels=2), MONEY).config["strategies"][0]

    assert strategy["level_spacing_bps"] == 100
    assert (strategy["max_order_age_s"], strategy["refill"]["delay_s"]) == (1800, 60)


def test_a_ladder_is_the_same_ladder_in_basis_points(tmp_path: Path) -> None:
    file = desk(
        tmp_path, PURE, order_levels=3, order_level_spread=0.05, minimum_spread=0.02, order_refresh_tolerance_pct=0.02
    )
    ours = tmp_path / "desk.yaml"
    given = Given(file)
    ours.write_text(written(given, translate(given, "paper", MONEY)))

    config = load(ours)

    ladder = config.strategy("core")
    assert isinstance(ladder, PureMarketMaking)
    assert (ladder.order_levels, ladder.order_amount, ladder.size_unit) == (3, Decimal("0.01"), "base")
    assert (ladder.bid_spread_bps, ladder.ask_spread_bps, ladder.level_spacing_bps) == (10, 12, 5)
    assert ladder.min_spread_bps == 4  # 0.02 % on either side of the mid
    assert config.strategies[0].order_refresh_tolerance_bps == 2
    assert (config.strategies[0].refill.delay_s, config.strategies[0].max_order_age_s) == (60, 1800)
    assert (config.strategies[0].instrument, config.risk.max_open_orders) == ("BTC_USDT", 12)


def test_levels_that_grow_shrink_or_are_listed_are_written_out_to_the_last_digit(tmp_path: Path) -> None:
    def levels(side: str = "bid_levels", **keys: Any) -> list[tuple[Decimal, Decimal]]:
        strategy = brought(desk(tmp_path, PURE, **keys), MONEY).config["strategies"][0]
        assert strategy["size_curve"] == "custom"
        return [(level["spread_bps"], level["amount"]) for level in strategy[side]]

    grown = levels(order_levels=3, order_level_spread=0.1, order_level_amount=0.003)
    shrunk = levels(order_levels=3, order_level_spread=0.1, order_level_amount=-0.005)
    split = levels(
        side="ask_levels",
        split_order_levels_enabled=True,
        bid_order_level_spreads="0.5,1",
        bid_order_level_amounts="1,2",
        ask_order_level_spreads="0.7, 1.5, 3",
        ask_order_level_amounts="8,12,20",
    )
    override = levels(order_override={"a": ["buy", 0.75, 200], "b": ["buy", 0.5, 100], "c": ["sell", 0.1, 5]})

    both = levels(order_override={"a": ["buy", 0.75, 200]}, **LISTS)

    d = Decimal
    assert both == [(10, d("0.01"))], "the lists stand in place of what is named"
    assert grown == [(10, d("0.01")), (20, d("0.013")), (30, d("0.016"))]
    assert shrunk == [(10, d("0.01")), (20, d("0.005"))], "the third one would be nothing"
    assert split == [(70, 8), (150, 12), (300, 20)]
    assert override == [(50, 100), (75, 200)], "nearest first"


def test_a_fee_widens_every_level_of_a_ladder(tmp_path: Path) -> None:
    fee = MONEY | {"maker_fee_bps": Decimal("7.5")}

    counted = brought(desk(tmp_path, PURE, add_transaction_costs=True), fee).config["strategies"][0]
    listed = brought(desk(tmp_path, PURE, add_transaction_costs=True, **LISTS), fee).config["strategies"][0]

    assert (counted["bid_spread_bps"], counted["ask_spread_bps"]) == (Decimal("17.5"), Decimal("19.5"))
    assert [level["spread_bps"] for level in listed["bid_levels"]] == [Decimal("17.5")]


def test_the_model_is_avellanedas_unless_its_orders_are_written_out(tmp_path: Path) -> None:
    ours = tmp_path / "desk.yaml"
    given = Given(desk(tmp_path, AVELLANEDA, min_spread=0.1))
    ours.write_text(written(given, translate(given, "paper", SAID[AVELLANEDA])))
    override = desk(tmp_path, AVELLANEDA, order_override={"a": ["buy", 0.5, 1], "b": ["sell", 0.5, 1]})

    model = load(ours).strategy("core")

    assert isinstance(model, AvellanedaStoikov)
    assert (model.gamma, model.horizon, model.horizon_s, model.min_spread_bps) == (0.1, "rolling", 300, 10)
    assert brought(override, MONEY).config["strategies"][0]["strategy"] == "pure_mm"


def test_an_older_file_without_modes_is_the_same_file(tmp_path: Path) -> None:
    """Templates of Avellaneda's had no modes before their files had a model of their own."""
    older = {"template_version": 8, "execution_timeframe": "daily_between_times", "start_time": "09:00:00"}
    older |= {"order_levels": 2, "level_distances": 5, "hanging_orders_enabled": True, "hanging_orders_cancel_pct": 3}
    newer = {"execution_timeframe_mode.start_time": "09:00:00", "order_levels_mode.order_levels": 2}
    newer |= {"order_levels_mode.level_distances": 5, "hanging_orders_mode.hanging_orders_cancel_pct": 3}
    said = SAID[AVELLANEDA] | {"level_spacing_bps": 5, "horizon": "rolling"}
    file = desk(tmp_path, AVELLANEDA, **older)
    file.write_text(file.read_text().replace("execution_timeframe_mode: {}\n", ""))

    before = brought(file, said)

    assert before == brought(desk(tmp_path, AVELLANEDA, **newer), said)
    assert before.config["strategies"][0]["refill"]["hanging_pct"] == 3


@pytest.mark.parametrize(
    ("percents", "spread_bps"), [(Percents.PERCENT, 10), (Percents.FRACTION, 1000)], ids=["percent", "fraction"]
)
def test_a_unit_that_is_not_known_is_asked_for(tmp_path: Path, percents: Percents, spread_bps: int) -> None:
    file = desk(tmp_path, PURE, template_version=12)

    with pytest.raises(ConfigurationError, match="template_version 12 writes one percent as 1 or as"):
        brought(file, MONEY)

    assert brought(file, MONEY, percents=percents).config["strategies"][0]["bid_spread_bps"] == spread_bps


def test_what_is_blank_and_what_is_money_is_named_all_at_once(tmp_path: Path) -> None:
    file = desk(tmp_path, PURE, bid_spread=None, order_amount=None)

    with pytest.raises(ConfigurationError) as refused:
        brought(file, {})

    for key in ("bid_spread_bps", "order_amount", *MONEY):
        assert f"{key} (" in str(refused.value)
    assert brought(file, MONEY | {"bid_spread_bps": 5, "order_amount": 1}).config["risk"]["max_order_quote"] == 2000


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"strategy": "cross_exchange_market_making"}, "strategy: 'cross_exchange_market_making' cannot be imported"),
        ({"bid_spread": "wide"}, "bid_spread: 'wide' is not allowed, it must be a number: percent: 1 is 1 %"),
        ({"ping_pong_enabled": "sometimes"}, "ping_pong_enabled: 'sometimes' is not allowed, it must be true or false"),
        ({"order_levels": 1.5}, "order_levels: '1.5' is not allowed, it must be a whole number from 1 on"),
        ({"price_type": "best_bid"}, "price_type: 'best_bid' is not allowed, it must be one of: mid_price, "),
        ({"trade_gain_enabled": True}, "trade_gain_enabled is no key of Hummingbot's pure_market_making"),
        ({"market": "BTCUSDT"}, "market: 'BTCUSDT' is not allowed, it must be a pair like BTC-USDT"),
        ({"exchange": None}, "exchange: it must name an exchange"),
        ({"order_override": {"a": ["buy", 1]}}, "order_override.a: it must be like [buy, 0.5, 100]"),
        (
            LISTS | {"bid_order_level_amounts": "1,2"},
            "bid_order_level_amounts: '1,2' is not allowed, there are 1 spreads",
        ),
    ],
)
def test_a_file_that_cannot_be_brought_over_is_one_sentence(
    tmp_path: Path, keys: dict[str, Any], sentence: str
) -> None:
    file = desk(tmp_path, str(keys.get("strategy", PURE)), **keys)

    with pytest.raises(ConfigurationError) as refused:
        brought(file, MONEY)

    assert str(refused.value).startswith(f"{file}: {sentence}")
    assert refused.value.exit_code == 78


def test_a_real_venue_is_reached_through_ccxt_and_needs_a_word_on_what_outlives_us(tmp_path: Path) -> None:
    limits = {key: value for key, value in MONEY.items() if key.startswith("risk")}
    file = desk(tmp_path, PURE, exchange="gate_io")

    config = brought(file, limits, "testnet").config

    assert config["venues"] == {"gate": {"adapter": "ccxt", "exchange": "gate"}}
    assert (config["strategies"][0]["venue"], config["strategies"][0]["instrument"]) == ("gate", "BTC/USDT")
    with pytest.raises(ConfigurationError, match=r"venues\.gate\.allow_no_dead_man \("):
        brought(file, limits, "live")
    with pytest.raises(ConfigurationError, match="exchange: 'bitmart' is not allowed, it is not traded on here"):
        brought(desk(tmp_path, PURE, exchange="bitmart"), limits, "testnet")

"""Every key of Hummingbot's two templates: in which unit it is written there, and what it is here.

A key is *mapped*, and then changes what is written; or *asked* for, because its unit or its meaning is not in the file,
and then `--set` must say what it is here; or it is *without equivalent*, and then the import says what to do instead.
"""

from enum import StrEnum
from typing import NamedTuple

PURE, AVELLANEDA = "pure_market_making", "avellaneda_market_making"


class Unit(StrEnum):
    """What a value counts in Hummingbot's templates."""

    WORD = "word"
    SWITCH = "true or false"
    COUNT = "a whole number"
    NUMBER = "a number without a unit"
    PERCENT = "percent: 1 is 1 %"
    SECONDS = "seconds"
    SAMPLES = "samples, one a tick of Hummingbot's clock"
    AMOUNT = "the base currency"
    PRICE = "the quote currency, for one of base"
    MOMENT = "a time on the clock of Hummingbot's machine"
    PERCENTS = "a list of percents"
    AMOUNTS = "a list of amounts in the base currency"
    ORDERS = "orders by name: [buy or sell, percent, amount in base]"
    MODE = "the name of a mode, or what the mode is told"


class Fate(StrEnum):
    """What becomes of a key."""

    MAPPED = "mapped"
    ASKED = "asked"
    LOST = "without equivalent"


class Row(NamedTuple):
    """One key."""

    key: str  # a dot leads into a mode
    unit: Unit
    fate: Fate
    ours: str  # the key that it decides, or that must be said instead; of one without equivalent, empty
    becomes: str  # how it is turned into ours, or what to do instead
    blank: str = ""  # what it is where nothing is written, as in Hummingbot; empty: it must be known
    nothing_lost: tuple[str, ...] = ()  # at these values nothing is missing here
    differs: str = ""  # what a mapped one does here and not there; told with the import, too
    only_if: str = ""  # read only where this switch is on, or this mode is chosen
    older: str = ""  # as templates wrote it before modes had keys of their own


MAPPED, ASKED, LOST = Fate.MAPPED, Fate.ASKED, Fate.LOST
SWITCH, PERCENT, AMOUNT, PRICE, WORD = Unit.SWITCH, Unit.PERCENT, Unit.AMOUNT, Unit.PRICE, Unit.WORD
OFF = ("false",)

COMMON = (
    Row(
        "template_version",
        Unit.COUNT,
        MAPPED,
        "",
        "says in what percents are written: in percent from 22 to 24 of pure market making, and in 8 and files without "
        "one of Avellaneda's; of any other one `--percents` must say it",
    ),
    Row("strategy", WORD, MAPPED, "strategy", "`pure_mm` or `avellaneda_stoikov`"),
    Row(
        "exchange",
        WORD,
        MAPPED,
        "venues",
        "the exchange by ccxt's name; in mode paper the simulated exchange, which speaks as Deribit does, "
        "and on which the pair of a perpetual one is spot, which is told",
    ),
    Row("market", WORD, MAPPED, "instrument", "BTC-USDT is `BTC_USDT` on the simulated exchange, else `BTC/USDT`"),
    Row("order_amount", AMOUNT, MAPPED, "order_amount", "as it is, with `size_unit: base`"),
    Row(
        "order_refresh_time",
        Unit.SECONDS,
        LOST,
        "",
        "orders follow fair value as it moves; what is within `order_refresh_tolerance_bps` rests on",
    ),
    Row("max_order_age", Unit.SECONDS, MAPPED, "max_order_age_s", "as it is", blank="1800"),
    Row(
        "order_refresh_tolerance_pct",
        PERCENT,
        MAPPED,
        "order_refresh_tolerance_bps",
        "times 100, for each order on its own; below 0, which was off, it is 0: every move moves the orders",
        blank="0",
    ),
    Row(
        "filled_order_delay",
        Unit.SECONDS,
        MAPPED,
        "refill.delay_s",
        "as it is, but only the level that was filled waits",
        blank="60",
    ),
    Row(
        "should_wait_order_cancel_confirmation",
        SWITCH,
        LOST,
        "",
        "an order is replaced once the venue has said that it is gone, or amended in place",
        blank="true",
        nothing_lost=("true",),
    ),
)

PURE_ROWS = (
    *COMMON,
    Row("bid_spread", PERCENT, MAPPED, "bid_spread_bps", "times 100"),
    Row("ask_spread", PERCENT, MAPPED, "ask_spread_bps", "times 100"),
    Row(
        "minimum_spread",
        PERCENT,
        MAPPED,
        "min_spread_bps",
        "times 200, as ours is between bid and ask; who is closer stands further out, and is not canceled",
        blank="-100",
    ),
    Row(
        "price_ceiling",
        PRICE,
        MAPPED,
        "price_ceiling",
        "the same number; below 0 it is off",
        blank="-1",
        differs="no bid stands above it; Hummingbot has no bid at all while the reference price is at it or above",
    ),
    Row(
        "price_floor",
        PRICE,
        MAPPED,
        "price_floor",
        "the same number; below 0 it is off",
        blank="-1",
        differs="no ask stands below it; Hummingbot has no ask at all while the reference price is at it or below",
    ),
    Row(
        "moving_price_band_enabled",
        SWITCH,
        LOST,
        "",
        "`risk.price_collar_bps` lets no order stand further than so much from the others' mid",
        blank="false",
        nothing_lost=OFF,
    ),
    Row(
        "price_ceiling_pct",
        PERCENT,
        LOST,
        "",
        "as moving_price_band_enabled",
        blank="1",
        only_if="moving_price_band_enabled",
    ),
    Row(
        "price_floor_pct",
        PERCENT,
        LOST,
        "",
        "as moving_price_band_enabled",
        blank="-1",
        only_if="moving_price_band_enabled",
    ),
    Row(
        "price_band_refresh_time",
        Unit.SECONDS,
        LOST,
        "",
        "as moving_price_band_enabled",
        blank="86400",
        only_if="moving_price_band_enabled",
    ),
    Row(
        "ping_pong_enabled",
        SWITCH,
        MAPPED,
        "refill.mode",
        "`opposite_side`: a level comes back once its mirror on the other side was filled, too",
        blank="false",
    ),
    Row("order_levels", Unit.COUNT, MAPPED, "order_levels", "as it is", blank="1"),
    Row(
        "order_level_amount",
        AMOUNT,
        MAPPED,
        "bid_levels",
        "0 leaves all levels alike; else each one is written out, with `size_curve: custom`",
        blank="0",
        only_if="order_levels is above 1",
    ),
    Row(
        "order_level_spread",
        PERCENT,
        MAPPED,
        "level_spacing_bps",
        "times 100",
        blank="1",
        only_if="order_levels is above 1",
    ),
    Row("inventory_skew_enabled", SWITCH, MAPPED, "inventory.skew", "`size`", blank="false"),
    Row(
        "inventory_target_base_pct",
        PERCENT,
        ASKED,
        "inventory.target_quote",
        "a share of what the account is worth, which no file says; ours is an amount in the quote currency, and 0 is "
        "what the account held before the first trade",
        blank="50",
        only_if="inventory_skew_enabled",
    ),
    Row(
        "inventory_range_multiplier",
        Unit.NUMBER,
        MAPPED,
        "inventory.skew_factor",
        "1 / (2 × it): the sizes lean as steeply",
        blank="1",
        differs="with one whole side too much the side that adds keeps 1 - 1 / (2 × it) of its size, and it leans no "
        "further; Hummingbot's is nothing with 2 × it sides too much, here `risk.max_position_quote` ends it",
        only_if="inventory_skew_enabled",
    ),
    Row(
        "inventory_price",
        PRICE,
        LOST,
        "",
        "what inventory has cost is known from our own fills; what was held before has no cost",
        nothing_lost=("1",),
    ),
    Row(
        "hanging_orders_enabled",
        SWITCH,
        MAPPED,
        "refill.hanging_pct",
        "on where hanging_orders_cancel_pct is to be read",
        blank="false",
    ),
    Row(
        "hanging_orders_cancel_pct",
        PERCENT,
        MAPPED,
        "refill.hanging_pct",
        "as it is",
        blank="10",
        only_if="hanging_orders_enabled",
    ),
    Row(
        "order_optimization_enabled",
        SWITCH,
        LOST,
        "",
        "`strategy: top_of_book` with `placement: improve` or `depth` goes by where the others stand",
        blank="false",
        nothing_lost=OFF,
    ),
    Row(
        "ask_order_optimization_depth",
        AMOUNT,
        LOST,
        "",
        "`behind_amount` of `strategy: top_of_book`",
        blank="0",
        only_if="order_optimization_enabled",
    ),
    Row(
        "bid_order_optimization_depth",
        AMOUNT,
        LOST,
        "",
        "`behind_amount` of `strategy: top_of_book`",
        blank="0",
        only_if="order_optimization_enabled",
    ),
    Row(
        "add_transaction_costs",
        SWITCH,
        ASKED,
        "maker_fee_bps",
        "Hummingbot knows the fee of each exchange, ours must be said; every level stands so much further out",
        blank="false",
    ),
    Row(
        "price_source",
        WORD,
        MAPPED,
        "fair_value",
        "`current_market` is the book that is traded, `custom_api` is `source: http`",
        blank="current_market",
    ),
    Row(
        "price_type",
        WORD,
        MAPPED,
        "fair_value.source",
        "mid_price `mid`, last_price `last`, last_own_trade_price `last_own`, inventory_cost `inventory_cost`; "
        "best_bid and best_ask are refused, as half a spread would be guessed; how old the last trade may be is asked",
        blank="mid_price",
    ),
    Row(
        "price_source_exchange",
        WORD,
        ASKED,
        "fair_value",
        "the price of another exchange is a leg of `source: composite` or an address of `source: http`",
        only_if="price_source: external_market",
    ),
    Row(
        "price_source_market",
        WORD,
        ASKED,
        "fair_value",
        "as price_source_exchange",
        only_if="price_source: external_market",
    ),
    Row(
        "take_if_crossed",
        SWITCH,
        LOST,
        "",
        "every order is post-only: what would take stands one tick inside the touch",
        blank="false",
        nothing_lost=OFF,
    ),
    Row(
        "price_source_custom_api",
        WORD,
        MAPPED,
        "price_sources.custom.url",
        "as it is; `price_sources.custom.field` must be said, since ours reads a field of a JSON answer",
        only_if="price_source: custom_api",
    ),
    Row(
        "custom_api_update_interval",
        Unit.SECONDS,
        MAPPED,
        "price_sources.custom.poll_ms",
        "times 1000",
        blank="5",
        only_if="price_source: custom_api",
    ),
    Row(
        "order_override",
        Unit.ORDERS,
        MAPPED,
        "bid_levels",
        "each order a level of `size_curve: custom`, percent times 100",
        blank="{}",
    ),
    Row(
        "split_order_levels_enabled",
        SWITCH,
        MAPPED,
        "bid_levels",
        "on where the four lists are to be read",
        blank="false",
    ),
    Row(
        "bid_order_level_spreads",
        Unit.PERCENTS,
        MAPPED,
        "bid_levels",
        "`spread_bps` of each level: times 100",
        only_if="split_order_levels_enabled",
    ),
    Row(
        "ask_order_level_spreads",
        Unit.PERCENTS,
        MAPPED,
        "ask_levels",
        "`spread_bps` of each level: times 100",
        only_if="split_order_levels_enabled",
    ),
    Row(
        "bid_order_level_amounts",
        Unit.AMOUNTS,
        MAPPED,
        "bid_levels",
        "`amount` of each level",
        only_if="split_order_levels_enabled",
    ),
    Row(
        "ask_order_level_amounts",
        Unit.AMOUNTS,
        MAPPED,
        "ask_levels",
        "`amount` of each level",
        only_if="split_order_levels_enabled",
    ),
)

A_TIMER = "a daemon trades until it is stopped: let a timer start `run` and say `stop`"
AVELLANEDA_ROWS = (
    *COMMON,
    Row(
        "execution_timeframe_mode",
        Unit.MODE,
        ASKED,
        "horizon_s",
        "Hummingbot's horizon has no length; `horizon` is `rolling` for `infinite`, and must be said of the others",
        blank="infinite",
        older="execution_timeframe",
    ),
    Row("execution_timeframe_mode.start_datetime", Unit.MOMENT, LOST, "", A_TIMER),
    Row("execution_timeframe_mode.end_datetime", Unit.MOMENT, LOST, "", A_TIMER),
    Row("execution_timeframe_mode.start_time", Unit.MOMENT, LOST, "", A_TIMER, older="start_time"),
    Row("execution_timeframe_mode.end_time", Unit.MOMENT, LOST, "", A_TIMER, older="end_time"),
    Row(
        "order_optimization_enabled",
        SWITCH,
        LOST,
        "",
        "the first level stands where the model puts it; `strategy: top_of_book` goes by the others",
        blank="true",
        nothing_lost=OFF,
    ),
    Row(
        "risk_factor",
        Unit.NUMBER,
        ASKED,
        "gamma",
        "Hummingbot's is a share of the volatility for a whole portfolio; ours is per unit of the quote currency",
        blank="1",
    ),
    Row(
        "order_amount_shape_factor",
        Unit.NUMBER,
        LOST,
        "",
        "both sides have one size; the price alone leans against the inventory",
        blank="0",
        nothing_lost=("0",),
    ),
    Row("min_spread", PERCENT, MAPPED, "min_spread_bps", "times 100; both are between bid and ask", blank="0"),
    Row(
        "inventory_target_base_pct",
        PERCENT,
        ASKED,
        "target_base",
        "a share of what the account is worth, which no file says; ours is an amount in the base currency, and 0 is "
        "what the account held before the first trade",
        blank="50",
    ),
    Row(
        "add_transaction_costs",
        SWITCH,
        ASKED,
        "maker_fee_bps",
        "Hummingbot knows the fee of each exchange, ours must be said; no quote is closer to fair value than it",
        blank="false",
    ),
    Row(
        "volatility_buffer_size",
        Unit.SAMPLES,
        ASKED,
        "sigma",
        "how long a tick lasts is in another file; `{value}`, or `{window_s, min, max}` to have it measured",
        blank="200",
    ),
    Row(
        "trading_intensity_buffer_size",
        Unit.SAMPLES,
        ASKED,
        "k",
        "how long a tick lasts is in another file; `{value}`, or `{window_s, min, max}` to have it measured",
        blank="200",
    ),
    Row(
        "order_levels_mode",
        Unit.MODE,
        MAPPED,
        "order_levels",
        "`single_order_level` is one level",
        blank="single_order_level",
    ),
    Row(
        "order_levels_mode.order_levels",
        Unit.COUNT,
        MAPPED,
        "order_levels",
        "as it is",
        blank="2",
        older="order_levels",
    ),
    Row(
        "order_levels_mode.level_distances",
        PERCENT,
        ASKED,
        "level_spacing_bps",
        "a share of a spread that moves with the market; ours is in basis points",
        blank="0",
        older="level_distances",
    ),
    Row(
        "order_override",
        Unit.ORDERS,
        MAPPED,
        "bid_levels",
        "it replaces the model, as in Hummingbot: `strategy: pure_mm` with `size_curve: custom`, percent times 100",
        blank="{}",
    ),
    Row(
        "hanging_orders_mode",
        Unit.MODE,
        MAPPED,
        "refill.hanging_pct",
        "`ignore_hanging_orders` is none",
        blank="ignore_hanging_orders",
        older="hanging_orders_enabled",
    ),
    Row(
        "hanging_orders_mode.hanging_orders_cancel_pct",
        PERCENT,
        MAPPED,
        "refill.hanging_pct",
        "as it is",
        blank="10",
        older="hanging_orders_cancel_pct",
    ),
)

TABLE: dict[str, tuple[Row, ...]] = {PURE: PURE_ROWS, AVELLANEDA: AVELLANEDA_ROWS}

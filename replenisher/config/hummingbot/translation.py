"""A file of Hummingbot's in our words: what is written, what has no equivalent here, and what must be said besides.

Nothing is guessed. Where the file does not say what we need, as with all limits in money, `--set` must; what is said
there also wins over what the file says.
"""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from replenisher.config.hummingbot.keys import AVELLANEDA, Fate, Row, Unit
from replenisher.config.hummingbot.reading import Given, Levels, Order
from replenisher.config.reading import Raw
from replenisher.config.sections import Sections
from replenisher.config.through_ccxt import SIMULATED
from replenisher.errors import ConfigurationError, UsageError
from replenisher.exchange.dialects.deribit.naming import read_name, usual_grid
from replenisher.model.order import BUY, SELL, Side
from replenisher.model.units import BPS
from replenisher.venues.ccxt.exchanges import TRAITS

PAPER_SUFFIX = "_paper_trade"
CONNECTORS = {"gate_io": "gate", "binance_us": "binanceus", "crypto_com": "cryptocom", "okex": "okx"}  # else alike
PRICE_TYPES = {
    "mid_price": "mid",
    "last_price": "last",
    "last_own_trade_price": "last_own",
    "inventory_cost": "inventory_cost",
}
ACCOUNT = {
    "risk.max_order_quote": "the largest order",
    "risk.max_position_quote": "the largest position",
    "risk.max_daily_loss_quote": "the largest loss of a day",
}
DECIDED = ("version", "mode", "strategies", "id", "strategy")
ZERO_IS = "here 0 is what it held before the first trade"
PERPETUAL = "_perpetual"  # in the name of a connector
SPOT_INSTEAD = (
    "Hummingbot trades perpetuals there, with leverage and funding; the pair here is spot on the simulated exchange, "
    "so inventory is paid for in full, nothing is sold that is not held, and there is no funding"
)
COLLAR_BPS = Decimal(200)
LADDERS = 2  # so many fit into the limit of open orders


class Lost(msgspec.Struct, frozen=True):
    """A key that is written there and has no equivalent here."""

    key: str
    value: str
    instead: str


class Asked(msgspec.Struct, frozen=True):
    """A key whose unit or meaning is not ours: its value did not come over, and ours was said."""

    key: str
    value: str
    ours: str


class Differs(msgspec.Struct, frozen=True):
    """A key that came over, and does something else here."""

    key: str
    value: str
    how: str


class Translation(msgspec.Struct, frozen=True):
    """A configuration of ours, what was said besides, what is not quite the same, and what did not come over."""

    config: Raw
    asked: tuple[Asked, ...]
    differs: tuple[Differs, ...]
    lost: tuple[Lost, ...]


def translate(given: Given, mode: str, said: Mapping[str, Any]) -> Translation:
    """Say it in our words; what must be said besides and is not, is one sentence."""
    draft = _Draft(given, mode, said)
    draft.write()
    if missing := [f"{key} ({why})" for key, why in draft.missing().items()]:
        raise ConfigurationError(
            f"{given.path}: the file does not say {', '.join(missing)}: say each of them with --set KEY=VALUE"
        )
    asked, differs, lost = _asked(given, draft.asked), _differs(given, draft), _lost(given)
    return Translation(draft.config, tuple(asked), tuple(differs), tuple(lost))


def unsaid(given: Given, mode: str, said: Mapping[str, Any]) -> dict[str, str]:
    """What must be said besides and is not, each with why."""
    draft = _Draft(given, mode, said)
    draft.write()
    return draft.missing()


def _asked(given: Given, asked: Collection[str]) -> Iterator[Asked]:
    for row in given.rows.values():
        if row.fate is Fate.ASKED and row.ours in asked and (value := given.word(row.key)):
            yield Asked(row.key, value, row.ours)


def _differs(given: Given, draft: "_Draft") -> Iterator[Differs]:
    for row in given.rows.values():
        if row.differs and _is_written(draft.strategy, row.ours) and not draft.is_said(row.ours):
            yield Differs(row.key, given.word(row.key), row.differs)
    if draft.is_spot_instead:
        yield Differs("exchange", given.word("exchange"), SPOT_INSTEAD)


def _lost(given: Given) -> Iterator[Lost]:
    """What is written, or blank where blank is not nothing."""
    for row in given.rows.values():
        is_blank = not given.has(row.key)
        if row.fate is not Fate.LOST or (is_blank and (row.only_if or not row.blank)):
            continue
        if _loses_nothing(given, row) or (row.only_if and not given.switch(row.only_if)):
            continue
        yield Lost(row.key, f"{given.word(row.key)}{' (blank)' if is_blank else ''}", row.becomes)


def _loses_nothing(given: Given, row: Row) -> bool:
    """Whether the value is one at which nothing is missing here, however it is written."""
    if row.unit is Unit.SWITCH:
        return ("true" if given.switch(row.key) else "false") in row.nothing_lost
    if row.unit in (Unit.NUMBER, Unit.PRICE):
        return given.number(row.key) in [Decimal(each) for each in row.nothing_lost]
    return False


class _Draft:
    """The configuration as it grows: a key that nothing decides is asked for."""

    def __init__(self, given: Given, mode: str, said: Mapping[str, Any]) -> None:
        self.given, self.mode, self.said = given, mode, said
        self.asked: dict[str, str] = {}
        self.config: Raw = {"version": 1, "mode": mode}
        self.strategy: Raw = {}

    @property
    def is_spot_instead(self) -> bool:
        """Whether perpetuals are traded there, and spot here."""
        is_rehearsed = self.mode == "paper" and not self.is_said("instrument")
        return is_rehearsed and PERPETUAL in self.given.word("exchange")

    def write(self) -> None:
        """All sections, and over them what was said."""
        orders = self.given.orders("order_override")
        by_model = self.given.strategy == AVELLANEDA and not any(orders.values())
        self._place()
        self.strategy |= {"size_unit": "base"}
        self._model() if by_model else self._pure(orders)
        self._refill()
        self._risk()
        self.config["strategies"] = [self.strategy]
        for key, value in self.said.items():
            if key.split(".")[0] in DECIDED:
                raise UsageError(f"the command line: --set {key}: the file decides it, or --mode")
            _put(self.config if key.split(".")[0] in Sections.model_fields else self.strategy, key, value)
        self._widen()

    def ask(self, key: str, why: str) -> None:
        """What only the operator knows."""
        self.asked[key] = why

    def theirs(self, key: str) -> str:
        """A key with what it is there, written or blank."""
        return f"{key.rpartition('.')[2]}: {self.given.word(key)}"

    def missing(self) -> dict[str, str]:
        """What is asked for and not said."""
        return {key: why for key, why in self.asked.items() if not self.is_said(key)}

    def is_said(self, key: str) -> bool:
        """Whether `--set` has said a key, or something below it."""
        return any(each == key or each.startswith(f"{key}.") for each in self.said)

    def put(self, key: str, value: object, *, why: str = "") -> None:
        """A key of the strategy; asked for where the file leaves it blank."""
        if value is None:
            self.ask(key, f"{why or key} is blank")
        else:
            _put(self.strategy, key, value)

    # --- Where ----------------------------------------------------------------------------------------------------

    def _place(self) -> None:
        """Venue, instrument, and in mode paper the exchange that stands in for it."""
        connector = self.given.word("exchange").removesuffix(PAPER_SUFFIX)
        base, dash, quote = self.given.word("market").partition("-")
        if not (connector and dash and base.isalnum() and quote.isalnum()):
            key = "market" if connector else "exchange"
            raise self.given.fault(key, "it must be a pair like BTC-USDT" if connector else "it must name an exchange")
        self.strategy |= {"id": "core", "strategy": "pure_mm"}
        if self.mode == "paper":
            self._simulated(base, quote)
        else:
            self._real(connector, base, quote)

    def _simulated(self, base: str, quote: str) -> None:
        instrument = f"{base}_{quote}"
        name = read_name(instrument)
        if name is None:
            raise self.given.fault(
                "market", f"the simulated exchange lists no {instrument}: take --mode testnet or live"
            )
        listed = f"exchange.instruments.{instrument}"
        if usual_grid(name) is None:
            self.ask(listed, "as {tick, lot, market: {source: synthetic, start_price}}")
        self.ask("exchange.balances", f"of the simulated account, as {{{base}: AMOUNT, {quote}: AMOUNT}}")
        self.config["venues"] = {SIMULATED: {"adapter": SIMULATED}}
        self.config["exchange"] = {
            "venue": SIMULATED,
            "market": {"source": "synthetic"},
            "instruments": {instrument: {}},
            "balances": {},
        }
        self.strategy |= {"venue": SIMULATED, "instrument": instrument}

    def _real(self, connector: str, base: str, quote: str) -> None:
        exchange = CONNECTORS.get(connector, connector)
        if exchange not in TRAITS:
            raise self.given.fault("exchange", f"it is not traded on here, only: {', '.join(sorted(TRAITS))}")
        self.config["venues"] = {exchange: {"adapter": "ccxt", "exchange": exchange}}
        if self.mode == "live" and not TRAITS[exchange].has_switch:
            self.ask(f"venues.{exchange}.allow_no_dead_man", f"`true`: orders at {exchange} outlive a daemon that dies")
        self.strategy |= {"venue": exchange, "instrument": f"{base}/{quote}"}

    # --- What is quoted -------------------------------------------------------------------------------------------

    def _pure(self, orders: Levels) -> None:
        """A ladder at fixed distances: counted, or written out where its levels are not alike."""
        given, counts = self.given, not any(orders.values())
        if given.strategy != AVELLANEDA:
            if given.switch("split_order_levels_enabled"):  # there, too, the lists stand in place of orders by name
                orders = {BUY: self._split("bid"), SELL: self._split("ask")}
            elif counts and given.number("order_level_amount"):
                orders = self._growing()
        if any(orders.values()):
            self.strategy |= {"size_curve": "custom"}
            for side, key in ((BUY, "bid_levels"), (SELL, "ask_levels")):
                self.strategy[key] = [{"spread_bps": each.spread_bps, "amount": each.amount} for each in orders[side]]
        else:
            self.put("order_levels", given.count("order_levels"))
            self.put("bid_spread_bps", given.bps("bid_spread"), why="bid_spread")
            self.put("ask_spread_bps", given.bps("ask_spread"), why="ask_spread")
            if given.count("order_levels") > 1:
                self.put("level_spacing_bps", given.bps("order_level_spread"))
            self.put("order_amount", given.number("order_amount"))
        if given.strategy != AVELLANEDA:
            self._price()
            self._skew()
            closest = given.bps("minimum_spread")
            if closest is not None and closest > 0:
                self.put("min_spread_bps", 2 * closest)
            for key in ("price_ceiling", "price_floor"):
                limit = given.number(key)
                if limit is not None and limit > 0:
                    self.put(key, limit)

    def _split(self, side: str) -> list[Order]:
        spreads, amounts = (self.given.listed(f"{side}_order_level_{what}") for what in ("spreads", "amounts"))
        if len(spreads) != len(amounts):
            raise self.given.fault(f"{side}_order_level_amounts", f"there are {len(spreads)} spreads beside it")
        return [Order(*each) for each in zip(spreads, amounts, strict=True)]

    def _growing(self) -> Levels:
        """Each level by the amount larger or smaller than the one before; what would be nothing is left out."""
        given = self.given
        first, step, spacing = (
            given.number("order_amount"),
            given.number("order_level_amount"),
            given.bps("order_level_spread"),
        )
        levels: Levels = {side: [] for side in Side}
        for side, key in ((BUY, "bid_spread"), (SELL, "ask_spread")):
            nearest = given.bps(key)
            if first is None or step is None or spacing is None or nearest is None:
                raise given.fault(key if nearest is None else "order_amount", "it is blank, and levels are made of it")
            every = [Order(nearest + n * spacing, first + n * step) for n in range(given.count("order_levels"))]
            levels[side] = [order for order in every if order.amount > 0]
        return levels

    def _price(self) -> None:
        """Where the middle of the ladder comes from."""
        given = self.given
        match given.word("price_source"):
            case "current_market":
                kind = given.word("price_type")
                if kind not in PRICE_TYPES:
                    raise given.fault("price_type", f"it must be one of: {', '.join(PRICE_TYPES)}")
                self.put("fair_value", {"source": PRICE_TYPES[kind]})
                if kind == "last_price":
                    self.ask("fair_value.max_trade_age_s", "Hummingbot's last_price is good for ever")
            case "external_market":
                where = f"{given.word('price_source_exchange')} {given.word('price_source_market')}"
                self.ask("fair_value", f"the price of {where}, as a leg of `source: composite` or by `source: http`")
            case "custom_api":
                every_s = given.number("custom_api_update_interval")
                assert every_s is not None, "it has a value where it is blank"
                self.config["price_sources"] = {
                    "custom": {"url": given.word("price_source_custom_api"), "poll_ms": int(every_s * 1000)}
                }
                self.ask("price_sources.custom.field", "where the price is in the JSON answer")
                self.put("fair_value", {"source": "http", "http": "custom"})
            case _:
                raise given.fault("price_source", "it must be current_market, external_market or custom_api")

    def _skew(self) -> None:
        """Sizes that lean against the inventory, as steeply as there."""
        given = self.given
        if given.switch("inventory_skew_enabled"):
            ladders = given.number("inventory_range_multiplier")
            if not ladders or ladders < 0:
                raise given.fault("inventory_range_multiplier", "it must be greater than 0")
            self.put("inventory", {"skew": "size", "skew_factor": 1 / (2 * ladders)})
            theirs = self.theirs("inventory_target_base_pct")
            self.ask("inventory.target_quote", f"{theirs} is a share of what the account is worth; {ZERO_IS}")

    def _model(self) -> None:
        """Avellaneda & Stoikov; its coefficients are in other units there."""
        given, frame = self.given, self.given.word("execution_timeframe_mode")
        self.strategy["strategy"] = "avellaneda_stoikov"
        self.put("order_amount", given.number("order_amount"))
        is_one = given.word("order_levels_mode") == "single_order_level"
        levels = 1 if is_one else given.count("order_levels_mode.order_levels")
        self.put("order_levels", levels)
        if levels > 1:
            theirs = self.theirs("order_levels_mode.level_distances")
            self.ask("level_spacing_bps", f"{theirs} is a share of a spread that moves")
        self.put("min_spread_bps", given.bps("min_spread"))
        if frame == "infinite":
            self.put("horizon", "rolling")
        else:
            self.ask("horizon", f"execution_timeframe_mode is {frame}")
        self.ask("horizon_s", "Hummingbot's horizon has no length")
        per_unit = "is a share of the volatility, ours is per unit of the quote currency"
        self.ask("gamma", f"{self.theirs('risk_factor')} {per_unit}")
        in_ticks = "is in ticks; {value}, or {window_s, min, max}"
        self.ask("sigma", f"{self.theirs('volatility_buffer_size')} {in_ticks}")
        self.ask("k", f"{self.theirs('trading_intensity_buffer_size')} {in_ticks}")
        theirs = self.theirs("inventory_target_base_pct")
        self.ask("target_base", f"{theirs} is a share of what the account is worth; {ZERO_IS}")

    def _refill(self) -> None:
        """How levels come back, and how long orders stay."""
        given = self.given
        delay_s, age_s = given.number("filled_order_delay"), given.number("max_order_age")
        self.put("refill", {"mode": "per_level", "delay_s": delay_s})
        hangs, mode = "hanging_orders_cancel_pct", ""
        if given.strategy == AVELLANEDA:
            hangs, mode = f"hanging_orders_mode.{hangs}", given.word("hanging_orders_mode")
        elif given.switch("ping_pong_enabled"):
            self.put("refill.mode", "opposite_side")
        if mode == "track_hanging_orders" or (not mode and given.switch("hanging_orders_enabled")):
            cancel_bps = given.bps(hangs)
            assert cancel_bps is not None, "it has a value where it is blank"
            self.put("refill.hanging_pct", cancel_bps * 100 / BPS)
        if age_s is not None and age_s > 0:
            self.put("max_order_age_s", age_s)
        self.put("order_refresh_tolerance_bps", max(given.bps("order_refresh_tolerance_pct") or Decimal(0), Decimal(0)))
        if given.switch("add_transaction_costs"):
            self.ask("maker_fee_bps", "add_transaction_costs is on")
            self.put("min_profit_bps", 0)

    def _widen(self) -> None:
        """Where the fee is added to prices, each level of a ladder at fixed distances stands so much further out."""
        fee = self.said.get("maker_fee_bps")
        if not self.given.switch("add_transaction_costs") or not isinstance(fee, int | Decimal):
            return
        for key in ("bid_spread_bps", "ask_spread_bps"):
            if key in self.strategy and key not in self.said:
                self.strategy[key] += fee
        for key in ("bid_levels", "ask_levels"):
            for level in self.strategy.get(key, ()) if key not in self.said else ():
                level["spread_bps"] += fee

    # --- Limits ---------------------------------------------------------------------------------------------------

    def _risk(self) -> None:
        """The limits of the account: what is money must be said, the others follow from the ladder."""
        for key, what in ACCOUNT.items():
            self.ask(key, what)
        written = [self.strategy.get(key, ()) for key in ("bid_levels", "ask_levels")]
        levels = self.strategy.get("order_levels") or max(map(len, written))
        furthest = [self.strategy.get(key, Decimal(0)) for key in ("bid_spread_bps", "ask_spread_bps")]
        furthest = [each + levels * self.strategy.get("level_spacing_bps", 0) for each in furthest]
        furthest += [level["spread_bps"] for side in written for level in side]
        self.config["risk"] = {
            "max_open_orders": 2 * levels * LADDERS,
            "price_collar_bps": min(max(COLLAR_BPS, 3 * max(furthest)), Decimal(BPS)),
        }


def _is_written(section: Raw, key: str) -> bool:
    """Whether there is something at a path with dots."""
    first, dot, rest = key.partition(".")
    return first in section and (not dot or _is_written(section[first], rest))


def _put(section: Raw, key: str, value: object) -> None:
    """Write a value at a path with dots; a list of one item needs no number."""
    *stem, last = key.split(".")
    for part in stem:
        below = section.setdefault(part, {})
        if not isinstance(below, dict):
            raise UsageError(f"the command line: --set {key}: {part} has no keys below it")
        section = below
    section[last] = value

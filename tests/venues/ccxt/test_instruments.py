"""ccxt's markets become instruments, or the sentence why not: precision in three modes, contracts, minimums."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.model.instrument import AmountUnit, Instrument, Kind
from replenisher.model.order import Side
from replenisher.venues.ccxt.exchanges import DERIBIT, TRAITS, USUAL
from replenisher.venues.ccxt.instruments import (
    DECIMAL_PLACES,
    SIGNIFICANT_DIGITS,
    TICK_SIZE,
    instrument_of,
    market_named,
)
from tests.venues.ccxt.given import MARKET

Recordings = Callable[[str], Path]
SWAP = MARKET | {"type": "swap", "symbol": "BTC/USDT:USDT", "settle": "USDT", "linear": True, "inverse": False}
INVERSE = SWAP | {"symbol": "BTC/USD:BTC", "quote": "USD", "settle": "BTC", "linear": False, "inverse": True}


def made(market: dict[str, Any], mode: int = TICK_SIZE, **changes: Any) -> Instrument:
    instrument = instrument_of("x", "BTC", market | changes, mode, USUAL)
    assert isinstance(instrument, Instrument), instrument
    return instrument


def refused(market: dict[str, Any], **changes: Any) -> str:
    objection = instrument_of("x", "BTC", market | changes, TICK_SIZE, USUAL)
    assert isinstance(objection, str)
    return objection


def test_the_numbers_for_the_modes_are_ccxts() -> None:
    assert (DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE) == (
        ccxt.DECIMAL_PLACES,
        ccxt.SIGNIFICANT_DIGITS,
        ccxt.TICK_SIZE,
    )


def test_precision_is_a_tick_or_a_number_of_places() -> None:
    as_tick = made(MARKET)
    in_places = made(MARKET, DECIMAL_PLACES, precision={"price": 1, "amount": 3})

    assert (as_tick.tick, as_tick.lot) == (in_places.tick, in_places.lot) == (Decimal("0.1"), Decimal("0.001"))


@given(digits=st.integers(3, 6), price=st.decimals("0.0001", "900000", allow_nan=False, places=7))
def test_significant_digits_are_a_tick_that_grows_with_the_price(digits: int, price: Decimal) -> None:
    instrument = made(MARKET, SIGNIFICANT_DIGITS, precision={"price": digits, "amount": 8})

    rounded = instrument.price(instrument.round_price(Side.SELL, price))
    as_ccxt_writes_it = ccxt.decimal_to_precision(str(rounded), ccxt.TRUNCATE, digits, ccxt.SIGNIFICANT_DIGITS)

    assert Decimal(as_ccxt_writes_it) == rounded  # so it is sent as it was decided
    assert price <= rounded <= price * (1 + Decimal(10) ** (1 - digits))


@given(ticks=st.integers(1, 10**9), lots=st.integers(1, 10**9))
def test_what_we_ask_for_passes_through_ccxts_doubles_unchanged(ticks: int, lots: int) -> None:
    instrument = made(MARKET)

    price = ccxt.decimal_to_precision(float(instrument.price(ticks)), ccxt.ROUND, 0.1, ccxt.TICK_SIZE)
    amount = ccxt.decimal_to_precision(float(instrument.amount(lots)), ccxt.TRUNCATE, 0.001, ccxt.TICK_SIZE)

    assert (Decimal(price), Decimal(amount)) == (instrument.price(ticks), instrument.amount(lots))


def test_minimums_are_the_larger_of_lot_and_limit() -> None:
    assert made(MARKET).min_amount == Decimal("0.002")
    assert made(MARKET, limits={}).min_amount == Decimal("0.001")
    assert made(MARKET).min_notional == 5


def test_an_amount_of_a_contract_is_a_number_of_contracts() -> None:
    linear = made(SWAP, contractSize=0.01)
    inverse = made(INVERSE, contractSize=100.0)

    assert (linear.kind, linear.amount_unit) == (Kind.PERPETUAL, AmountUnit.CONTRACT)
    assert linear.notional_quote(Decimal(3), Decimal(60_000)) == 1800  # 3 x 0.01 BTC
    assert (linear.base_currency, linear.quote_currency, linear.settlement_currency) == ("BTC", "USDT", "USDT")
    assert inverse.notional_quote(Decimal(3), Decimal(60_000)) == 300  # 3 x 100 USD
    assert inverse.value(Decimal(3), Decimal(60_000)) == Decimal("0.005")
    assert inverse.settlement_currency == "BTC"


def test_deribits_amounts_are_dollars_and_coins_whatever_the_size_of_a_contract() -> None:
    inverse = instrument_of("x", "BTC-PERPETUAL", INVERSE | {"contractSize": 10.0}, TICK_SIZE, DERIBIT)

    assert isinstance(inverse, Instrument)
    assert (inverse.amount_unit, inverse.contract_value) == (AmountUnit.QUOTE, 1)
    assert inverse.notional_quote(Decimal(30), Decimal(60_000)) == 30


@pytest.mark.parametrize(
    ("changes", "objection"),
    [
        ({"type": "option"}, "a market of type option is not traded through ccxt"),
        ({"linear": False}, "a contract that is neither linear nor inverse cannot be valued"),
        ({"contractSize": None}, "ccxt does not know the size of its contract"),
        ({"precision": {"price": None, "amount": 1}}, "ccxt does not know its precision"),
        ({"precision": {"price": 0, "amount": 1}}, "its precision is no positive number"),
    ],
)
def test_what_we_have_no_words_for_is_refused(changes: dict[str, Any], objection: str) -> None:
    assert refused(SWAP | {"contractSize": 1.0}, **changes) == objection


@pytest.mark.parametrize("name", ["bingx", "gemini", "hashkey", "mexc", "toobit", "whitebit", "xt"])
def test_where_contracts_are_not_what_we_take_them_for_only_spot_is_traded(name: str) -> None:
    assert isinstance(instrument_of("x", "BTC", MARKET, TICK_SIZE, TRAITS[name]), Instrument)
    why = instrument_of("x", "BTC", SWAP | {"contractSize": 1.0}, TICK_SIZE, TRAITS[name])
    assert str(why).startswith("contracts are not traded there: ")


def test_of_contracts_ccxt_reads_no_position_of_whitebit_back() -> None:
    position = ccxt.whitebit().parse_position({"positionId": 1, "market": "BTC_PERP", "amount": "0.001"}, SWAP)

    assert (position["contracts"], position["side"]) == (None, None)


def test_of_contracts_ccxt_reads_no_sale_of_mexc_back() -> None:
    to_open_a_short, to_close_a_short = 3, 2  # as ccxt itself asks for them

    def side(told: int) -> str:
        return str(ccxt.mexc().parse_trade({"side": told, "positionMode": 2}, SWAP)["side"])

    assert (side(to_open_a_short), side(to_close_a_short)) == ("3", "sell")


def test_a_market_is_found_by_symbol_or_by_the_exchanges_own_id() -> None:
    markets = {"BTC/USDT": MARKET, "BTC/USD:BTC": INVERSE | {"id": "BTC-PERPETUAL"}}
    ambiguous = markets | {"BTC/USDT:USDT": SWAP}

    assert market_named("BTC/USDT", markets) == MARKET
    assert market_named("BTC-PERPETUAL", markets) == markets["BTC/USD:BTC"]
    assert market_named("BTC-PERPETUUM", markets) == "not offered, did you mean BTC-PERPETUAL?"
    assert market_named("BTCUSDT", ambiguous) == "several markets have this id, write one of: BTC/USDT, BTC/USDT:USDT"


def test_recorded_markets_are_read_or_refused(recordings: Recordings) -> None:
    read, objections = [], []
    for line in recordings("ccxt_unified/markets.jsonl").read_text().splitlines():
        market = json.loads(line)
        traits = DERIBIT if "taker" in market and market.get("settle") else USUAL
        told = instrument_of("x", market["symbol"], market, TICK_SIZE, traits)
        (read if isinstance(told, Instrument) else objections).append((market, told))

    assert len(read) + len(objections) == 19
    assert {market["type"] for market, _ in objections} == {"option"}
    for market, instrument in read:
        assert float(instrument.tick) == market["precision"]["price"]
        assert float(instrument.lot) == market["precision"]["amount"]
        assert float(instrument.min_amount) == max(
            market["limits"]["amount"]["min"] or 0, market["precision"]["amount"]
        )
        assert instrument.inverse is bool(market["inverse"])

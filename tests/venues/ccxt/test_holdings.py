"""What is ours, as ccxt's own parsers make it of recorded messages: names, fees, states, positions and cash."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import msgspec
import pytest

from replenisher.model.event import CashKind
from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.order import Liquidity, Side, Status
from replenisher.venues.ccxt import holdings
from replenisher.venues.ccxt.exchanges import DERIBIT, TRAITS, USUAL, name_in
from tests.venues.ccxt.given import MARKET, order, trade

Recordings = Callable[[str], Path]
BINANCE = TRAITS["binance"]


def recorded(recordings: Recordings, exchange: str, kind: str) -> list[dict[str, Any]]:
    rows = map(json.loads, recordings("ccxt_unified/unified.jsonl").read_text().splitlines())
    return [row for row in rows if (row["exchange"], row["kind"]) == (exchange, kind)]


def instrument(inverse: bool = True) -> Instrument:
    return Instrument(
        venue="x",
        name="BTC",
        kind=Kind.PERPETUAL if inverse else Kind.SPOT,
        tick_steps=(TickStep(Decimal(0), Decimal("0.0000000001")),),
        lot=Decimal("0.0000000001"),
        amount_unit=AmountUnit.QUOTE if inverse else AmountUnit.BASE,
        inverse=inverse,
        base_currency="BTC",
        quote_currency="USD",
        settlement_currency="BTC" if inverse else "USD",
        min_amount=Decimal(0),
    )


def test_our_name_is_found_where_each_exchange_keeps_it(recordings: Recordings) -> None:
    for row in recorded(recordings, "deribit", "order"):
        assert row["unified"]["clientOrderId"] is None  # ccxt does not read it
        assert name_in(row["unified"], DERIBIT.name_paths, "") == row["raw"].get("label", "")
    for row in recorded(recordings, "binance", "ws_order"):
        raw = row["raw"]
        assert name_in(row["unified"], BINANCE.name_paths, "") == (raw.get("C") or raw["c"])
    replies = [row for row in recorded(recordings, "binance", "order") if row["raw"].get("origClientOrderId")]
    for row in replies:  # to a cancel: `clientOrderId` is the name of the cancel itself
        assert name_in(row["unified"], BINANCE.name_paths, "") == row["raw"]["origClientOrderId"]
    assert replies
    assert name_in({"clientOrderId": "t-abc000000000001"}, USUAL.name_paths, "t-") == "abc000000000001"


def test_orders_of_deribit_keep_their_numbers_and_states(recordings: Recordings) -> None:
    states = {"open": Status.WORKING, "filled": Status.FILLED, "cancelled": Status.CANCELED}
    for row in recorded(recordings, "deribit", "order"):
        raw, unified = row["raw"], row["unified"]

        report = holdings.report_of(unified, "name", instrument(), DERIBIT, 7)

        assert report.venue_order_id == raw["order_id"]
        assert report.side == Side(raw["direction"])
        assert report.status is states.get(raw["order_state"], report.status)
        assert instrument().amount(report.quantity) == Decimal(str(raw["amount"]))
        assert report.filled == Decimal(str(raw.get("filled_amount", 0)))
        if isinstance(raw["price"], int | float):
            assert instrument().price(report.price) == Decimal(str(raw["price"]))
        assert report.venue_time == raw["last_update_timestamp"] * 1_000_000


def test_executions_keep_every_digit_of_their_fee(recordings: Recordings) -> None:
    trades = recorded(recordings, "deribit", "trade")
    for row in trades:
        raw = row["raw"]

        fill = holdings.fill_of(row["unified"], "name", instrument(), USUAL, 7)

        assert (fill.trade_id, fill.venue_order_id) == (raw["trade_id"], raw["order_id"])
        assert (fill.price, fill.amount) == (Decimal(str(raw["price"])), Decimal(str(raw["amount"])))
        assert (fill.fee, fill.fee_currency) == (Decimal(str(raw["fee"])), raw["fee_currency"])
        assert fill.liquidity is (Liquidity.MAKER if raw["liquidity"] == "M" else Liquidity.TAKER)
    assert trades
    executions = [row for row in recorded(recordings, "binance", "ws_trade") if row["raw"].get("N")]
    for row in executions:
        raw = row["raw"]

        fill = holdings.fill_of(row["unified"], "name", instrument(inverse=False), USUAL, 7)

        assert (fill.price, fill.amount) == (Decimal(raw["L"]), Decimal(raw["l"]))
        assert (fill.fee, fill.fee_currency) == (Decimal(raw["n"]), raw["N"])
        assert fill.liquidity is (Liquidity.MAKER if raw["m"] else Liquidity.TAKER)
    assert executions


def test_a_stream_that_leaves_the_fee_out_is_seen() -> None:
    several = [{"cost": 0.1, "currency": "BNB"}, {"cost": 0.2, "currency": "BNB"}]
    mixed = [{"cost": 0.1, "currency": "BNB"}, {"cost": 0.2, "currency": "USDT"}]

    assert holdings.fees_of(trade())
    assert not holdings.fees_of(trade(fee=None))
    assert not holdings.fees_of(trade(fee={"cost": None, "currency": "USDT"}))
    assert holdings.fees_of(trade(fee=None, fees=mixed))
    assert holdings.fill_of(trade(fee=None, fees=several), "", instrument(), USUAL, 7).fee == Decimal("0.3")


def test_a_fee_in_two_currencies_is_paid_in_both() -> None:
    mixed = [{"cost": 0.1, "currency": "BNB"}, {"cost": 0.2, "currency": "USD"}, {"cost": 0.0, "currency": "USDT"}]
    execution = trade(fee=None, fees=mixed)

    fill = holdings.fill_of(execution, "", instrument(inverse=False), USUAL, 7)
    (charge,) = holdings.charges_of(execution, fill)

    assert (fill.fee, fill.fee_currency) == (Decimal("0.2"), "USD"), "what it is settled in goes with the fill"
    assert (charge.amount, charge.currency, charge.kind) == (Decimal("-0.1"), "BNB", CashKind.FEE)
    assert holdings.charges_of(trade(), holdings.fill_of(trade(), "", instrument(), USUAL, 7)) == []


def test_of_spot_the_fee_that_is_taken_of_the_coins_goes_with_the_fill() -> None:
    spot = msgspec.structs.replace(instrument(inverse=False), kind=Kind.SPOT)
    mixed = [{"cost": 0.2, "currency": spot.settlement_currency}, {"cost": 0.01, "currency": spot.base_currency}]
    execution = trade(fee=None, fees=mixed)

    fill = holdings.fill_of(execution, "", spot, USUAL, 7)
    (charge,) = holdings.charges_of(execution, fill)

    assert (fill.fee, fill.fee_currency) == (Decimal("0.01"), spot.base_currency)
    assert (charge.amount, charge.currency) == (Decimal("-0.2"), spot.settlement_currency)


def test_of_inverse_contracts_krakenfutures_tells_the_amount_that_ccxt_leaves_out_of_an_answer() -> None:
    sides = {"symbol": "BTC/USD:BTC", "linear": False, "inverse": True, "settle": "BTC", "contractSize": 1.0}
    told = {"order_id": "o1", "fill_id": "t1", "side": "buy", "size": 2000, "price": 40000, "fillType": "maker"}
    execution = ccxt.krakenfutures().parse_trade(told | {"fillTime": "2026-01-02T03:04:05.678Z"}, MARKET | sides)

    assert execution["amount"] is None
    assert holdings.fill_of(execution, "", instrument(), TRAITS["krakenfutures"], 7).amount == 2000


@pytest.mark.parametrize("told", [{"id": None}, {"id": ""}])
def test_an_execution_without_an_id_is_unreadable(told: dict[str, Any]) -> None:
    with pytest.raises(holdings.UNREADABLE):
        holdings.fill_of(trade(**told), "", instrument(), USUAL, 7)


def test_a_position_has_a_sign_and_a_price(recordings: Recordings) -> None:
    (row,) = recorded(recordings, "deribit", "position")
    position = row["unified"]

    assert holdings.position_of(position) == (Decimal(50), Decimal("7440.18"))
    assert holdings.position_of(position | {"side": "short"}) == (Decimal(-50), Decimal("7440.18"))
    assert holdings.position_of(position | {"side": "short", "contracts": -50.0})[0] == -50
    # Where ccxt leaves the side out, or tells that there is but one position for both.
    assert holdings.position_of(position | {"side": None, "contracts": -50.0})[0] == -50
    assert holdings.position_of(position | {"side": None, "contracts": 50.0})[0] == 50
    assert holdings.position_of(position | {"side": "both", "info": {"side": "SELL"}})[0] == -50
    assert holdings.position_of(position | {"side": "both", "info": {"side": "BUY"}})[0] == 50
    assert holdings.position_of(None) == holdings.position_of({"contracts": None}) == (0, 0)


def test_cash_is_what_is_realized_not_the_equity() -> None:
    rows = [
        {"currency": "BTC", "balance": 10.5, "session_rpl": 0.25, "equity": 11.0},
        {"currency": "ETH", "balance": 1.0, "session_rpl": 0.0},
    ]
    deribit = {"info": {"summaries": rows}, "BTC": {"total": 11.0}}

    assert holdings.cash_of(deribit, "BTC", DERIBIT.cash_rows) == (Decimal("10.5"), Decimal("0.25"))
    assert holdings.cash_of(deribit, "SOL", DERIBIT.cash_rows) == (0, 0)
    assert holdings.cash_of({"USDT": {"free": 1.0, "total": 2.5}}, "USDT", None) == (Decimal("2.5"), 0)
    assert holdings.cash_of({}, "USDT", None) == (0, 0)


def test_what_an_answer_leaves_out_stays_open() -> None:
    bare = order(status=None, price=None, amount=None)

    assert holdings.status_of(bare) is None
    assert holdings.ticks_of(bare, instrument()) is None
    assert holdings.lots_of(bare, instrument(), USUAL) is None

"""Deribit's wire held to what it really sent: recorded private frames, and numbers that must not pass a double."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.model.command import AmendOrder, CancelOrder, Intent, PlaceOrder
from replenisher.model.event import RejectReason
from replenisher.model.instrument import AmountUnit, Instrument, Kind
from replenisher.model.order import Liquidity, Side
from replenisher.model.units import MS_NS
from replenisher.venues.deribit import codec, private, public, requests
from replenisher.venues.deribit.grid import Grid, OffGrid
from replenisher.venues.deribit.refusals import REJECTIONS, rejection

Recordings = Callable[[str], Path]
Json = dict[str, Any]

ROQ = "private/roq_deribit_recorded.jsonl"
NAUTILUS = "private/nautilus_deribit.jsonl"
DOCS = "private/deribit_docs_examples.jsonl"
CODES = "errors/deribit_error_codes.jsonl"
NUMBERS = ["0.1", "2.2e3", "1.423e-4", "1054.0", "12345.678901234567", "98765432109876543210.123456789", "-5e-08"]


def make_instrument(**changes: object) -> Instrument:
    definition: Json = {
        "instrument_name": "BTC-PERPETUAL",
        "kind": "future",
        "tick_size": 0.5,
        "contract_size": 10.0,
        "min_trade_amount": 10.0,
        "base_currency": "BTC",
        "quote_currency": "USD",
        "settlement_currency": "BTC",
        "instrument_type": "reversed",
        "settlement_period": "perpetual",
    }
    return public.decode_definition(json.dumps(definition | changes)).instrument("deribit", 1)


def wire_trade(number: str) -> str:
    return (
        '{"trade_id":"1","order_id":"2","instrument_name":"BTC-PERPETUAL","timestamp":3,"direction":"buy",'
        f'"price":{number},"amount":{number},"fee":{number},"fee_currency":"BTC","liquidity":"T"}}'
    )


def messages(path: Path, key: str, wanted: str) -> Iterator[bytes]:
    """The recorded messages of one kind, as the bytes that stand in the file."""
    for line in path.read_text().splitlines():
        if json.loads(line)[key] == wanted:
            start = line.index('"msg":') + len('"msg":')
            yield line[start:-1].encode()


# --- Numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", NUMBERS)
def test_what_is_ours_is_read_from_the_text(text: str) -> None:
    trade = private.decode_trades_page(f'{{"trades":[{wire_trade(text)}]}}').trades[0]
    order = private.decode_order(
        '{"order_id":"1","order_state":"open","instrument_name":"x","direction":"sell",'
        f'"amount":{text},"price":{text},"filled_amount":{text}}}'
    )

    exact = Decimal(text)
    assert [trade.price, trade.amount, trade.fee] == [exact] * 3
    assert [str(trade.price), order.limit, order.amount, order.filled_amount] == [str(exact), exact, exact, exact]
    assert private.decode_position(f'{{"size":{text}}}').amount == exact
    assert private.decode_summary(f'{{"currency":"BTC","balance":{text}}}').balance == exact


@given(st.decimals(allow_nan=False, allow_infinity=False, places=17, min_value=-(10**6), max_value=10**6))
def test_no_digit_is_lost_on_the_way_in(number: Decimal) -> None:
    fee = private.decode_trades_page(f'{{"trades":[{wire_trade(format(number, "f"))}]}}').trades[0].fee

    assert fee == number


@given(st.integers(1, 10**7), st.integers(0, 10**6), st.sampled_from(["0.5", "0.05", "0.0001", "2.5", "0.0005"]))
def test_every_multiple_of_the_tick_lands_on_its_tick(ticks: int, lots: int, tick: str) -> None:
    grid = Grid(make_instrument(tick_size=float(tick), contract_size=0.001, min_trade_amount=0.001))
    price, amount = float(ticks * Decimal(tick)), float(lots * Decimal("0.001"))

    assert grid.levels([("change", price, amount)]) == ((ticks, lots),)


@given(st.integers(1, 10**6), st.floats(0.01, 0.99))
def test_a_price_between_two_ticks_is_off_the_grid(ticks: int, part: float) -> None:
    grid = Grid(make_instrument())

    with pytest.raises(OffGrid):
        grid.levels([("new", (ticks + part) * 0.5, 10.0)])


def test_a_deleted_level_is_empty_and_an_odd_lot_is_somebody() -> None:
    grid = Grid(make_instrument())

    assert grid.levels([("delete", 10.0, 0.0), ("delete", 10.5, 10.0), ("new", 11.0, 1.0)]) == (
        (20, 0),
        (21, 0),
        (22, 1),
    )


def test_a_market_order_has_no_price_of_its_own() -> None:
    order = private.decode_order(
        '{"order_id":"1","order_state":"untriggered","instrument_name":"x","direction":"sell","amount":0.01,'
        '"price":"market_price"}'
    )

    assert order.limit is None
    assert order.filled_amount == 0


# --- Frames ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, bytes])
def test_a_book_is_recognised_at_a_glance_in_text_and_in_bytes(kind: type) -> None:
    frame = (
        '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.raw","data":'
        '{"type":"change","timestamp":1,"prev_change_id":2,"instrument_name":"BTC-PERPETUAL","change_id":3,'
        '"bids":[["delete",9411.0,0.0]],"asks":[]}}}'
    )

    book = public.book_in(frame if kind is str else frame.encode())

    assert book is not None
    assert (book.prev_change_id, book.change_id, book.is_snapshot) == (2, 3, False)
    assert public.book_in(frame.replace("book.", "trades.")) is None


@pytest.mark.parametrize(
    ("fields", "is_snapshot"),
    [
        ({"type": "snapshot"}, True),
        ({"type": "snapshot", "prev_change_id": None}, True),
        ({"type": "change", "prev_change_id": 1}, False),
        ({}, True),  # the older form of the channel
        ({"prev_change_id": 1}, False),
    ],
)
def test_snapshots_and_changes_are_told_apart(fields: Json, is_snapshot: bool) -> None:
    data = {"instrument_name": "x", "timestamp": 1, "change_id": 2, "bids": [], "asks": []} | fields

    assert public.decode_book(json.dumps(data)).is_snapshot is is_snapshot


@given(st.binary(max_size=60))
def test_garbage_is_a_decode_error_and_nothing_else(frame: bytes) -> None:
    for decode in (codec.decode_frame, private.decode_changes, public.decode_book, public.book_in):
        try:
            decode(b'{"params":{"channel":"book.' + frame)
        except codec.UNREADABLE:
            continue


# --- Recorded private frames ---------------------------------------------------------------------------------------


def changes_in(recordings: Recordings, case: str) -> private.Changes:
    (frame,) = messages(recordings(ROQ), "case", case)
    return private.decode_changes(codec.decode_frame(frame).params.data)


def test_a_recorded_order_rests(recordings: Recordings) -> None:
    (order,) = changes_in(recordings, "order_open").orders

    assert (order.order_state, order.limit, order.amount) == ("open", Decimal(32000), Decimal(10))
    assert order.venue_time == 1765463719142 * MS_NS


def test_a_recorded_cancel_says_why(recordings: Recordings) -> None:
    (order,) = changes_in(recordings, "order_cancelled").orders

    assert (order.order_state, order.cancel_reason) == ("cancelled", "user_request")


def test_a_recorded_fill_comes_with_its_order_in_one_frame(recordings: Recordings) -> None:
    changes = changes_in(recordings, "order_ioc_filled")

    fill = private.fill_of(changes.trades[0], "deribit", "ours", 5)
    assert changes.orders[0].order_state == "filled"
    assert (fill.trade_id, fill.venue_order_id) == ("208465104", "74365704227")
    assert (fill.price, fill.amount, fill.fee) == (Decimal(92037), Decimal(10), Decimal("5e-08"))
    assert (fill.fee_currency, fill.liquidity, fill.side) == ("BTC", Liquidity.TAKER, Side.BUY)


def test_a_recorded_page_of_trades_and_a_recorded_refusal(recordings: Recordings) -> None:
    (success,) = messages(recordings(ROQ), "case", "success")
    (empty,) = messages(recordings(ROQ), "case", "empty")
    (failure,) = messages(recordings(ROQ), "case", "failure")

    page = private.decode_trades_page(codec.decode_frame(success).result)
    assert [(trade.trade_id, trade.price) for trade in page.trades] == [("208465071", Decimal("91701.5"))]
    assert private.decode_trades_page(codec.decode_frame(empty).result) == private.TradesPage((), False)
    refused = codec.decode_frame(failure)
    assert refused.error is not None
    assert refused.error.code == -32602
    assert "currency" in str(refused.error)
    assert refused.us_in == 1765525372076064


@pytest.mark.parametrize("name", ["buy", "sell", "edit"])
def test_recorded_replies_to_orders(recordings: Recordings, name: str) -> None:
    source = f"crates/adapters/deribit/test_data/ws_order_{name}_response.json"
    (frame,) = messages(recordings(NAUTILUS), "src", source)

    placed = private.decode_placed(codec.decode_frame(frame).result)

    assert placed.order.order_state == "open"
    assert placed.order.amount == Decimal("0.001")
    assert placed.order.limit == {"buy": Decimal("2973.55"), "sell": Decimal("3286.7"), "edit": Decimal("3067.2")}[name]
    assert placed.trades == ()


def test_a_recorded_definition_of_an_inverse_perpetual(recordings: Recordings) -> None:
    source = "crates/adapters/deribit/test_data/http_get_instrument.json"
    (frame,) = messages(recordings(NAUTILUS), "src", source)

    instrument = public.decode_definition(codec.decode_frame(frame).result).instrument("deribit", 1)

    assert (instrument.kind, instrument.inverse, instrument.amount_unit) == (Kind.PERPETUAL, True, AmountUnit.QUOTE)
    assert (instrument.tick, instrument.lot, instrument.min_amount) == (Decimal("0.5"), Decimal(10), Decimal(10))
    assert (instrument.settlement_currency, instrument.contract_value) == ("BTC", 1)


def test_a_recorded_definition_of_an_option(recordings: Recordings) -> None:
    source = "crates/adapters/deribit/test_data/http_get_instrument_option.json"
    (frame,) = messages(recordings(NAUTILUS), "src", source)

    instrument = public.decode_definition(codec.decode_frame(frame).result).instrument("deribit", 1)

    assert (instrument.kind, instrument.inverse, instrument.amount_unit) == (Kind.OPTION, False, AmountUnit.BASE)
    assert (instrument.tick, instrument.lot) == (Decimal("0.0005"), Decimal("0.1"))


def test_every_documented_reply_we_use_decodes(recordings: Recordings) -> None:
    decoders: dict[str, Callable[[Any], object]] = {
        "/private/buy": private.decode_placed,
        "/private/sell": private.decode_placed,
        "/private/edit": private.decode_placed,
        "/private/cancel": private.decode_order,
        "/private/get_open_orders_by_instrument": private.decode_orders,
        "/private/get_order_state_by_label": private.decode_orders,
        "/private/get_user_trades_by_instrument_and_time": private.decode_trades_page,
        "/private/get_position": private.decode_position,
        "/private/get_account_summary": private.decode_summary,
        "/private/get_cancel_on_disconnect": private.decode_switch,
        "/public/auth": private.decode_token,
        "/public/get_time": codec.decode_int,
    }

    seen = set()
    for line in recordings(DOCS).read_text().splitlines():
        example = json.loads(line)
        section, message = example["section"], example["msg"]
        if section in decoders and "result" in message:
            decoders[section](json.dumps(message["result"]))
            seen.add(section)

    assert seen >= set(decoders) - {"/private/get_account_summary"}


# --- Refusals ------------------------------------------------------------------------------------------------------


def test_every_code_is_a_documented_one(recordings: Recordings) -> None:
    documented = {json.loads(line)["code"] for line in recordings(CODES).read_text().splitlines()}

    assert {code for code in REJECTIONS if code > 0} <= {int(code) for code in documented}


@pytest.mark.parametrize("code", [13028, 11094, 10001, 11031, 13008, -32603, 500, 77777])
def test_a_code_that_does_not_prove_anything_is_no_rejection(code: int) -> None:
    assert rejection(code) is None


@pytest.mark.parametrize("code", [10028, 10040, 10041, 10047, 10066, 11051, 13503, 13888])
def test_a_code_that_proves_that_nothing_was_executed_is_one(code: int) -> None:
    assert rejection(code) in (RejectReason.RATE, RejectReason.HALTED, RejectReason.TOO_LATE)


# --- Requests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tick", "ticks", "text"), [(0.5, 188_310, "94155.0"), (1e-8, 3, "0.00000003"), (5, 7, "35")])
def test_prices_go_out_as_exact_text(tick: float, ticks: int, text: str) -> None:
    instrument = make_instrument(tick_size=tick)
    command = PlaceOrder(
        order_id="abc000000000001",
        instrument=instrument.key,
        strategy="core",
        side=Side.SELL,
        level=1,
        price=ticks,
        quantity=3,
        intent=Intent.REFILL,
        valid_until=0,
        deadline=0,
    )

    frame = requests.place(7, command, instrument, requests.terms(1234))

    request = json.loads(frame, parse_float=str, parse_int=str)
    assert (request["id"], request["method"]) == ("7", "private/sell")
    assert (request["params"]["price"], request["params"]["valid_until"]) == (text, "1234")
    assert Decimal(request["params"]["amount"]) == 30


def test_a_venues_order_id_cannot_break_out_of_its_quotes() -> None:
    hostile = 'x","price":1,"y":"\\'
    instrument = make_instrument()
    amend = AmendOrder(
        order_id="a",
        venue_order_id=hostile,
        instrument=instrument.key,
        price=2,
        quantity=1,
        intent=Intent.QUOTE,
        valid_until=0,
        deadline=0,
    )
    cancel = CancelOrder(order_id="a", venue_order_id=hostile, instrument=instrument.key, deadline=0)

    assert json.loads(requests.amend(1, amend, instrument, requests.terms(5)))["params"]["order_id"] == hostile
    assert json.loads(requests.cancel(1, cancel))["params"] == {"order_id": hostile}


def test_the_signature_is_that_of_the_documented_example() -> None:
    signature = requests.sign("AMANDASECRECT", 1576074319000, "1iqt2wls")

    assert signature == "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"

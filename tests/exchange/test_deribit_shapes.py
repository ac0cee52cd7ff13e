"""What the dialect says, member by member, against what the venue was recorded or documented to say."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.clients import ALICE, BOB, START, Clients
from tests.exchange.stand import SPOT, listing

Recordings = Callable[[str], Path]
BTC = "BTC-PERPETUAL"
START_MS = START // 1_000_000
PERIOD = {"start_timestamp": START_MS, "end_timestamp": START_MS + 3 * 3_600_000}

# Members that documents or recordings have and we do not: of the venue's earlier days, or of what is not here.
OLDER_ORDER = {"max_show", "is_rebalance", "original_order_type"}
NOT_OURS: dict[str, set[str]] = {
    "/private/buy": OLDER_ORDER,
    "/private/edit_by_label": OLDER_ORDER,
    "/private/get_order_state": OLDER_ORDER,
    "/private/get_open_orders_by_currency": OLDER_ORDER,
    "/private/get_order_history_by_currency": OLDER_ORDER,
    "/private/get_position": {"estimated_liquidation_price"},  # nobody is ever liquidated
    "/private/get_positions": {"estimated_liquidation_price"},
    "/public/get_book_summary_by_currency": {"mark_iv"},  # of options
    "/public/status": {"locked_currencies"},  # now locked_indices
    "incremental_ticker.{instrument_name}": set(),
    "user.orders.{instrument_name}.raw": OLDER_ORDER,
    "user.changes.{instrument_name}.{interval}": OLDER_ORDER,
}
CHART = {"instrument_name": BTC, "resolution": "1"} | PERIOD
ASKED: dict[str, dict[str, Any]] = {
    "/public/auth": {"grant_type": "client_credentials", "client_id": "bob-id", "client_secret": "bob-secret"},
    "/public/hello": {"client_name": "x", "client_version": "1"},
    "/public/status": {},
    "/public/test": {},
    "/public/get_currencies": {},
    "/public/get_instrument": {"instrument_name": BTC},
    "/public/get_instruments": {"currency": "BTC", "kind": "future"},
    "/public/get_contract_size": {"instrument_name": BTC},
    "/public/get_index_price": {"index_name": "btc_usd"},
    "/public/get_order_book": {"instrument_name": BTC},
    "/public/ticker": {"instrument_name": BTC},
    "/public/get_book_summary_by_currency": {"currency": "BTC", "kind": "future"},
    "/public/get_last_trades_by_instrument": {"instrument_name": BTC},
    "/public/get_last_trades_by_currency": {"currency": "BTC"},
    "/public/get_tradingview_chart_data": CHART,
    "/public/get_funding_rate_history": {"instrument_name": BTC} | PERIOD,
    "/private/get_position": {"instrument_name": BTC},
    "/private/get_positions": {"currency": "BTC"},
    "/private/get_margins": {"instrument_name": BTC, "amount": 100, "price": 50_000},
    "/private/get_account_summary": {"currency": "BTC", "extended": True},
    "/private/get_account_summaries": {"extended": True},
    "/private/get_subaccounts": {"with_portfolio": True},
    "/private/get_open_orders_by_currency": {"currency": "BTC"},
    "/private/get_order_history_by_currency": {"currency": "BTC", "include_old": True},
    "/private/get_user_trades_by_instrument": {"instrument_name": BTC},
    "/private/get_transaction_log": {"currency": "BTC"} | PERIOD,
    "/private/get_mmp_config": {},
    "/private/buy": {"instrument_name": BTC, "amount": 10, "type": "market", "label": "x"},
    "/private/edit_by_label": {"instrument_name": BTC, "label": "rests", "amount": 20},
}
ELSEWHERE: dict[str, set[str]] = {
    "/private/get_transaction_log": {"ip"},
    "/private/get_mmp_config": {"vega_limit"},  # of options
    "/private/get_account_summary": {"btc_usd", "eth_usd"},  # greeks of options, by index
    "/private/get_account_summaries": {"btc_usd", "eth_usd"},
    "/private/get_subaccounts": {"eth"},
}
ONLY_OF_OPTIONS = {"strike", "option_type"}


@pytest.fixture
def traded() -> Clients:
    """Two accounts that have traded, three hours ago and now, and of which one has an order resting."""
    clients = Clients(besides=[listing(SPOT, at=START, pace=1e-9)])
    clients.connect("a", ALICE)
    clients.connect("b", BOB)
    _, ask = clients.touch()
    clients.buy("a", ask, amount=10, label="first")
    clients.wait(2.5 * 3600)
    for connection, key in (("a", ALICE), ("b", BOB)):
        clients.connect(connection, key)
    _, ask = clients.touch()
    clients.result(
        "a",
        "private/set_mmp_config",
        index_name="btc_usd",
        interval=60,
        frozen_time=0,
        mmp_group="x",
        quantity_limit=3,
        max_quote_quantity=1,
        delta_limit=1,
    )
    clients.buy("a", ask, amount=10, label="second")
    clients.buy("a", 50_000, label="rests")
    return clients


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def missing(theirs: Any, ours: Any, at: str = "") -> Iterator[str]:
    """The members that theirs has and ours has not, all the way down."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), at
        for member, value in theirs.items():
            if member not in ours:
                yield f"{at}.{member}".lstrip(".")
            elif value and ours[member]:
                yield from missing(value, ours[member], f"{at}.{member}")
    elif isinstance(theirs, list) and theirs and isinstance(theirs[0], dict):
        assert isinstance(ours, list) and ours, f"{at}: there is nothing to compare"
        for row in theirs:
            alike = [each for each in ours if each.get("type") == row.get("type")]
            if alike:  # a cash book has rows of kinds that do not happen here
                yield from missing(row, _most_alike(row, alike), at)


def _most_alike(row: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The one of our rows that has most of a row's members: the lists are of different things."""
    return max(rows, key=lambda each: len(row.keys() & each.keys()))


@pytest.mark.parametrize("section", list(ASKED))
def test_an_answer_has_every_documented_member(section: str, traded: Clients, recordings: Recordings) -> None:
    documented = lines(recordings("private/deribit_docs_examples.jsonl"))
    theirs = next(line["msg"]["result"] for line in documented if line["section"] == section)

    ours = traded.result("a", section[1:], **ASKED[section])

    allowed = NOT_OURS.get(section, set()) | ONLY_OF_OPTIONS | ELSEWHERE.get(section, set())
    assert [member for member in missing(theirs, ours) if member.rpartition(".")[2] not in allowed] == []


@pytest.mark.parametrize(
    ("file", "method", "params"),
    [
        ("http_get_instrument.json", "public/get_instrument", {"instrument_name": BTC}),
        ("http_get_order_book.json", "public/get_order_book", {"instrument_name": BTC}),
        ("http_get_last_trades.json", "public/get_last_trades_by_instrument", {"instrument_name": BTC}),
        ("http_get_account_summaries.json", "private/get_account_summaries", {"extended": True}),
        ("http_get_tradingview_chart_data.json", "public/get_tradingview_chart_data", CHART),
    ],
)
def test_an_answer_has_every_member_that_others_captured(
    file: str, method: str, params: dict[str, Any], traded: Clients, recordings: Recordings
) -> None:
    captured = lines(recordings("private/nautilus_deribit.jsonl"))
    theirs = next(line["msg"]["result"] for line in captured if line["src"].endswith(f"/{file}"))

    ours = traded.result("a", method, **params)

    allowed = {"max_non_default_leverage", "btc_usd", "eth_usd"}
    assert [member for member in missing(theirs, ours) if member.rpartition(".")[2] not in allowed] == []


@pytest.mark.parametrize("file", ["buy", "edit", "cancel"])
def test_an_order_has_exactly_the_members_that_others_captured(
    file: str, traded: Clients, recordings: Recordings
) -> None:
    captured = lines(recordings("private/nautilus_deribit.jsonl"))
    result = next(line["msg"]["result"] for line in captured if line["src"].endswith(f"ws_order_{file}_response.json"))
    theirs = result.get("order", result)

    order = traded.buy("a", 50_000)["order"]
    if file == "edit":
        order = traded.result("a", "private/edit", order_id=order["order_id"], amount=50, price=50_001)["order"]
    elif file == "cancel":
        order = traded.result("a", "private/cancel", order_id=order["order_id"])

    assert order.keys() == theirs.keys()
    assert {member: type(value) for member, value in order.items()} == {
        member: type(value) for member, value in theirs.items()
    }


CHANNELS = {
    "book.{instrument_name}.{interval}": f"book.{BTC}.100ms",
    "book.{instrument_name}.{group}.{depth}.{interval}": f"book.{BTC}.5.1.100ms",
    "ticker.{instrument_name}.{interval}": f"ticker.{BTC}.raw",
    "incremental_ticker.{instrument_name}": f"incremental_ticker.{BTC}",
    "quote.{instrument_name}": f"quote.{BTC}",
    "trades.{instrument_name}.{interval}": f"trades.{BTC}.raw",
    "trades.{kind}.{currency}.{interval}": "trades.future.BTC.100ms",
    "perpetual.{instrument_name}.{interval}": f"perpetual.{BTC}.raw",
    "deribit_price_index.{index_name}": "deribit_price_index.btc_usd",
    "chart.trades.{instrument_name}.{resolution}": f"chart.trades.{BTC}.1",
    "user.orders.{instrument_name}.raw": f"user.orders.{BTC}.raw",
    "user.orders.{instrument_name}.{interval}": f"user.orders.{BTC}.100ms",
    "user.orders.{kind}.{currency}.raw": "user.orders.any.any.raw",
    "user.trades.{instrument_name}.{interval}": f"user.trades.{BTC}.raw",
    "user.trades.{kind}.{currency}.{interval}": "user.trades.future.BTC.100ms",
    "user.changes.{instrument_name}.{interval}": f"user.changes.{BTC}.raw",
    "user.changes.{kind}.{currency}.{interval}": "user.changes.future.BTC.raw",
    "user.portfolio.{currency}": "user.portfolio.btc",
}


@pytest.mark.parametrize("section", list(CHANNELS))
def test_a_notification_has_every_documented_member(section: str, traded: Clients, recordings: Recordings) -> None:
    documented = lines(recordings("private/deribit_docs_examples.jsonl"))
    theirs = next(line["msg"]["params"]["data"] for line in documented if line["section"] == section)
    _, ask = traded.touch()

    traded.result("a", "private/subscribe", channels=[CHANNELS[section]])
    traded.buy("a", ask, amount=10, label="third")
    traded.wait(1.5)

    told = traded.heard("a", CHANNELS[section])
    assert told, "something is told"
    ours = told[0] if isinstance(told[0], dict) else told[-1]
    assert type(ours) is type(theirs)
    allowed = OLDER_ORDER | {"btc_usd", "iv"}  # of options
    assert [member for member in missing(theirs, ours) if member.rpartition(".")[2] not in allowed] == []


def test_a_portfolio_has_exactly_the_members_of_the_recorded_one(traded: Clients, recordings: Recordings) -> None:
    recorded = lines(recordings("private/roq_deribit_recorded.jsonl"))
    theirs = next(line["msg"] for line in recorded if "portfolio" in line["src"])["params"]["data"]

    traded.result("a", "private/subscribe", channels=["user.portfolio.btc"])
    (ours,) = traded.heard("a", "user.portfolio.btc")

    assert ours.keys() == theirs.keys()
    assert ours["equity"] == pytest.approx(ours["balance"] + ours["session_upl"], abs=1e-9)


def test_a_public_trade_and_a_ticker_have_exactly_the_members_that_others_captured(
    traded: Clients, recordings: Recordings
) -> None:
    captured = {
        line["src"].rpartition("/")[2]: line["msg"] for line in lines(recordings("private/nautilus_deribit.jsonl"))
    }
    ticker = captured["ws_ticker.json"]["params"]["data"]
    trade = captured["ws_trades.json"]["params"]["data"][1]
    candle = captured["ws_chart.json"]["params"]["data"]

    channels = [f"ticker.{BTC}.raw", f"trades.{BTC}.raw", f"chart.trades.{BTC}.1"]
    traded.result("a", "private/subscribe", channels=channels)
    _, ask = traded.touch()
    traded.buy("a", ask, amount=10)

    ours = [traded.inbox_data("a", channel) for channel in channels]
    assert ours[0][0].keys() == ticker.keys()
    assert ours[0][0]["stats"].keys() == ticker["stats"].keys()
    assert ours[1][0][0].keys() == trade.keys()
    assert ours[2][0].keys() == candle.keys()


def test_private_frames_have_every_member_of_the_recorded_ones(clients: Clients, recordings: Recordings) -> None:
    recorded = {line["case"]: line["msg"] for line in lines(recordings("private/roq_deribit_recorded.jsonl"))}
    _, ask = clients.touch()
    clients.result("a", "private/subscribe", channels=["user.changes.any.any.raw"])

    clients.buy("a", 50_000, label="x")
    (opened,) = clients.heard("a")
    clients.result("a", "private/cancel_all")
    (cancelled,) = clients.heard("a")
    clients.buy("a", ask, label="x", amount=10, time_in_force="immediate_or_cancel")
    (filled,) = clients.heard("a")

    for ours, case in ((opened, "order_open"), (cancelled, "order_cancelled"), (filled, "order_ioc_filled")):
        theirs = recorded[case]["params"]["data"]
        assert ours.keys() == theirs.keys()
        for members in ("orders", "trades", "positions"):
            assert len(ours[members]) == len(theirs[members])
            for our_row, their_row in zip(ours[members], theirs[members], strict=True):
                assert set(their_row) <= set(our_row)
                assert set(our_row) - set(their_row) <= {"reject_post_only", "open_orders_margin"}
                for member, value in their_row.items():
                    assert type(our_row[member]) is type(value), member


def test_an_error_looks_like_the_recorded_one(clients: Clients, recordings: Recordings) -> None:
    rows = lines(recordings("private/roq_deribit_recorded.jsonl"))
    recorded = next(line["msg"] for line in rows if line["case"] == "failure")

    reply = clients.ask("a", "private/get_open_orders_by_label", label="x")

    assert reply.keys() == recorded.keys()
    assert reply["error"] == recorded["error"]


def test_book_frames_have_the_members_of_the_recorded_ones(clients: Clients, recordings: Recordings) -> None:
    _, snapshot, change, *_ = lines(recordings("deribit_ws/btc_perpetual_book_raw_5msgs_with_gap.jsonl"))
    clients.result("a", "private/subscribe", channels=["book.BTC-PERPETUAL.raw"])
    clients.buy("a", 50_000)

    ours = clients.heard("a")

    for our_data, their_data in zip(ours, (snapshot["params"]["data"], change["params"]["data"]), strict=True):
        assert set(our_data) == set(their_data) | {"type"}  # the recording is older than this member
        assert type(our_data["bids"][0][2]) is type(their_data["bids"][0][2])

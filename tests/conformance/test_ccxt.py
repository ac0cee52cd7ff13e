import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import yaml

from tests.conformance.books import FILLS, ORDERS, Record, compare, read
from tests.conformance.sealed import run_sealed
from tests.stories.desk import PAPER, Desk

CLIENT = Path(__file__).parent / "ccxt_life.py"
LIFE_S_MAX = 300.0  # of the client, on a machine that is busy with something else
MARKETS = {
    "BTC-PERPETUAL": "BTC/USD:BTC",
    "ETH_USDC-PERPETUAL": "ETH/USDC:USDC",
    "BTC_USDC": "BTC/USDC",
}
CONTRACTS = ("BTC/USD:BTC", "ETH/USDC:USDC")  # the third is spot, where what was bought is in the balance
SMALLEST = Decimal("1e-8")
LIVELY = {"source": "synthetic", "time_scale": 60}


def exchange_desk(room: Path) -> Desk:
    """An exchange of several markets, each a minute a second fast, and one account with money for all of them."""
    config = yaml.safe_load(PAPER.read_text())
    config["exchange"] |= {
        "market": LIVELY,
        "instruments": dict.fromkeys(MARKETS),
        "balances": {"BTC": "10", "USDC": "1000000"},
    }
    file = room / "exchange.yaml"
    file.write_text(yaml.safe_dump(config))
    return Desk(room, file)


def test_ccxt_lives_a_whole_life_and_its_books_are_those_of_the_exchange(tmp_path: Path) -> None:
    desk = exchange_desk(tmp_path)
    with desk.running("exchange", desk.config, "--ledger", desk.ledger_file) as exchange:
        exchange.until("it listens", exchange.lines)
        socket = json.loads(exchange.lines()[0])["url"]
        urls = {"rest": socket.replace("ws://", "http://").removesuffix("/ws/api/v2"), "ws": socket}
        options = {"apiKey": "paper", "secret": "paper", "urls": {"api": urls, "test": urls}}
        told = {"venue": "deribit", "options": options, "symbols": list(MARKETS.values())}

        heard = json.loads(run_sealed(CLIENT, tmp_path, json.dumps(told), LIFE_S_MAX), parse_float=Decimal)

    books = read(desk.ledger(), "main", MARKETS)
    found = compare(books, heard)
    sys.stderr.write("\n".join(["", "  ccxt against the ledger", *found.table(), *found.differences, ""]))
    assert found.differences == []
    assert all(compare(books, falsified).differences for falsified in one_thing_wrong(heard))
    for symbol in MARKETS.values():
        orders = [order for order in books.orders.values() if order["symbol"] == symbol]
        fills = [fill for fill in books.fills.values() if fill["symbol"] == symbol]
        assert any(order["status"] == "canceled" and order["filled"] for order in orders), "a partial fill"
        assert {fill["takerOrMaker"] for fill in fills} == {"maker", "taker"}
        assert any(fill["fee cost"] for fill in fills)
    assert all(books.positions[symbol]["contracts"] for symbol in CONTRACTS)


def one_thing_wrong(heard: Record) -> Iterator[Record]:
    """What the client told, but for one thing that is wrong: a comparison that misses it would prove nothing."""
    for path in numbers(heard):
        falsified = deepcopy(heard)
        *way, member = path
        reduce(getitem, way, falsified)[member] += SMALLEST
        yield falsified
    for symbol in heard["lives"]:
        for name in (*ORDERS, *FILLS):
            falsified = deepcopy(heard)
            del falsified["lives"][symbol][name][-1]
            yield falsified


def numbers(heard: Record) -> Iterator[tuple[Any, ...]]:
    """Where numbers of every kind stand in what the client told."""
    for symbol, life in heard["lives"].items():
        for name, member in (("fetched", "filled"), ("closed", "average"), ("watched", "amount")):
            place = next(place for place, order in enumerate(life[name]) if order["filled"])
            yield "lives", symbol, name, place, member
        for name in FILLS:
            yield "lives", symbol, name, 0, "price"
            yield "lives", symbol, name, -1, "fee", "cost"
    yield "holdings", "positions", 0, "entryPrice"
    yield "holdings", "fetched", "info", "summaries", 0, "balance"
    yield "holdings", "watched", "USDC", "info", "balance"

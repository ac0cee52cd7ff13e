"""A running exchange tells over the wire the book that it writes into its file, and an audit of it finds as much."""

import json
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from websockets.sync.client import ClientConnection, connect

from replenisher.errors import ConfigurationError, Unreachable
from replenisher.report.audit import Audit, audit
from replenisher.report.ledger import ExchangeBook, ExchangeOrder, read_ledger
from replenisher.report.wire import Key, read_exchange
from replenisher.store.database import Database
from replenisher.store.queries import AccountKey
from tests.report.world import ACCOUNT, World
from tests.stories.desk import PAPER, Desk, Ended, Process
from tests.waiting import DEADLINE_S

KEY = Key("paper", "paper")
MS = 1_000_000
ADDRESS = "REPLENISHER_VENUES__DERIBIT__URL"


@contextmanager
def listening(desk: Desk, *arguments: str | Path) -> Iterator[tuple[Process, str]]:
    """An exchange on its own, and where it listens."""
    with desk.running("exchange", *arguments, "--port", "0") as exchange:
        exchange.until("it listens", exchange.lines)
        yield exchange, json.loads(exchange.lines()[0])["url"]


def audited(desk: Desk, url: str) -> Ended:
    return desk.command("audit", desk.config, "--json", **{ADDRESS: url})


class Traded(NamedTuple):
    """A life that is over, and the exchange on which it was lived, which still runs."""

    desk: Desk
    ledger: Path
    url: str
    summary: dict[str, Any]


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traded]:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    ledger = desk.room / "books.jsonl"
    with listening(desk, "--seed", "7", "--ledger", ledger) as (_, url):
        life = desk.run("--duration", "8", **{ADDRESS: url})
        assert (life.code, life.stderr) == (0, "")
        yield Traded(desk, ledger, url, life.summary)


def test_an_audit_over_the_wire_finds_what_one_of_the_file_finds(traded: Traded) -> None:
    over_the_wire = audited(traded.desk, traded.url)

    findings = json.loads(over_the_wire.stdout)
    assert (over_the_wire.code, over_the_wire.stderr) == (0, "")
    assert (findings["source"], findings["differences"], findings["open_orders"]) == ("wire", [], 0)
    assert findings["fills"] == traded.summary["fills"] > 0
    of_the_file = compared(traded.desk.database, read_ledger(traded.ledger, "main"))
    assert findings | {"source": "file"} == json.loads(msgspec.json.encode(of_the_file))


def test_of_spot_both_coins_are_told_over_the_wire_and_both_books_agree(tmp_path: Path) -> None:
    config, ledger = tmp_path / "spot.yaml", tmp_path / "books.jsonl"
    text = PAPER.read_text().replace("instrument: BTC-PERPETUAL", "instrument: BTC_USDC")
    config.write_text(text.replace('{BTC: "10"}', '{BTC: "2", USDC: "100000"}\n  instruments: {BTC_USDC: {}}'))
    desk = Desk(tmp_path, config)
    with listening(desk, config, "--ledger", ledger) as (_, url):
        life = desk.run("--duration", "6", **{ADDRESS: url})
        over_the_wire = audited(desk, url)
        wire = read_exchange(url, KEY, page=7, cash_page=5)

    assert (life.code, life.stderr) == (0, "")
    findings = json.loads(over_the_wire.stdout)
    assert (findings["source"], findings["differences"], findings["fills"] > 0) == ("wire", [], True)
    assert_told(wire, read_ledger(ledger, "main"))
    assert {each.currency for each in wire.balances if each.trades} == {"BTC", "USDC"}
    assert wire.positions == {}


@pytest.mark.parametrize("page", [3, 7, 500])
def test_the_wire_tells_the_book_of_the_file_to_the_last_digit(traded: Traded, page: int) -> None:
    file, wire = read_ledger(traded.ledger, "main"), read_exchange(traded.url, KEY, page=page)

    assert len(file.trades) > 3 and len(file.orders) > 7, "more than one page"
    assert_told(wire, file)


def test_whatever_an_account_did_is_told(tmp_path: Path) -> None:
    ledger = tmp_path / "books.jsonl"
    nobody_else = {"REPLENISHER_EXCHANGE__MARKET__TIME_SCALE": "0.000001"}
    desk = Desk(tmp_path, **nobody_else)
    with listening(desk, desk.config, "--ledger", ledger) as (_, url):
        with connect(url, proxy=None) as client:
            ask(client, "public/auth", grant_type="client_credentials", client_id="paper", client_secret="paper")
            for _ in range(4):
                shown = int(touch(client, "best_ask_amount"))
                resting = trade(client, "buy", shown + 30, price=touch(client, "best_ask_price"), label="rests")
                ask(client, "private/edit", order_id=resting["order_id"], amount=shown + 40, price=55_000.5)
                trade(client, "sell", 20, type="market")
            trade(client, "buy", 10, price=40_000)
            wire = read_exchange(url, KEY, page=3, cash_page=5)
        assert_told(wire, read_ledger(ledger, "main"))

    prints = [each.trade_id for each in wire.trades]
    assert len(prints) == len(set(prints)) >= 8, "more than two pages"
    assert (None,) in [order.prices for order in wire.orders]
    assert {order.state for order in wire.orders} == {"open", "filled"}
    assert any(order.knows_only_last for order in wire.orders)


def ask(client: ClientConnection, method: str, **params: object) -> Any:
    client.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    reply = json.loads(client.recv(DEADLINE_S))
    assert "error" not in reply, reply
    return reply["result"]


def touch(client: ClientConnection, name: str) -> float:
    price: float = ask(client, "public/ticker", instrument_name="BTC-PERPETUAL")[name]
    return price


def trade(client: ClientConnection, side: str, amount: int, **params: object) -> dict[str, Any]:
    order: dict[str, Any] = ask(client, f"private/{side}", instrument_name="BTC-PERPETUAL", amount=amount, **params)[
        "order"
    ]
    return order


def assert_told(wire: ExchangeBook, file: ExchangeBook) -> None:
    """What the file says was told, without what the wire has no word for."""
    assert (wire.source, wire.exchange_id) == ("wire", "")
    assert list(wire.trades) == [
        msgspec.structs.replace(each, cause=None, life=0, at=each.at // MS * MS) for each in file.trades
    ]
    assert {each.order_id: each for each in wire.orders} == {each.order_id: as_it_is(each) for each in file.orders}
    assert [(each.balance, each.trades) for each in wire.balances] == [
        (each.balance, each.trades) for each in file.balances
    ]
    assert wire.positions == {name: size for name, size in file.positions.items() if size}


def as_it_is(order: ExchangeOrder) -> ExchangeOrder:
    """An order without what it was before."""
    return msgspec.structs.replace(
        order, prices=order.prices[-1:], amounts=order.amounts[-1:], knows_only_last=len(order.prices) > 1
    )


# --- Planted: the row each edit touches is named ---------------------------------------------------------------------


def compared(database: Path, theirs: ExchangeBook, account: str = "main.paper") -> Audit:
    with closing(Database(f"sqlite:///{database}")) as opened:
        return opened.read(lambda connection: audit(connection, AccountKey("deribit", account), theirs))


def copied(database: Path, room: Path) -> Path:
    """The same rows in a file of its own, which may be edited."""
    room.mkdir()
    copy = room / database.name
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def sql(database: Path, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1


def one(database: Path, query: str) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return str(connection.execute(query).fetchone()[0])


def fill_deleted(database: Path) -> str:
    trade_id = one(database, "select trade_id from fills order by step limit 1")
    sql(database, "delete from fills where trade_id = ?", trade_id)
    return f"trade {trade_id} "


def last_digit_of_a_fee(database: Path) -> str:
    trade_id = one(database, "select trade_id from fills order by step desc limit 1")
    fee = Decimal(one(database, f"select fee from fills where trade_id = '{trade_id}'"))
    sql(database, "update fills set fee = ? where trade_id = ?", str(fee + Decimal("1e-8")), trade_id)
    return f"trade {trade_id} "


def price_of_an_amended_order(database: Path) -> str:
    order_id = one(database, "select order_id from requests where kind = 'amend' limit 1")
    price = Decimal(one(database, f"select price from orders where order_id = '{order_id}'"))
    sql(database, "update orders set price = ? where order_id = ?", str(price + 7777), order_id)
    return f"orders: {order_id}"


def order_deleted(database: Path) -> str:
    order_id = one(database, "select order_id from orders where status = 'canceled' limit 1")
    sql(database, "delete from orders where order_id = ?", order_id)
    return f"orders: {order_id}"


def order_left_open(database: Path) -> str:
    order_id = one(database, "select order_id from orders where status = 'canceled' limit 1")
    sql(database, "update orders set status = 'working' where order_id = ?", order_id)
    return f"orders: {order_id}"


def balance_told(database: Path) -> str:
    at = one(database, "select max(at) from balances")
    sql(database, "update balances set balance = '9.12345678' where at = ?", at)
    return f"balances: BTC told at {at}"


PLANTED = [
    fill_deleted,
    last_digit_of_a_fee,
    price_of_an_amended_order,
    order_deleted,
    order_left_open,
    balance_told,
]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_difference_is_found_and_its_row_is_named(
    traded: Traded, tmp_path: Path, plant: Callable[[Path], str]
) -> None:
    database = copied(traded.desk.database, tmp_path / "data")
    row = plant(database)

    result = compared(database, read_exchange(traded.url, KEY))

    assert result.exit_code() == 1
    assert any(row in each.row for each in result.differences), result.differences


def test_the_command_names_a_planted_difference_too(traded: Traded, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    row = last_digit_of_a_fee(copied(traded.desk.database, desk.data))

    ended = audited(desk, traded.url)

    assert ended.code == 1
    assert any(row in each["row"] for each in json.loads(ended.stdout)["differences"])


# --- What the wire leaves open ---------------------------------------------------------------------------------------


def test_an_amend_that_never_reached_us_is_no_difference_if_we_asked_for_it(
    tmp_path: Path, sqlite_ledger: Path
) -> None:
    database = shutil.copy(sqlite_ledger, tmp_path / "ledger.db")
    with closing(World(tmp_path, f"sqlite:///{database}")) as world:
        file = read_ledger(world.ledger, "main")
        theirs = msgspec.structs.replace(file, source="wire", orders=tuple(as_it_is(each) for each in file.orders))
        amended = next(order for order in theirs.orders if order.knows_only_last)
        earlier = next(order.prices[0] for order in file.orders if order.label == amended.label)
        assert compared(database, theirs, ACCOUNT).differences == ()

        sql(database, "update orders set price = ? where order_id = ?", str(earlier), amended.label)
        asked_for = compared(database, theirs, ACCOUNT)
        sql(database, "update orders set price = '1' where order_id = ?", amended.label)
        never_asked_for = compared(database, theirs, ACCOUNT)

    assert asked_for.differences == ()
    assert [(each.kind, each.row) for each in never_asked_for.differences] == [
        ("order_price", f"orders: {amended.label}")
    ]


# --- Which exchange, and whether there is one ------------------------------------------------------------------------


def test_the_exchange_of_run_can_be_asked_once_it_listens_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.run("--duration", "2").code == 0

    with listening(desk, desk.config, "--ledger", desk.ledger_file) as (exchange, url):
        over_the_wire = audited(desk, url)
        exchange.stop()
        nobody = audited(desk, url)

    of_the_file = desk.audit()  # with what the exchange may have settled meanwhile
    assert (over_the_wire.code, over_the_wire.stderr) == (0, "")
    assert json.loads(over_the_wire.stdout) == of_the_file | {"source": "wire"}
    assert of_the_file["fills"] > 0
    assert (nobody.code, nobody.stdout, nobody.stderr.count("\n")) == (75, "", 1)
    assert url in nobody.stderr


def test_a_wrong_key_is_the_operators_mistake(traded: Traded) -> None:
    with pytest.raises(ConfigurationError, match="public/auth: 13004 invalid_credentials"):
        read_exchange(traded.url, Key("paper", "guessed"))

    assert "guessed" not in repr(Key("paper", "guessed"))


def test_an_address_that_is_not_allowed_is_not_asked(traded: Traded) -> None:
    ended = audited(traded.desk, "wss://www.example.com/ws/api/v2")

    assert (ended.code, ended.stderr.count("\n")) == (78, 1)
    assert "must be loopback" in ended.stderr


def test_what_is_no_exchange_is_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
        read_exchange(f"ws://127.0.0.1:{port}/ws/api/v2", KEY)

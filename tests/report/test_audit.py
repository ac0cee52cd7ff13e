"""The audit finds what is planted, names its row, and a check that shares nothing with it agrees."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from bench.small_exchange import BTC_PERPETUAL
from replenisher.errors import ConfigurationError
from replenisher.model.instrument import Instrument
from replenisher.report.audit import Audit, audit
from replenisher.report.audit_page import CUT_OFF, audit_page
from replenisher.report.ledger import ExchangeBook, read_ledger
from replenisher.store import leases, queries, tables
from replenisher.store.database import Database
from replenisher.store.leases import Claim
from replenisher.store.queries import AccountKey
from tests.report.independent_check import check
from tests.report.world import ACCOUNT, World

KEY = AccountKey("deribit", ACCOUNT)


@pytest.fixture
def world(tmp_path: Path, ledger_url: str) -> Iterator[World]:
    with closing(World(tmp_path, ledger_url)) as world:
        yield world


def audited(world: World, **other: bool) -> Audit:
    return world.database.read(lambda connection: audit(connection, KEY, read_ledger(world.ledger, "main"), **other))


def test_two_books_that_agree(world: World) -> None:
    result = audited(world)

    assert result.differences == ()
    assert (result.orders, result.open_orders, result.exit_code()) == (12, 0, 0)
    assert result.fills == world.ledger.read_text().count('"type": "trade"') > 5
    assert result.refills > 0
    told = json.loads(msgspec.json.encode(result))
    assert set(told) == {
        "source",
        "is_running",
        "is_lease_out",
        "last_life",
        "orders",
        "fills",
        "refills",
        "open_orders",
        "cash_unread",
        "differences",
    }
    assert told["source"] == "file"
    assert check(world.database.url, world.ledger, ACCOUNT) == []


def test_of_a_life_that_was_cut_off_it_is_said_that_the_next_one_brings_the_rest(world: World) -> None:
    claim = Claim(accounts={"deribit": ACCOUNT}, journal_id="j", life_ns=10, data_directory="/srv/desk")
    world.database.write(lambda connection: leases.take(connection, claim, 9, 1))
    cut_off, trading = audited(world), audited(world, is_running=True)
    world.database.write(lambda connection: leases.give_back(connection, claim, 9))
    ended = audited(world)

    said = ", and no end of it is recorded\n"
    assert [said in audit_page(each) for each in (cut_off, trading, ended)] == [True, False, True]
    told = [CUT_OFF in audit_page(each) for each in (cut_off, trading, ended)]
    assert told == [each.is_lease_out for each in (cut_off, trading, ended)] == [True, False, False]


LINEAR = msgspec.structs.replace(
    BTC_PERPETUAL, inverse=False, contract_value=Decimal("0.001"), settlement_currency="USDT", quote_currency="USDT"
)


@pytest.mark.parametrize("instrument", [BTC_PERPETUAL, LINEAR], ids=["inverse", "linear"])
@pytest.mark.parametrize("seed", range(4))
def test_books_agree_whatever_was_traded(tmp_path: Path, ledger_url: str, seed: int, instrument: Instrument) -> None:
    with closing(World(tmp_path, ledger_url, orders=60, seed=seed, instrument=instrument)) as world:
        assert audited(world).differences == ()
        assert check(world.database.url, world.ledger, ACCOUNT) == []


# --- Planted: in SQL, by a statement; in the ledger, by an edit of its records. The row each of them touches is named.


def sql(world: World, *statements: str) -> None:
    world.database.write(lambda connection: [connection.execute(text(statement)) for statement in statements])


def first_fill(world: World) -> dict[str, str]:
    query = text("select * from fills order by step limit 1")
    [fill] = world.database.read(lambda connection: connection.execute(query).mappings().all())
    return {name: str(value) for name, value in fill.items() if value is not None}


def ledger(
    world: World, kind: str, edit: Callable[[dict[str, str]], list[dict[str, str]]], *, last: bool = True
) -> str:
    """Replace one record of a kind by what `edit` makes of it; returns the label or id of its row."""
    records = [json.loads(line) for line in world.ledger.read_text().splitlines()]
    chosen = [i for i, record in enumerate(records) if record["type"] == kind and record.get("account") != "someone"]
    at = chosen[-1 if last else 0]
    row = records[at].get("label") or records[at].get("order_id") or records[at].get("currency")
    records[at : at + 1] = edit(dict(records[at]))
    world.ledger.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(row).removeprefix("v-")


def last_digit(number: str) -> str:
    """The next number with as many digits."""
    value = Decimal(number)
    return f"{value.next_plus() if value == 0 else value + Decimal(1).scaleb(value.as_tuple().exponent):f}"


def deleted(world: World) -> str:
    trade_id = first_fill(world)["trade_id"]
    sql(world, f"delete from fills where trade_id = '{trade_id}'")
    return f"trade {trade_id} "


def doubled(world: World) -> str:
    trade_id = first_fill(world)["trade_id"]
    sql(
        world,
        "create table loose as select * from fills",
        f"insert into loose select * from fills where trade_id = '{trade_id}'",
        "drop table fills",
        "alter table loose rename to fills",
    )
    return f"trade {trade_id} "


def doubled_under_another_id(world: World) -> str:
    fill = {**first_fill(world), "trade_id": "9999"}
    names, values = ", ".join(f'"{name}"' for name in fill), ", ".join(repr(value) for value in fill.values())
    sql(world, f"insert into fills ({names}) values ({values})")
    return "trade 9999 "


def doubled_on_the_other_side(world: World) -> str:
    fill = first_fill(world)
    fill = {**fill, "side": {"buy": "sell", "sell": "buy"}[fill["side"]]}
    names, values = ", ".join(f'"{name}"' for name in fill), ", ".join(repr(value) for value in fill.values())
    sql(world, f"insert into fills ({names}) values ({values})")
    return f"trade {fill['trade_id']} {fill['side']}"


def doubled_at_the_exchange(world: World) -> str:
    ledger(world, "trade", lambda record: [record, record])
    return f"trade {audited_trades(world)[-1]} "


def audited_trades(world: World) -> list[str]:
    return [trade.trade_id for trade in read_ledger(world.ledger, "main").trades]


def digit_of(column: str) -> Callable[[World], str]:
    def plant(world: World) -> str:
        fill = first_fill(world)
        sql(world, f"update fills set {column} = '{last_digit(fill[column])}' where trade_id = '{fill['trade_id']}'")
        return f"trade {fill['trade_id']} "

    plant.__name__ = f"last_digit_of_{column}"
    return plant


def side_flipped(world: World) -> str:
    fill = first_fill(world)
    flipped = {"buy": "sell", "sell": "buy"}[fill["side"]]
    sql(world, f"update fills set side = '{flipped}' where trade_id = '{fill['trade_id']}'")
    return f"trade {fill['trade_id']} "


def order_missing(world: World) -> str:
    order_id = first_fill(world)["order_id"]
    sql(world, f"delete from orders where order_id = '{order_id}'")
    return order_id


def order_missing_at_the_exchange(world: World) -> str:
    return ledger(world, "order", lambda record: [])


def foreign_order(world: World) -> str:
    names = tables.orders.c.keys()
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join("'foreign'" if name == "order_id" else f'"{name}"' for name in names)
    sql(world, f"insert into orders ({columns}) select {values} from orders limit 1")
    return "orders: foreign"


def foreign_order_at_the_exchange(world: World) -> str:
    ledger(world, "order", lambda record: [record, {**record, "order_id": "77", "label": "tst000001zzzzzz"}])
    return "tst000001zzzzzz"


def first_balance_told(world: World) -> str:
    sql(world, "update balances set balance = '9.99999999' where step = (select min(step) from balances)")
    return "balances: BTC"


def last_balance_told(world: World) -> str:
    sql(world, "update balances set balance = '9.12345678' where step = (select max(step) from balances)")
    return "balances: BTC told at"


def balance_at_the_exchange(world: World) -> str:
    ledger(world, "trade", lambda record: [{**record, "balance": last_digit(record["balance"])}])
    return "balances: BTC"


def position_at_the_exchange(world: World) -> str:
    ledger(world, "trade", lambda record: [{**record, "position": last_digit(record["position"])}])
    return "positions: BTC-PERPETUAL"


def left_open(world: World) -> str:
    order_id = first_fill(world)["order_id"]
    sql(world, f"update orders set status = 'working' where order_id = '{order_id}'")
    return order_id


def left_open_at_the_exchange(world: World) -> str:
    return ledger(world, "closed", lambda record: [])


def cash_deleted(world: World) -> str:
    sql(world, "delete from cash_moves where kind = 'funding'")
    return "cash_moves: BTC funding "


def cash_amount(world: World) -> str:
    sql(world, "update cash_moves set amount = '0.00000456' where kind = 'settlement'")
    return "cash_moves: BTC settlement "


def cash_of_another_kind(world: World) -> str:
    sql(world, "update cash_moves set kind = 'transfer' where kind = 'funding'")
    return "cash_moves: BTC transfer "


def cash_foreign_at_the_exchange(world: World) -> str:
    ledger(world, "cash", lambda record: [])
    return "cash_moves: BTC "


def cash_balance_at_the_exchange(world: World) -> str:
    ledger(world, "cash", lambda record: [{**record, "balance": last_digit(record["balance"])}], last=False)
    return "balance of BTC"


def cash_realized(world: World) -> str:
    sql(world, "update cash_moves set realized = '0.00000456' where kind = 'settlement'")
    return "cash_moves: BTC settlement "


def profit_at_the_exchange(world: World) -> str:
    ledger(world, "trade", lambda record: [{**record, "realized": last_digit(record["realized"])}])
    return "profit of BTC-PERPETUAL"


PLANTED = [
    cash_realized,
    profit_at_the_exchange,
    cash_deleted,
    cash_amount,
    cash_of_another_kind,
    cash_foreign_at_the_exchange,
    deleted,
    doubled,
    doubled_under_another_id,
    doubled_on_the_other_side,
    doubled_at_the_exchange,
    digit_of("price"),
    digit_of("amount"),
    digit_of("fee"),
    side_flipped,
    order_missing,
    order_missing_at_the_exchange,
    foreign_order,
    foreign_order_at_the_exchange,
    first_balance_told,
    last_balance_told,
    balance_at_the_exchange,
    position_at_the_exchange,
    left_open,
    left_open_at_the_exchange,
]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_difference_is_found_and_its_row_is_named(world: World, plant: Callable[[World], str]) -> None:
    row = plant(world)

    result = audited(world)

    assert result.exit_code() == 1
    assert any(row in each.row for each in result.differences), result.differences
    assert check(world.database.url, world.ledger, ACCOUNT), "the independent check must agree"


def test_a_balance_after_money_moved_is_held_against_the_exchanges(world: World) -> None:
    row = cash_balance_at_the_exchange(world)

    assert any(row in each.row and each.kind == "balance_after" for each in audited(world).differences)


@pytest.mark.parametrize(("later_ns", "unread", "kinds"), [(1, 1, set()), (0, 0, {"balance", "cash_missing"})])
def test_money_that_moved_after_our_last_look_is_counted_and_what_moved_before_it_is_missing(
    world: World, later_ns: int, unread: int, kinds: set[str]
) -> None:
    last_look = world.database.read(lambda connection: queries.cash_looks(connection, KEY))["BTC"] + later_ns
    gained = Decimal("0.00000500")
    records = [json.loads(line) for line in world.ledger.read_text().splitlines()]
    left = next(record for record in reversed(records) if "position" in record)
    paid = next(record for record in reversed(records) if record["type"] == "cash")
    after = {"balance": str(Decimal(left["balance"]) + gained), "position": left["position"], "size": left["position"]}
    funded = {"amount": str(gained), "realized": str(gained), "funding": str(gained)}
    records.append({**paid, **after, **funded, "cash_id": "99", "at": last_look})
    world.ledger.write_text("".join(json.dumps(record) + "\n" for record in records))

    result = audited(world)

    assert (result.cash_unread, {each.kind for each in result.differences}) == (unread, kinds)
    assert bool(check(world.database.url, world.ledger, ACCOUNT)) is bool(kinds)


def test_the_independent_check_is_short_independent_and_a_program(world: World) -> None:
    path = Path(__file__).parent / "independent_check.py"
    text = path.read_text()
    run = [sys.executable, str(path), world.database.url, str(world.ledger), ACCOUNT]

    assert len(text.splitlines()) < 130
    assert "import replenisher" not in text and "from replenisher" not in text
    assert subprocess.run(run, check=False, capture_output=True).returncode == 0
    deleted(world)
    assert subprocess.run(run, check=False, capture_output=True).returncode == 1


# --- The exchange's own rule, and what an audit is of


def test_a_passive_fill_without_a_cause_is_told(world: World) -> None:
    ledger(world, "trade", lambda record: [{**record, "cause": None}])

    assert [each.kind for each in audited(world).differences] == ["cause_missing"]


def test_a_print_that_fills_more_than_its_amount_is_told(world: World) -> None:
    ledger(world, "trade", lambda record: [{**record, "cause": {**record["cause"], "amount": "0.5"}}])

    [difference] = audited(world).differences

    assert (difference.kind, difference.theirs) == ("cause_exceeded", "0.5")


@pytest.mark.parametrize(("between", "kinds"), [([], ["cause_exceeded"]), (["opened"], [])])
def test_a_print_counts_anew_when_its_tape_is_played_again(world: World, between: list[str], kinds: list[str]) -> None:
    records = [json.loads(line) for line in world.ledger.read_text().splitlines()]
    again = [record for record in records[:1] if record["type"] in between]
    edited = []
    for record in records:
        if record["type"] == "trade":
            cause = {"trade_id": "t1", "price": record["price"], "amount": record["amount"]}
            edited += [*again, {**record, "cause": cause}]
        else:
            edited.append(record)
    world.ledger.write_text("".join(json.dumps(record) + "\n" for record in edited))

    assert sorted({each.kind for each in audited(world).differences}) == kinds


def test_another_exchanges_ledger_is_told(world: World) -> None:
    ledger(world, "opened", lambda record: [{**record, "exchange_id": "f" * 16}])

    assert audited(world).differences[0].kind == "exchange"


def test_an_open_order_is_no_difference_while_both_run(world: World) -> None:
    order_id = left_open_at_the_exchange(world)
    sql(world, f"update orders set status = 'working' where order_id = '{order_id}'")

    assert audited(world, is_running=True).differences == ()
    assert [each.kind for each in audited(world).differences] == ["order_open"]
    assert audited(world).open_orders == 1


def test_an_order_that_was_refused_is_in_our_book_only(world: World) -> None:
    refused = "tst000001999999"
    for table in ("orders", "requests"):
        copied = f"create table one as select * from {table} where order_id = 'tst000001000000' limit 1"
        sql(world, copied, f"update one set order_id = '{refused}'")
        if table == "orders":
            sql(world, "update one set venue_order_id = '', status = 'rejected', filled = '0'")
        else:
            sql(world, 'update one set "index" = 99')
        sql(world, f"insert into {table} select * from one", "drop table one")

    assert audited(world).differences == ()
    assert audited(world).orders == 13


def test_an_order_of_somebody_else_on_the_account_is_none_of_our_book(world: World) -> None:
    ledger(world, "order", lambda record: [record, {**record, "order_id": "77", "label": "by hand"}])

    assert audited(world).differences == ()
    assert audited(world).open_orders == 0
    assert check(world.database.url, world.ledger, ACCOUNT) == []


def test_an_audit_of_nothing_is_not_clean(ledger_url: str) -> None:
    nothing = ExchangeBook(exchange_id="", trades=(), orders=(), balances=(), positions={})
    with closing(Database(ledger_url)) as database:
        result = database.read(lambda connection: audit(connection, AccountKey("deribit", "main"), nothing))

    assert result.differences == ()
    assert (result.exit_code(), result.exit_code(allow_empty=True)) == (1, 0)


def test_a_torn_last_line_was_never_answered(world: World) -> None:
    before = read_ledger(world.ledger, "main")
    with world.ledger.open("a") as file:
        file.write('{"type":"trade","trade_id"')

    assert read_ledger(world.ledger, "main") == before


def test_a_damaged_ledger_is_one_sentence_with_its_line(world: World) -> None:
    lines = world.ledger.read_text().splitlines()
    world.ledger.write_text("\n".join([*lines[:4], lines[4][:20], *lines[5:]]) + "\n")

    with pytest.raises(ConfigurationError, match=r"exchange\.jsonl: line 5 is damaged"):
        read_ledger(world.ledger, "main")


def test_a_missing_ledger_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_ledger(tmp_path / "none.jsonl", "main")


# --- Queries


def test_the_accounts_of_all_lives_are_known_once_each(world: World) -> None:
    assert world.database.read(lambda connection: queries.accounts(connection, "deribit")) == [ACCOUNT]


def test_a_database_of_another_exchange_is_refused(world: World) -> None:
    other = AccountKey("deribit", "main@ffffffffffffffff")

    world.database.read(lambda connection: queries.refuse_other_exchange(connection, KEY))
    with pytest.raises(ConfigurationError, match="00112233aabbccdd") as refused:
        world.database.read(lambda connection: queries.refuse_other_exchange(connection, other))

    assert refused.value.exit_code == 78

"""P&L in parts: each part by its own terms, and together what the ledger has booked, to the last digit."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.small_exchange import BTC_PERPETUAL
from replenisher.errors import ReplenisherError
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.units import SECOND_NS
from replenisher.report.attribution import Attribution
from replenisher.report.booked import Booked
from replenisher.report.pnl import Parts, Pnl, account_totals, summed
from replenisher.report.report import DIGITS, Report, read_report
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.history import Fill, Paid
from replenisher.store.period import ALWAYS
from tests.report.by_hand import INVERSE, KEY, LINEAR, SPOT, T0, Rows, columns
from tests.report.ten_fills import TEN_FILLS, ten_fills
from tests.report.world import World

D = Decimal


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


def reported(database: Database) -> Report:
    return database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))


def parts_of(pnl: Pnl, config_version: str, currency: str) -> dict[str, Decimal]:
    """The parts of one line that are something."""
    (line,) = (each for each in pnl.lines if (each.group.config_version, each.currency) == (config_version, currency))
    return {name: value for name, value in msgspec.structs.asdict(line.parts).items() if value}


# --- Ten fills, by hand -------------------------------------------------------------------------------------------


def test_each_fill_of_the_ten_by_itself() -> None:
    """Every row of the table: what the parts are after it, less what they were before it."""
    found, before = [], Parts()
    for count in range(1, 11):
        after = parts_after(LINEAR, columns(TEN_FILLS)[:count])
        found.append(tuple(getattr(after, part) - getattr(before, part) for part in SHOWN))
        before = after

    assert found == [tuple(D(each) for each in row[-3:]) for row in columns(TEN_FILLS)]


SHOWN = ("spread", "hedge_slippage", "inventory")


def parts_after(instrument: Instrument, rows: Sequence[Sequence[str]]) -> Parts:
    """The parts in the settlement currency after some rows of a table."""
    attribution = Attribution(KEY, {instrument.name: instrument})
    for _, side, amount, price, liquidity, mid, _, fee, currency, *_ in rows:
        is_maker = liquidity == "maker"
        numbers = Side(side), D(price), D(amount), D(fee)
        fill = Fill(T0, instrument.name, "core", "c", *numbers, currency, is_maker, D(mid))
        attribution.fill(fill, Booked({instrument.name: instrument}).value(fill))
    return summed(line for line in attribution.lines() if line.currency == instrument.settlement_currency)


# --- The other kinds ----------------------------------------------------------------------------------------------

# An inverse perpetual, one unit of which is a dollar: it is worth -1 / price bitcoins, to 18 digits, so that
#   -1 / 60,000 = -0.000016666666666667, -1 / 62,500 = -0.000016 and -1 / 51,200 = -0.00001953125.
# A fill counts as it was booked: 100,000 at 60,000 are 1.66666667 coins, 3.3333e-9 more than they are worth.
INVERSE_FILLS = """
 #  side  amount   price  liquidity     mid     held  fee               spread           slippage  inventory
------------------------------------------------------------------------------------------------------------
 1  buy   100000   60000  maker       60000        0  -0.00016667  BTC  0.0000000033333  0         0
 2  sell  150000   64000  maker       62500   100000   0.00046875  BTC  0.05625          0         0.0666666666667
 3  buy    50000   50000  taker       51200   -50000   0           BTC  0                0.0234375 0.1765625
"""
# By cash: 1.66666667 - 2.34375 + 1 = 0.32291667 coins, and nothing is held.

# Spot: the same arithmetic in the quote currency, but a fee may be taken of what was bought: 0.002 that are not held.
SPOT_FILLS = """
 #  side  amount   price  liquidity     mid   held  fee          spread  slippage  inventory
--------------------------------------------------------------------------------------------
 1  buy   2         99.5  maker       100        0  0.002  ETH   1.0     0         0
 2  sell  1.5      101    maker       100.5  1.998  0.01   USDT  0.75    0         0.999
"""
# By cash: -199 + 151.5, and 0.498 at 100.5 are held: 2.549


@pytest.mark.parametrize(
    ("instrument", "table", "totals"),
    [
        (INVERSE, INVERSE_FILLS, {"BTC": D("0.32291667") + D("0.00016667") - D("0.00046875")}),
        (SPOT, SPOT_FILLS, {"USDT": D("2.549") - D("0.01")}),
    ],
    ids=["inverse", "spot"],
)
def test_inverse_contracts_and_spot_have_arithmetic_of_their_own(
    database: Database, instrument: Instrument, table: str, totals: dict[str, Decimal]
) -> None:
    rows = Rows(instrument)
    rows.life("c")
    for _, side, amount, price, liquidity, mid, _, fee, currency, *_ in columns(table):
        rows.fill(side, amount, price, mid, f"{fee} {currency}", liquidity=liquidity)
    rows.write(database)

    pnl = reported(database).pnl

    expected = {
        part: sum(D(row[place]) for row in columns(table)) for part, place in zip(SHOWN, (-3, -2, -1), strict=True)
    }
    found = parts_of(pnl, "c", instrument.settlement_currency)
    assert {part: found.get(part, D(0)) for part in SHOWN} == expected
    assert {each.currency: each.total for each in pnl.totals} == totals
    assert {each.currency: each.booked for each in pnl.totals} == totals


def test_coins_that_were_taken_as_a_fee_are_not_held_and_lose_nothing_as_their_price_falls(database: Database) -> None:
    """A tenth of what is bought is kept, and all that is left is sold: who is flat again has lost the fee alone."""
    rows = Rows(SPOT)
    rows.life("c")
    for _ in range(3):
        rows.fill("buy", "10", "100", "100", "1 ETH")
        rows.fill("sell", "9", "100", "100", "0 USDT")
    rows.fill("buy", "1", "100", "100", "-0.5 ETH")  # and once some is given
    rows.fill("sell", "1.5", "100", "100", "0 USDT")
    rows.mid("50")
    rows.write(database)

    report = reported(database)

    assert parts_of(report.pnl, "c", "USDT") == {"fees": -300, "rebates": 50}
    assert [(total.currency, total.booked, total.unexplained) for total in report.pnl.totals] == [("USDT", -250, 0)]
    assert report.curves.held[0].position == (9, 0, 9, 0, 9, 0, 1.5, 0, 0)
    assert (report.performance[0].pnl, report.performance[0].drawdown) == (-250, 300)


@pytest.mark.parametrize("is_first", [True, False])
def test_nor_are_those_of_a_fee_that_is_told_beside_its_fill(database: Database, *, is_first: bool) -> None:
    rows = Rows(SPOT)
    rows.life("c")
    if is_first:
        rows.cash("fee", "-1", "ETH", name=SPOT.name)
    rows.fill("buy", "10", "100", "100", "0 USDT")
    if not is_first:
        rows.cash("fee", "-1", "ETH", name=SPOT.name)
    rows.fill("sell", "9", "100", "100", "0 USDT")
    rows.mid("50")
    rows.write(database)

    report = reported(database)

    assert sum(line.total for line in report.pnl.lines) == -100
    assert [(total.currency, total.booked, total.unexplained) for total in report.pnl.totals] == [("USDT", -100, 0)]
    assert report.curves.held[0].position[-1] == 0


def test_where_several_traded_such_a_fee_is_nobodys_and_each_keeps_the_coins_that_its_fills_tell(
    database: Database,
) -> None:
    rows = Rows(SPOT)
    rows.life("c")
    for strategy in ("core", "other"):
        rows.fill("buy", "10", "100", "100", "0 USDT", strategy=strategy)
    rows.cash("fee", "-1", "ETH", name=SPOT.name)
    rows.mid("150")
    rows.write(database)

    report = reported(database)

    made = {line.group.strategy: (line.parts.fees, line.parts.inventory) for line in report.pnl.lines}
    assert made == {"core": (0, 500), "other": (0, 500), "external": (-100, -50)}
    assert report.pnl.is_explained


def test_a_hundred_thousand_dollars_of_an_inverse_contract_from_60_000_to_63_000() -> None:
    """Q (1 / F0 - 1 / F1), as it is booked."""
    rows = [
        ["1", side, "100000", price, "maker", price, "0", "0", "BTC"]
        for side, price in (("buy", "60000"), ("sell", "63000"))
    ]

    assert parts_after(INVERSE, rows).sum == D("0.07936508")


def test_the_toy_of_which_spread_inventory_and_rebate_are_the_cash() -> None:
    """Bought at 99.95 with the middle at 100.00, sold at 100.14 with it at 100.10; half a basis point comes back."""
    bought = ["1", "buy", "1", "99.95", "maker", "100.00", "0", "-0.0049975", "USDT"]
    sold = ["2", "sell", "1", "100.14", "maker", "100.10", "1", "-0.0050070", "USDT"]

    parts = parts_after(LINEAR, [bought, sold])

    assert (parts.spread, parts.inventory, parts.rebates) == (D("0.09"), D("0.10"), D("0.0100045"))
    assert parts.sum == D("0.2000045") == D("100.14") - D("99.95") + D("0.0100045")


def test_settlement_pays_what_was_gained_before_and_delivery_ends_it(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "2", "100", "100", "0 USDT")
    rows.mid("103")
    rows.cash("settlement", "6", name=LINEAR.name)
    rows.mid("104")
    rows.cash("delivery", "-2", name=LINEAR.name)  # at 102, and counted from 103
    rows.write(database)

    (total,) = reported(database).pnl.totals

    assert (total.parts.inventory, total.parts.delivery, total.total, total.booked) == (8, -4, 4, 4)


@pytest.mark.parametrize(
    ("sold", "paid", "totals"),
    [("4", "2", {"core": 10, "other": -8}), ("5", "0", {"core": 15, "other": -15})],  # at 102, and at nobody knows what
)
def test_delivered_together_both_have_its_price_and_against_each_other_the_last_middle(
    database: Database, sold: str, paid: str, totals: dict[str, int]
) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "5", "100", "100", "0 USDT")
    rows.fill("sell", sold, "100", "100", "0 USDT", strategy="other")
    rows.mid("103")
    rows.cash("delivery", paid, name=LINEAR.name)
    rows.mid("200")  # nothing is held
    rows.write(database)

    pnl = reported(database).pnl

    assert {line.group.strategy: line.total for line in pnl.lines} == totals
    assert pnl.is_explained


def test_what_is_held_is_of_the_configuration_in_force_though_the_order_was_of_another(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("first")
    rows.life("second")
    rows.fill("buy", "2", "99", "100", "0 USDT", config_version="first")
    rows.mid("103")
    rows.write(database)

    pnl = reported(database).pnl

    assert parts_of(pnl, "first", "USDT") == {"spread": 2}
    assert parts_of(pnl, "second", "USDT") == {"inventory": 6}


def test_what_moved_while_no_daemon_ran_is_of_the_configuration_that_left_the_position(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("evening")
    rows.fill("buy", "2", "99", "100", "0 USDT")
    rows.mid("101")
    rows.wait(8 * 3_600)
    rows.life("morning")
    rows.wait(50)
    rows.mid("91")
    rows.wait(60)
    rows.mid("92")
    rows.write(database)

    report = reported(database)

    assert parts_of(report.pnl, "evening", "USDT") == {"spread": 2, "inventory": -18}  # 2 - 20
    assert parts_of(report.pnl, "morning", "USDT") == {"inventory": 2}
    evening, morning = report.performance
    assert (evening.drawdown, morning.drawdown, morning.sharpe.samples) == (20, 0, 1)


def test_what_was_taken_over_counts_from_the_price_at_which_it_was_entered(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "1", "103", "103", "0 USDT")
    rows.taken("-2", "100")
    rows.mid("104")
    rows.write(database)

    pnl = reported(database).pnl

    assert {line.group.strategy: line.total for line in pnl.lines} == {"core": 1, "external": -8}
    assert [total.unexplained for total in pnl.totals] == [0]


def test_an_old_mark_lets_nothing_fall_that_is_taken_over(database: Database) -> None:
    """Bought and sold at 200; a day later, with the market at 100, somebody's position is taken over."""
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "1", "200", "200", "0 USDT")
    rows.fill("sell", "1", "200", "200", "0 USDT")
    rows.midnight()
    rows.taken("-2", "100")
    rows.mid("99")
    rows.write(database)

    report = reported(database)

    (external,) = (each for each in report.performance if each.group.strategy == "external")
    assert (external.pnl, external.drawdown) == (2, 0)
    assert [total.unexplained for total in report.pnl.totals] == [0]


def test_funding_is_paid_by_who_holds_and_a_transfer_is_no_profit(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "3", "100", "100", "0 USDT")
    rows.fill("sell", "1", "100", "100", "0 USDT", strategy="other")
    rows.cash("funding", "-0.02", name=LINEAR.name)
    rows.cash("transfer", "1000")
    rows.cash("fee", "-1")
    rows.write(database)

    pnl = reported(database).pnl

    assert {line.group.strategy: line.total for line in pnl.lines} == {
        "core": D("-0.03"),
        "other": D("0.01"),
        "external": -1,
    }
    assert [(total.total, total.booked) for total in pnl.totals] == [(D("-1.02"), D("-1.02"))]


SETTLED = msgspec.structs.replace(LINEAR, pays_at_settlement=True)


def funded(database: Database, rows: Rows) -> dict[tuple[str, str], Decimal]:
    """Whose funding it was, by strategy and configuration, once it comes to what was booked."""
    rows.write(database)
    pnl = reported(database).pnl
    assert pnl.is_explained
    of = {(line.group.strategy, line.group.config_version): line.parts.funding for line in pnl.lines}
    return {whose: funding for whose, funding in of.items() if funding}


def test_funding_that_accrued_is_theirs_who_held_then_and_not_theirs_who_hold_when_it_is_paid(
    database: Database,
) -> None:
    rows = Rows(SETTLED)
    rows.life("c")
    rows.move_to(10)
    rows.fill("sell", "1000", "100", "100", "0 USDT")
    rows.move_to(1_009)
    rows.fill("buy", "1050", "100", "100", "0 USDT")
    rows.fill("sell", "40", "100", "100", "0 USDT", strategy="other")
    rows.move_to(1_109)
    rows.cash("funding", "999", name=SETTLED.name)

    # -1,000 x 999 s + 50 x 100 s = -994,000, and -40 x 99 s = -3,960, of -997,960 in all
    found = funded(database, rows)
    assert found == {
        ("core", "c"): (D(999) * 994_000 / 997_960).quantize(D("1e-18")),
        ("other", "c"): (D(999) * 3_960 / 997_960).quantize(D("1e-18")),
    }


def test_each_settlement_pays_what_accrued_since_the_one_before_and_to_the_configuration_that_held(
    database: Database,
) -> None:
    rows = Rows(SETTLED)
    rows.life("first")
    rows.move_to(10)
    rows.fill("buy", "2", "100", "100", "0 USDT")
    rows.move_to(40)
    rows.cash("settlement", "0", realized="1", name=SETTLED.name)  # it paid no funding
    rows.move_to(50)
    rows.life("second")  # 2 x 10 s are the first one's
    rows.move_to(70)
    rows.fill("buy", "1", "100", "100", "0 USDT")  # 2 x 20 s, and 3 x 10 s
    rows.move_to(80)
    rows.cash("funding", "-9", name=SETTLED.name)
    rows.move_to(90)
    rows.cash("funding", "-1", name=SETTLED.name)

    assert funded(database, rows) == {("core", "first"): D(-2), ("core", "second"): D(-8)}


@pytest.mark.parametrize("instrument", [LINEAR, SETTLED], ids=["paid at once", "accrued"])
def test_where_longs_and_shorts_leave_next_to_nothing_a_payment_is_nobodys(
    database: Database, instrument: Instrument
) -> None:
    rows = Rows(instrument)
    rows.life("c")
    rows.fill("buy", "5000", "100", "100", "0 USDT")
    rows.fill("sell", "4990", "100", "100", "0 USDT", strategy="other")
    rows.wait(5_000)
    rows.cash("funding", "0.0005", name=instrument.name)

    assert funded(database, rows) == {("external", "c"): D("0.0005")}


def test_a_fill_without_a_mid_counts_at_its_own_price(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "1", "100", "", "0 USDT")
    rows.fill("sell", "1", "101", "", "0 USDT")
    rows.write(database)

    pnl = reported(database).pnl

    assert parts_of(pnl, "c", "USDT") == {"inventory": 1}
    assert pnl.fills_without_mid == 2


def test_a_ledger_without_fills_is_one_sentence(database: Database) -> None:
    with pytest.raises(ReplenisherError, match="there is nothing to report: the database holds no fill of any account"):
        reported(database)


def test_a_fill_counts_by_what_a_contract_was_worth_when_it_was_traded(database: Database) -> None:
    """Ten times as much as before from the second life on, whose definition is all that the ledger has kept."""
    tenfold = msgspec.structs.replace(LINEAR, contract_value=D(10))
    rows = Rows(tenfold)
    for version, contract_value in (("small", D(1)), ("large", D(10))):
        rows.life(version)
        rows.fill("buy", "2", "100", "101", "0.01 USDT", contract_value=contract_value)
        rows.fill("sell", "2", "103", "102", "0.01 USDT", contract_value=contract_value)
    rows.write(database)

    report = reported(database)

    fees = {"fees": D("-0.02")}
    assert parts_of(report.pnl, "small", "USDT") == {"spread": D(4), "inventory": D(2)} | fees
    assert parts_of(report.pnl, "large", "USDT") == {"spread": D(40), "inventory": D(20)} | fees
    assert [total.booked for total in report.pnl.totals] == [D("65.96")]
    assert report.pnl.is_explained
    assert {each.group.config_version: each.turnover_quote for each in report.performance} == {
        "small": D(406),
        "large": D(4060),
    }
    assert {each.config_version: each.notional_quote for each in report.markouts if each.by == "all"} == {
        "small": 406.0,
        "large": 4060.0,
    }


# --- The sum ------------------------------------------------------------------------------------------------------

prices = st.decimals("0.01", "99999", places=2)
amounts = st.decimals("0.1", "5000", places=1)
fees_in = st.sampled_from(["settlement_currency", "base_currency", ""])  # or beside it, in coins
trades = st.tuples(
    *(st.sampled_from(Side), prices, amounts, prices, st.booleans(), st.sampled_from(["core", "other"]), fees_in),
    st.sampled_from([None, D(1), D(10)]),  # what a contract was worth
)


@pytest.mark.parametrize("instrument", [LINEAR, SETTLED, INVERSE, SPOT], ids=["linear", "settled", "inverse", "spot"])
@given(told=st.lists(trades, max_size=30))
def test_the_parts_are_what_is_booked_whatever_was_traded(instrument: Instrument, told: list[Any]) -> None:
    instruments = {instrument.name: instrument}
    attribution, booked = Attribution(KEY, instruments), Booked(instruments)
    with localcontext(prec=DIGITS):
        for second, (side, price, amount, mid, is_maker, strategy, taken_in, size) in enumerate(told):
            at, fee = T0 + second * SECOND_NS, (D("0.0001"), getattr(instrument, taken_in or "settlement_currency"))
            if not taken_in:
                beside = Paid(at, "fee", instrument.name, instrument.base_currency, D("-0.003"), D(0))
                attribution.pay(beside)
                booked.pay(beside)
            fill = Fill(at, instrument.name, strategy, "c", side, price, amount, *fee, is_maker, mid, size)
            attribution.fill(fill, value := booked.value(fill))
            booked.fill(fill, value)
            funding = Paid(at, "funding", instrument.name, instrument.settlement_currency, D("-0.00000007"), D(0))
            attribution.pay(funding)
            booked.pay(funding)
        sums = summed(attribution.lines()).sum
        worth = booked.worth(attribution.unit_values)

    assert sums == sum(worth.values())


def test_a_fee_told_beside_its_fill_is_named_among_those_that_no_performance_has_in_it() -> None:
    attribution = Attribution(KEY, {LINEAR.name: LINEAR})
    fill = Fill(T0, LINEAR.name, "core", "c", Side.BUY, D(100), D(1), D("0.1"), "USDT", True, D(100))
    attribution.fill(fill, Booked({LINEAR.name: LINEAR}).value(fill))
    attribution.pay(Paid(T0, "fee", LINEAR.name, "BNB", D("-0.001"), D(0)))

    assert {each for course in attribution.courses.values() for each in course.without_fees_in} == {"BNB"}
    assert {line.currency: line.parts.fees for line in attribution.lines()} == {"USDT": D("-0.1"), "BNB": D("-0.001")}


LINEAR_WORLD = msgspec.structs.replace(
    BTC_PERPETUAL, inverse=False, contract_value=D("0.001"), settlement_currency="USDT", quote_currency="USDT"
)


@pytest.mark.parametrize("instrument", [BTC_PERPETUAL, LINEAR_WORLD], ids=["inverse", "linear"])
def test_the_parts_are_what_a_whole_life_has_booked(tmp_path: Path, ledger_url: str, instrument: Instrument) -> None:
    with closing(World(tmp_path, ledger_url, orders=60, instrument=instrument)) as world:
        (total,) = reported(world.database).pnl.totals

    assert total.currency == instrument.settlement_currency
    assert total.booked == total.total != 0


@pytest.mark.parametrize("part", Parts.__struct_fields__)
def test_one_more_of_any_part_and_the_sum_is_wrong(database: Database, part: str) -> None:
    ten_fills().write(database)
    pnl = reported(database).pnl
    booked = {total.currency: total.booked for total in pnl.totals}
    first, *others = pnl.lines
    more = msgspec.structs.replace(first.parts, **{part: getattr(first.parts, part) + 1})
    lines = (msgspec.structs.replace(first, parts=more), *others)

    found = Pnl(lines=lines, totals=tuple(account_totals(KEY.venue, KEY.account, lines, booked)), fills_without_mid=0)

    assert tuple(account_totals(KEY.venue, KEY.account, pnl.lines, booked)) == pnl.totals
    left = {total.currency: total.unexplained for total in found.totals}
    assert left == {currency: -1 if currency == first.currency else 0 for currency in booked}
    assert (pnl.is_explained, found.is_explained) == (True, False)


def test_a_version_under_which_a_strategy_neither_traded_nor_held_has_no_line(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("first")
    rows.fill("buy", "1", "100", "100", "0 USDT", strategy="gone")
    rows.fill("sell", "1", "101", "100", "0 USDT", strategy="gone")
    rows.life("second")
    rows.fill("buy", "1", "99", "100", "0 USDT")
    rows.write(database)

    report = reported(database)

    whose = [(line.group.strategy, line.group.config_version) for line in report.pnl.lines]
    assert whose == [("core", "second"), ("gone", "first")]
    assert [(each.group.strategy, each.group.config_version) for each in report.performance] == whose

"""A report of a part of a ledger's life: what was held goes over the border, and the parts add up to the whole."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import chain, pairwise
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from replenisher.config import load
from replenisher.core.account import Position
from replenisher.errors import ReplenisherError
from replenisher.model.instrument import Instrument
from replenisher.model.mandate import Owed
from replenisher.model.units import DAY_NS, HOUR_NS, SECOND_NS
from replenisher.report.pnl import Parts
from replenisher.report.report import Report, read_report
from replenisher.store import history, queries
from replenisher.store.database import Database
from replenisher.store.period import ALWAYS, Period
from replenisher.store.queries import FillRow
from replenisher.wiring.replaying import replay
from tests.report.by_hand import INVERSE, LINEAR, SPOT, T0, Rows
from tests.report.ten_fills import ten_fills

D = Decimal
BLIND = Path(__file__).parents[2] / "bench" / "blind.yaml"
SETTLED = msgspec.structs.replace(LINEAR, pays_at_settlement=True)
HOUR = T0 // HOUR_NS * HOUR_NS


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """What a replay has left, of a desk that was hardly ever flat."""
    room = tmp_path_factory.mktemp("period") / "data"
    exchange = {"market": {"source": "synthetic", "informed_share": 0.0}, "seed": 1}
    replay(load(BLIND, {"exchange": exchange}), minutes=0.7, directory=room, tell=lambda _word: None)
    with closing(Database(f"sqlite:///{room / 'replenisher.db'}")) as database:
        yield database


def reported(database: Database, period: Period = ALWAYS) -> Report:
    return database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), period))


def of(since: float, until: float) -> Period:
    """From so many seconds after T0 to so many."""
    return Period(T0 + round(since * SECOND_NS), T0 + round(until * SECOND_NS))


def seconds(at: Sequence[int]) -> list[float]:
    return [(each - T0) / SECOND_NS for each in at]


# --- By hand ------------------------------------------------------------------------------------------------------


def a_position_through_the_border(database: Database) -> Report:
    """Three are bought, and the report is of 100 s to 250 s, in which the market rises and one of them is sold."""
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "3", "99", "100", "0.1 USDT")
    rows.move_to(60)
    rows.mid("101")
    rows.balance("1000")
    rows.move_to(160)
    rows.mid("104")
    rows.move_to(200)
    rows.fill("sell", "1", "105", "104", "0.2 USDT", level=0)
    rows.after(*[103.0] * 8)
    rows.move_to(250)
    rows.mid("110")
    rows.balance("2000")
    rows.move_to(700)
    rows.recorded()
    rows.write(database)
    return reported(database, of(100, 250))


def test_what_was_held_counts_from_the_middle_at_the_border_and_what_was_made_before_does_not(
    database: Database,
) -> None:
    report = a_position_through_the_border(database)

    assert (seconds((report.since, report.until)), report.fills) == ([100, 250], 1)
    (total,) = report.pnl.totals
    assert total.parts == Parts(inventory=D(9), spread=D(1), fees=D("-0.2"))
    assert total.total == total.booked == D("9.8")
    (course,) = report.performance
    assert (course.pnl, course.fills, course.turnover_quote) == (D("9.8"), 1, D(105))
    (held,) = report.curves.held
    assert list(zip(seconds(held.at), held.position, strict=True)) == [(100, 3), (200, 2), (250, 2)]
    (equity,) = report.curves.equity
    assert list(zip(seconds(equity.at), equity.total, strict=True)) == [(160, 9), (200, 9.8), (250, 9.8)]


def test_it_says_what_was_there_when_it_began(database: Database) -> None:
    position, cash = a_position_through_the_border(database).opening

    assert (position.asset, position.held, position.entry_price, position.mid) == (LINEAR.name, 3, 99.0, 101)
    assert (cash.asset, cash.held, cash.told_at) == ("USDT", 1_000, T0 + 61 * SECOND_NS)


def test_where_the_market_stood_once_it_was_over_is_missing_as_at_the_end_of_a_ledger(database: Database) -> None:
    report = a_position_through_the_border(database)

    (curve,) = (curve for curve in report.markouts if curve.by == "all")
    assert [(point.after_s, point.fills) for point in curve.points if point.missing] == [(60, 0), (300, 0)]
    assert max(seconds(report.curves.mids[0].at)) <= 250


def test_a_position_that_nobody_touches_is_a_report(database: Database) -> None:
    a_position_through_the_border(database)

    report = reported(database, of(61, 170))

    assert (report.fills, report.pnl.totals[0].parts) == (0, Parts(inventory=D(9)))
    assert [course.pnl for course in report.performance] == [9]


def test_a_fall_is_one_from_the_peak_of_its_time(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "1", "100", "100", "0 USDT")
    for price in ("150", "120", "130", "125"):
        rows.mid(price)
    rows.write(database)

    assert [course.drawdown for course in reported(database).performance] == [30]
    assert [course.drawdown for course in reported(database, of(5, 9)).performance] == [5]


def test_orders_requests_and_answers_are_of_the_time_in_which_we_sent_them(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "1", "100", "100", "0 USDT")
    for second in (50, 98, 150):
        rows.move_to(second)
        rows.request("place", f"{second}", "quote")
        rows.order(f"{second}", "1", "c")
        rows.answer("place", "quote", "working", 2 * SECOND_NS)  # the one of 98 s is heard at 100 s
    rows.recorded()
    rows.write(database)

    before, after = reported(database, of(0, 100)), reported(database, of(100, 200))

    assert [(each.orders, each.requests) for each in before.performance] == [(2, 2)]
    assert [(each.orders, each.requests) for each in after.performance] == [(1, 1)]
    assert [(each.working, each.unanswered) for each in (*before.latency, *after.latency)] == [(2, 0), (1, 0)]


def test_an_hour_is_of_the_time_in_which_it_ends_and_a_breach_of_all_in_which_it_lasts(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.mandate(Owed(max_spread_bps=50, min_depth_quote=D(1), min_uptime_pct=95))
    rows.fill("buy", "1", "100", "100", "0 USDT")
    for hour in range(3):
        rows.presence(HOUR + hour * HOUR_NS, 3_600 * SECOND_NS, (3_600 - 60 * hour) * SECOND_NS)
    rows.breach(HOUR + HOUR_NS + 3_000 * SECOND_NS, HOUR + 2 * HOUR_NS + 1_000 * SECOND_NS)
    rows.move_to(4 * 3_600)
    rows.recorded()
    rows.write(database)

    first, second, third = (
        reported(database, Period(HOUR + hour * HOUR_NS, HOUR + (hour + 1) * HOUR_NS)).obligations[0]
        for hour in range(3)
    )

    assert [each.met_ns // SECOND_NS for each in (first, second, third)] == [3_600, 3_540, 3_480]
    assert [(each.breaches, each.longest_breach_ns // SECOND_NS) for each in (first, second, third)] == [
        (0, 0),
        (1, 600),
        (1, 1_000),
    ]


def test_a_halt_is_told_of_all_the_time_in_which_it_stood_and_lasts_as_long_as_it_did_in_it(
    database: Database,
) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "1", "100", "100", "0 USDT")
    rows.move_to(60)
    rows.halted("loss", "too much was lost")
    rows.move_to(300)
    rows.resumed("mended")
    rows.move_to(400)
    rows.recorded()
    rows.write(database)

    def halts(since: int, until: int) -> list[tuple[float, float | None, float]]:
        found = reported(database, of(since, until)).halts
        ends = (None if each.until is None else (each.until - T0) / SECOND_NS for each in found)
        return [
            ((each.since - T0) / SECOND_NS, end, each.lasted_ns / SECOND_NS)
            for each, end in zip(found, ends, strict=True)
        ]

    assert halts(0, 60) == []
    assert halts(0, 100) == [(60, None, 40)]
    assert halts(100, 200) == [(60, None, 100)]
    assert halts(100, 350) == [(60, 300, 200)]
    assert halts(300, 350) == []


def test_what_comes_late_to_a_configuration_of_before_counts_when_the_time_begins(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("first")
    rows.fill("buy", "1", "99", "100", "0 USDT")
    rows.life("second")
    rows.move_to(100)
    rows.fill("sell", "1", "101", "100", "0 USDT", config_version="first")
    rows.fill("buy", "1", "99", "100", "0 USDT", config_version="first")
    rows.write(database)

    courses = {each.group.config_version: each for each in reported(database, of(50, 200)).performance}

    assert (courses["first"].pnl, courses["first"].fills, courses["second"].pnl) == (2, 2, 0)
    assert courses["first"].turnover_quote_a_day is None, "it was all at one moment"


def test_funding_that_accrued_before_is_theirs_who_held_then(database: Database) -> None:
    rows = Rows(SETTLED)
    rows.life("c")
    rows.move_to(10)
    rows.fill("buy", "3", "100", "100", "0 USDT")
    rows.move_to(20)
    rows.fill("sell", "3", "100", "100", "0 USDT")
    rows.fill("buy", "1", "100", "100", "0 USDT", strategy="other")
    rows.move_to(31)
    rows.cash("funding", "-0.04", name=SETTLED.name)
    rows.write(database)

    lines = reported(database, of(25, 100)).pnl.lines

    assert {line.group.strategy: line.parts.funding for line in lines} == {"core": D("-0.03"), "other": D("-0.01")}


def test_what_the_middle_moved_over_the_border_may_be_of_a_configuration_of_before(database: Database) -> None:
    """It was in force for most of the time since the last mark, and then a late fill of it comes."""
    rows = Rows(LINEAR)
    rows.life("first")
    rows.fill("buy", "1", "100", "100", "0 USDT")
    rows.move_to(10_000)
    rows.life("second")
    rows.move_to(14_000)
    rows.mid("110")
    rows.fill("sell", "1", "111", "110", "0 USDT", config_version="first")
    rows.write(database)

    courses = {each.group.config_version: each for each in reported(database, of(13_600, 15_000)).performance}

    assert (courses["first"].pnl, courses["second"].pnl) == (11, 0)
    assert courses["first"].sharpe.samples == 1, "all of it when the time begins"


@pytest.mark.parametrize(
    ("period", "words"),
    [
        (Period(until=T0), "the database holds no fill of main on venue before 2023-11-14 22:13:20 UTC"),
        (of(1_000, 2_000), "of that time: the database tells of main on venue from 2023-11-14 22:13:21 to 22:25:00"),
        (Period(since=T0 + 1_000 * SECOND_NS), "of that time: the database tells of main on venue from "),
    ],
)
def test_a_time_of_which_nothing_is_known_is_one_sentence(database: Database, period: Period, words: str) -> None:
    a_position_through_the_border(database)

    with pytest.raises(ReplenisherError) as refused:
        reported(database, period)

    assert str(refused.value).startswith("there is nothing to report")
    assert words.replace(" 22:25:00", " 2023-11-14 22:25:00") in str(refused.value)


def test_so_is_a_gap_in_which_nothing_was_held(database: Database) -> None:
    rows = Rows(LINEAR)
    rows.life("c")
    rows.fill("buy", "1", "99", "100", "0 USDT")
    rows.fill("sell", "1", "101", "100", "0 USDT")
    rows.move_to(1_000)
    rows.life("c")
    rows.write(database)

    with pytest.raises(ReplenisherError, match="there is nothing to report of that time"):
        reported(database, of(10, 900))


# --- The parts and the whole --------------------------------------------------------------------------------------


def wandering(instrument: Instrument, seed: int) -> Rows:
    """Three lives under two configurations: two strategies trade, and money moves in every other way there is."""
    random, rows = Random(seed), Rows(instrument)
    fee, held = instrument.settlement_currency, D(0)
    ways = ["fill"] * 5 + ["mid"] * 3 + ["funding", "settlement", "fee", "coins", "taken", "delivery"]
    for life in ("first", "second", "first"):
        rows.life(life)
        for _ in range(20):
            rows.wait(random.randint(0, 40))
            price, amount = f"{random.randint(9_000, 11_000) / 100}", D(random.randint(1, 30)) / 10
            side, paid = random.choice(("buy", "sell")), f"{random.randint(-900, 900) / 1_000_000:f}"
            signed = amount if side == "buy" else -amount
            match random.choice(ways):
                case "fill":
                    of_whom = {"strategy": random.choice(("core", "other"))}
                    mid = random.choice((price, f"{D(price) + 1}", ""))
                    rows.fill(side, f"{amount}", price, mid, f"{paid} {fee}", **of_whom)
                    held += signed
                case "taken":
                    rows.taken(f"{signed}", price)
                    held += signed
                case "delivery" if held:
                    rows.cash("delivery", paid, fee, name=instrument.name)
                    held = D(0)
                case "settlement" | "funding" | "fee" as kind if held:
                    rows.cash(kind, paid, fee, name=instrument.name)
                case "coins":
                    rows.cash("fee", paid, instrument.base_currency, name=instrument.name)
                case _:
                    rows.mid(price)
    rows.recorded()
    return rows


def borders(database: Database, seed: int, count: int) -> list[int]:
    """The begin, some times at which something happened and some between, and the end."""
    whole, random = reported(database), Random(seed)
    inside = [at for curve in whole.curves.fills for at in curve.at]
    inside += [at + random.randint(1, SECOND_NS) for at in inside]
    return sorted({whole.since, *random.sample(inside, count), whole.until + 1})


def money(report: Report) -> Counter[Any]:
    """The P&L of each group by part and currency."""
    found: Counter[Any] = Counter()
    for line in report.pnl.lines:
        for part, value in msgspec.structs.asdict(line.parts).items():
            found[line.group, line.currency, part] += value
    return found


def booked(report: Report) -> Counter[Any]:
    """What the ledger says, and the parts of accounts."""
    found: Counter[Any] = Counter()
    for total in report.pnl.totals:
        assert total.unexplained == 0
        found[total.currency] += total.booked
        for part, value in msgspec.structs.asdict(total.parts).items():
            found[total.currency, part] += value
    return found


def counts(report: Report) -> Counter[Any]:
    """All else that adds up."""
    found: Counter[Any] = Counter(fills=report.fills, sweeps=report.sweeps.stored)
    for course in report.performance:
        for name in ("orders", "requests", "fills", "turnover_quote"):
            found[course.group, name] += getattr(course, name)
    for curve in report.markouts:
        found[curve.config_version, curve.by, curve.key] += curve.fills
    for each in report.latency:
        for name in ("working", "refused", "unanswered"):
            found[each.config_version, each.strategy, each.request, each.intent, name] += getattr(each, name)
    return found


def told(sums: Counter[Any]) -> dict[Any, Any]:
    return {name: value for name, value in sums.items() if value}


def added(reports: Sequence[Report], of_one: Any) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for name, value in chain.from_iterable(of_one(each).items() for each in reports):
        found[name] += value
    return found


def require_sum(parts: Sequence[Report], whole: Report) -> None:
    """What they add up to is the whole; a share of a payment is rounded."""
    assert told(added(parts, counts)) == told(counts(whole))
    assert told(added(parts, booked)) == told(booked(whole))
    found, expected = added(parts, money), money(whole)
    assert all(abs(found[name] - expected[name]) <= D("1e-9") for name in {*found, *expected})


@pytest.mark.parametrize("instrument", [LINEAR, SETTLED, INVERSE, SPOT], ids=["linear", "settled", "inverse", "spot"])
def test_reports_of_parts_add_up_to_that_of_the_whole(ledger_url: str, instrument: Instrument) -> None:
    with closing(Database(ledger_url)) as database:
        wandering(instrument, seed=3).write(database)
        cuts = borders(database, seed=3, count=4)
        parts = [reported(database, Period(*cut)) for cut in pairwise(cuts)]

        require_sum(parts, reported(database))
        require_sum(parts[1:3], reported(database, Period(cuts[1], cuts[3])))
        assert any(each.held for part in parts[1:] for each in part.opening), "a position goes over a border"


def test_the_reports_of_a_life_add_up_and_begin_with_what_its_fills_have_made(lived: Database) -> None:
    cuts = borders(lived, seed=5, count=4)
    parts = [reported(lived, Period(*cut)) for cut in pairwise(cuts)]

    require_sum(parts, reported(lived))
    (key,) = lived.read(history.account_keys)
    fills = lived.read(lambda connection: queries.fills(connection, key))
    instruments = lived.read(lambda connection: queries.instruments(connection, key.venue))
    for at, part in zip(cuts[1:], parts[1:], strict=False):
        (opening,) = (each for each in part.opening if each.told_at is None)
        position = held(instruments, [fill for fill in fills if fill.venue_time < at])
        assert opening.held == position.size != 0
        assert opening.entry_price == pytest.approx(float(position.entry_price(instruments[opening.asset]) or 0))


def held(instruments: dict[str, Instrument], fills: Sequence[FillRow]) -> Position:
    position = Position()
    for fill in fills:
        position.fill(instruments[fill.instrument], fill.side, fill.amount, fill.price)
    return position


def test_a_time_with_all_in_it_is_no_other_report_than_without_one(lived: Database, database: Database) -> None:
    ten_fills().write(database)
    for ledger in (lived, database):
        whole = reported(ledger)
        for since, until in ((whole.since - SECOND_NS, whole.until + DAY_NS), (0, None), (None, (1 << 63) - 1)):
            assert msgspec.json.encode(reported(ledger, Period(since, until))) == msgspec.json.encode(whole)

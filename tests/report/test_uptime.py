"""Uptime: what the rows say of obligations, hour by hour and breach by breach, on either database."""

from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec

from replenisher.model.command import Breach, PresenceCounted
from replenisher.model.mandate import Mandate, Owed
from replenisher.model.units import HOUR_NS
from replenisher.report.obligations import Obligation, read_obligations
from replenisher.report.uptime import Uptime, read_uptime, uptime_page
from replenisher.store.database import Database
from replenisher.store.period import ALWAYS
from replenisher.store.presence import BreachRow, presence
from replenisher.store.queries import AccountKey
from replenisher.store.recorder import Recorder
from tests.store.given import ACCOUNT, KEY, SECOND, defined, started, step, write_journal

OWED = Owed(max_spread_bps=50, min_depth_quote=Decimal(20_000), min_uptime_pct=95)
MANDATE = Mandate(
    instrument=KEY, idea="pure_mm", fair_value="mid", chain=None, policy={}, limits={}, guards=None, obligations=OWED
)
STARTED = msgspec.structs.replace(started(), mandates={"core": MANDATE})
HOUR = 472_222  # 2023-11-14 22:00 UTC
TEN = HOUR * HOUR_NS
FIRST = Breach(since=TEN, reason="not in sync with deribit: connecting")
AWAY = Breach(since=TEN, reason=FIRST.reason, held_ns={FIRST.reason: 36 * SECOND})
BID_GONE = Breach(
    since=TEN + 1_800 * SECOND,
    reason="no bid rests",
    held_ns={"no bid rests": 1_798 * SECOND, "paused: lunch": 2 * SECOND},
)


def counted(
    at: int, met_ns: int, breach: Breach | None, *, began_at: int = TEN, hour: int = HOUR, epoch: int = 1
) -> PresenceCounted:
    return PresenceCounted(
        strategy="core",
        instrument=KEY,
        epoch=epoch,
        at=at,
        hour=hour,
        hour_ns=at - began_at,
        hour_met_ns=met_ns,
        missing="" if breach is None or breach.until else breach.reason,
        breach=breach,
    )


def ended(breach: Breach, until: int) -> Breach:
    return msgspec.structs.replace(breach, until=until)


STORY = [
    [counted(TEN, 0, FIRST)],
    [counted(TEN + 36 * SECOND, 0, ended(AWAY, TEN + 36 * SECOND))],
    [counted(TEN + 1_800 * SECOND, 1_764 * SECOND, BID_GONE)],
    [
        counted(TEN + HOUR_NS, 1_764 * SECOND, BID_GONE),
        counted(TEN + HOUR_NS, 0, BID_GONE, began_at=TEN + HOUR_NS, hour=HOUR + 1),
    ],
]


def read(tmp_path: Path, ledger_url: str, since: int) -> Uptime:
    with closing(recorded(tmp_path, ledger_url)) as database:
        key = AccountKey("deribit", ACCOUNT)
        return database.read(lambda connection: read_uptime(connection, [key], since))


def recorded(tmp_path: Path, ledger_url: str) -> Database:
    if not (tmp_path / "journal").exists():
        story = [step(2 + number, commands=commands) for number, commands in enumerate(STORY)]
        write_journal(tmp_path / "journal", [step(1, [STARTED, defined()]), *story])
    database = Database(ledger_url)
    Recorder(tmp_path / "journal", database).record_all()
    Recorder(tmp_path / "journal", database).record_all()
    return database


def test_a_report_tells_what_of_the_time_was_met_under_each_configuration(tmp_path: Path, ledger_url: str) -> None:
    key = AccountKey("deribit", ACCOUNT)
    with closing(recorded(tmp_path, ledger_url)) as database:
        hours = database.read(lambda connection: presence(connection, key, 0))
        (found,) = database.read(lambda connection: read_obligations(connection, key, hours, ALWAYS))

    assert found == Obligation(
        config_version="c1",
        strategy="core",
        instrument="BTC-PERPETUAL",
        owed=OWED,
        days=1,
        short_days=1,
        hours=2,
        short_hours=1,
        traded_ns=HOUR_NS,
        met_ns=1_764 * SECOND,
        met_pct=49.0,
        is_enough=False,
        breaches=2,
        longest_breach_ns=1_800 * SECOND,
    )


def test_each_hour_and_each_breach_has_one_row(tmp_path: Path, ledger_url: str) -> None:
    found = read(tmp_path, ledger_url, TEN)

    assert [(hour.hour, hour.traded_ns, hour.met_ns, hour.met_pct, hour.is_enough) for hour in found.hours] == [
        (TEN, HOUR_NS, 1_764 * SECOND, 49.0, False),
        (TEN + HOUR_NS, 0, 0, None, None),
    ]
    of_core = {"strategy": "core", "instrument": "BTC-PERPETUAL", "config_version": "c1"}
    assert found.breaches == [
        BreachRow(
            **of_core,
            since=TEN,
            until=TEN + 36 * SECOND,
            lasted_ns=36 * SECOND,
            reason=FIRST.reason,
            held_ns=AWAY.held_ns,
        ),
        BreachRow(
            **of_core,
            since=BID_GONE.since,
            until=None,
            lasted_ns=1_800 * SECOND,
            reason="no bid rests",
            held_ns=BID_GONE.held_ns,
        ),
    ]


def test_a_breach_that_a_life_left_open_is_over_with_its_last_count_until_a_later_life_counts_on(
    tmp_path: Path, ledger_url: str
) -> None:
    at = TEN + 10 * HOUR_NS
    going_on = msgspec.structs.replace(BID_GONE, held_ns={**BID_GONE.held_ns, "the daemon was away": 9 * HOUR_NS})
    counted_on = counted(at, 0, going_on, began_at=at, hour=HOUR + 10, epoch=3)

    def last_breach() -> tuple[int, int | None, int]:
        *_, last = read(tmp_path, ledger_url, TEN).breaches
        return last.since, last.until, last.lasted_ns

    assert last_breach() == (BID_GONE.since, None, 1_800 * SECOND)

    write_journal(tmp_path / "journal", [step(10, [started(2, at)])], epoch=2)
    assert last_breach() == (BID_GONE.since, TEN + HOUR_NS, 1_800 * SECOND)

    write_journal(tmp_path / "journal", [step(11, [started(3, at)], [counted_on])], epoch=3)
    assert last_breach() == (BID_GONE.since, None, at - BID_GONE.since)


def test_only_what_was_not_over_is_told(tmp_path: Path, ledger_url: str) -> None:
    found = read(tmp_path, ledger_url, TEN + HOUR_NS)

    assert [hour.hour for hour in found.hours] == [TEN + HOUR_NS]
    assert [breach.since for breach in found.breaches] == [BID_GONE.since]


def test_people_read_it_in_a_line_each(tmp_path: Path, ledger_url: str) -> None:
    assert uptime_page(msgspec.to_builtins(read(tmp_path, ledger_url, TEN))) == (
        "2023-11-14 22:00-23:00  core on BTC-PERPETUAL   49.00 %  too little, 95 % were owed\n"
        "2023-11-14 23:00-00:00  core on BTC-PERPETUAL  did not trade\n"
        "\n"
        "2023-11-14 22:00:00  core  for 36.000 s: not in sync with deribit: connecting\n"
        "2023-11-14 22:30:00  core  for 1800.000 s and lasts: no bid rests\n"
        "                         1798.000 s of it: no bid rests\n"
        "                            2.000 s of it: paused: lunch"
    )


def test_each_hour_is_judged_by_what_was_owed_in_its_own_time(tmp_path: Path, ledger_url: str) -> None:
    recorded(tmp_path, ledger_url).close()
    half = HOUR_NS // 2
    for epoch, version, owed in ((2, "c2", msgspec.structs.replace(OWED, min_uptime_pct=40)), (3, "c3", None)):
        began = TEN + epoch * HOUR_NS
        asked = msgspec.structs.replace(MANDATE, obligations=owed)
        life = msgspec.structs.replace(started(epoch, began), config_version=version, mandates={"core": asked})
        half_met = counted(began + HOUR_NS - 1, half, None, began_at=began, hour=HOUR + epoch, epoch=epoch)
        write_journal(tmp_path / "journal", [step(8 + epoch, [life], [half_met])], epoch=epoch)

    found = read(tmp_path, ledger_url, TEN)

    assert [(hour.owed_pct, hour.is_enough) for hour in found.hours] == [
        (95.0, False),
        (95.0, None),
        (40.0, True),
        (None, None),
    ]
    assert uptime_page(msgspec.to_builtins(found)).splitlines()[2:4] == [
        "2023-11-15 00:00-01:00  core on BTC-PERPETUAL   50.00 %",
        "2023-11-15 01:00-02:00  core on BTC-PERPETUAL   50.00 %  what was owed is not recorded",
    ]


def test_where_nothing_was_counted_lately_it_says_when_it_was_last(tmp_path: Path, ledger_url: str) -> None:
    assert uptime_page(msgspec.to_builtins(read(tmp_path, ledger_url, TEN + 24 * HOUR_NS))).splitlines()[0] == (
        "nothing is counted since 2023-11-15 22:00:00; the last count was at 2023-11-14 23:00:00"
    )


def test_where_nobody_was_ever_obliged_it_says_so(ledger_url: str) -> None:
    with closing(Database(ledger_url)) as database:
        found = database.read(lambda connection: read_uptime(connection, [AccountKey("deribit", ACCOUNT)], TEN))

    assert uptime_page(msgspec.to_builtins(found)) == (
        "no hour is recorded of a strategy that has obligations\n\nno breach is recorded"
    )

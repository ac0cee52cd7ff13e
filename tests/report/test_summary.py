"""The report in a terminal: no wider than that, small tables are whole, and of others it says where the rest is."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console, RenderableType

from replenisher.core.resilience import resilience_of
from replenisher.report.markouts import Curve, Point, Realised, Spread
from replenisher.report.report import Report, read_report
from replenisher.report.resilience import DayOfSweeps
from replenisher.report.summary import ROWS_MAX, outcome, summary
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.lived import Life
from replenisher.store.period import ALWAYS
from tests.report.world import World
from tests.store.given import T0

BANDS = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 150.0)


def spread(level: int) -> Spread:
    """One level, of which little is known after five minutes."""
    after = tuple(
        Realised(after_s=after_s, fills=fills, effective_bps=2.0, realised_bps=level - mean, impact_bps=mean)
        for after_s, fills, mean in ((0.1, 40, 0.25), (1, 40, 0.5), (300, 3, 9.0))
    )
    return Spread(
        config_version="v",
        strategy="core",
        level=level,
        quote_currency="USD",
        fills=40,
        two_sided=38,
        own_quoted_bps=1.5,
        with_mid=40,
        quoted_bps=1.0,
        effective_bps=2.0,
        after=after,
    )


def sweeps(band_bps: float) -> DayOfSweeps:
    back = {"0.5s": band_bps / 1000} | {f"{tau}s": 0.7512 for tau in (1, 2, 5, 10, 20, 30, 60, 120)}
    return DayOfSweeps(
        config_version="v",
        venue="deribit",
        instrument="BTC-PERPETUAL",
        band_bps=band_bps,
        day=T0,
        resilience=msgspec.structs.replace(
            resilience_of(()),
            sweeps=12,
            back=back,
            rho_per_s=0.123456,
            half_life_s=5.6,
            seen={f"back {after}": 12 for after in back} | {"rho_per_s": 12},
        ),
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, sqlite_ledger: Path) -> Iterator[Report]:
    room = tmp_path_factory.mktemp("report")
    url = f"sqlite:///{shutil.copy(sqlite_ledger, room / 'ledger.db')}"
    points = tuple(Point(after_s=after_s, fills=40, missing=0, mean_bps=1.25, error_bps=0.1) for after_s in (0, 300))
    markouts = Curve(
        config_version="v",
        by="strategy",
        key="core",
        quote_currency="USD",
        fills=40,
        notional_quote=1000.5,
        points=points,
    )
    with closing(World(room, url, orders=30)), closing(Database(url)) as database:
        found = database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))
        yield msgspec.structs.replace(
            found,
            markouts=(markouts,),
            spreads=tuple(spread(level) for level in range(ROWS_MAX + 3)),
            resilience=tuple(map(sweeps, BANDS)),
        )


def lines(page: RenderableType, width: int) -> list[str]:
    console = Console(file=StringIO(), width=width)
    with console.capture() as capture:
        console.print(page)
    return [line.rstrip() for line in capture.get().splitlines()]


def below(shown: list[str], heading: str) -> list[str]:
    """The lines of a section."""
    (start,) = [number for number, line in enumerate(shown) if line.startswith(heading)]
    return shown[start:]


@pytest.mark.parametrize("width", [20, 80, 120, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(report: Report, width: int) -> None:
    assert max(map(len, lines(summary(report, width), width))) <= width


def test_a_curve_that_is_too_long_for_a_line_goes_on_in_the_next_block_and_no_number_is_cut(report: Report) -> None:
    times = (0.1, 0.5, 1, 5, 10, 30, 60, 300)
    after = tuple(
        Realised(after_s=after_s, fills=3, effective_bps=2.0, realised_bps=-1.23456, impact_bps=0.5)
        for after_s in times
    )
    long = msgspec.structs.replace(report, spreads=(msgspec.structs.replace(spread(0), after=after),))

    shown = below(lines(summary(long, 60), 60), "Spreads: what was left after which time, bps")

    blocks = [line.split()[2:] for line in shown if line.split()[:2] == ["core", "0"]]
    assert len(blocks) == 2
    assert [mean for block in blocks for mean in block] == ["(-1.23)"] * len(times)
    assert not any("…" in line for line in shown)


@pytest.mark.parametrize("width", [40, 80])
def test_every_row_of_a_small_table_is_there_however_many_columns_it_has(report: Report, width: int) -> None:
    shown = below(lines(summary(report, width), width), "Resilience  BTC-PERPETUAL, 2023-11-14")

    bands = [words for line in shown if (words := line.split())[:2] == ["band,", "bps"]]
    backs = [words for line in shown if (words := line.split())[:2] == ["back", "0.5s"]]
    assert [float(band) for _, _, *some in bands for band in some] == list(BANDS)
    assert [float(back) for _, _, *some in backs for back in some] == [band / 1000 for band in BANDS]
    assert not any("more with" in line for line in shown)


def test_what_few_sweeps_say_of_a_book_stands_in_brackets(report: Report) -> None:
    first, *others = report.resilience
    seen = first.resilience.seen | {"back 120s": 9, "rho_per_s": 3}
    of_few = msgspec.structs.replace(first, resilience=msgspec.structs.replace(first.resilience, seen=seen))
    shown = below(lines(summary(msgspec.structs.replace(report, resilience=(of_few, *others)), 120), 120), "Resilience")

    told = [line.split() for line in shown]
    assert ["back", "60s"] + ["0.7512"] * 8 in told
    assert ["back", "120s", "(0.7512)"] + ["0.7512"] * 7 in told
    assert ["rho", "a", "second", "(0.123456)"] + ["0.123456"] * 7 in told
    assert ["half", "life,", "s", "(5.6)"] + ["5.6"] * 7 in told
    assert ["sweeps"] + ["12"] * 8 in told
    assert "  in brackets: of fewer than 10 sweeps" in shown
    assert "  in brackets: of fewer than 10 sweeps" not in lines(summary(report, 120), 120)


def test_what_is_left_of_the_spread_is_a_line_for_each_level(report: Report) -> None:
    _, _, head, _, first, second, *rest = below(
        lines(summary(report, 80), 80), "Spreads: what was left after which time, bps"
    )

    assert head.split() == ["strategy", "level", "0.1", "s", "1", "s", "5", "min"]
    assert first.split() == ["core", "0", "-0.25", "-0.50", "(-9.00)"]
    assert second.split() == ["core", "1", "0.75", "0.50", "(-8.00)"]
    assert "  in brackets: of fewer than 10 fills" in rest
    assert "  3 more with --json, --csv or --html" in rest


def test_of_more_lives_than_there_is_room_for_the_last_ones_are_told(report: Report) -> None:
    lived = tuple(
        Life(
            venue="deribit",
            account="main",
            config_version="v",
            since=T0,
            until=T0,
            outcome="verified flat",
            exit_code=0,
            reason=f"end {number}",
            may_rest="",
        )
        for number in range(ROWS_MAX + 3)
    )

    shown = below(lines(summary(msgspec.structs.replace(report, lives=lived), 120), 120), "Lives")

    assert [line.split()[-1] for line in shown if "verified flat" in line] == [
        f"{number}" for number in range(3, ROWS_MAX + 3)
    ]
    assert "  3 more with --json, --csv or --html" in shown


def test_a_curve_names_the_currency_that_its_fills_are_quoted_in_where_there_are_two(report: Report) -> None:
    (curve,), (first, *_) = report.markouts, report.spreads
    in_both = msgspec.structs.replace(
        report,
        markouts=(msgspec.structs.replace(curve, quote_currency="BTC"), curve),
        spreads=(msgspec.structs.replace(first, quote_currency="BTC"), first),
    )

    shown = lines(summary(in_both, 120), 120)

    assert [line.split()[:2] for line in below(shown, "Markouts, bps")[4:6]] == [["core", "BTC"], ["core", "USD"]]
    left = below(shown, "Spreads: what was left after which time, bps")
    assert [line.split()[:3] for line in left[4:6]] == [["core", "0", "BTC"], ["core", "0", "USD"]]
    quoted = below(shown, "Spreads: what we and the others quoted")
    assert [line.split()[:2] for line in quoted[4:6]] == [["BTC", "40"], ["USD", "40"]]
    assert not any("USD" in line for line in below(lines(summary(report, 120), 120), "Markouts, bps"))


def test_fills_that_count_with_a_spread_of_0_for_want_of_a_mid_are_told(report: Report) -> None:
    without, of_none = (
        msgspec.structs.replace(report, pnl=msgspec.structs.replace(report.pnl, fills_without_mid=count))
        for count in (3, 0)
    )

    told = f"3 of {report.fills} fills have no mid, and count at their own price: a spread of 0"
    assert told in lines(summary(without, 80), 80)
    assert told in lines(outcome(without), 80)
    assert not any("have no mid" in line for line in lines(summary(of_none, 80), 80))


def test_who_has_the_rest_in_a_file_is_told_what_it_comes_to(report: Report) -> None:
    whole, short = lines(summary(report, 80), 80), lines(outcome(report), 80)

    start = whole.index(short[0])
    assert short[0].startswith("P&L of ")
    assert any("P&L at the mid" in line for line in short)
    assert whole[start : start + len(short)] == short

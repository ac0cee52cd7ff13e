"""The report in all its forms says the same numbers, and the page is one file that asks nobody for anything."""

import base64
import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import plotly.graph_objects
import pytest

from bench.small_exchange import BTC_PERPETUAL
from replenisher.core.resilience import resilience_of
from replenisher.model.mandate import Owed
from replenisher.model.order import BUY, SELL
from replenisher.model.units import HOUR_NS, SECOND_NS
from replenisher.report.csv_files import csv_files
from replenisher.report.drawn import POINTS_MAX, Pen, Presence
from replenisher.report.halts import Halt
from replenisher.report.markouts import Curve, Point
from replenisher.report.numbers import short_names, shown, title, written
from replenisher.report.obligations import Obligation
from replenisher.report.page.captions import CAPTIONS
from replenisher.report.page.document import page
from replenisher.report.page.figures import figures
from replenisher.report.page.quoting import resiliences
from replenisher.report.report import Report, read_report
from replenisher.report.resilience import DayOfSweeps, SweepsRead
from replenisher.report.tables import names, tables
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.history import Fill
from replenisher.store.moment import moment
from replenisher.store.period import ALWAYS
from replenisher.store.queries import AccountKey
from tests.report.browser import opened
from tests.report.world import ACCOUNT, World
from tests.store.given import SECOND, T0

FETCHES = ("src", "href", "srcset", "data", "action", "poster", "background", "formaction", "ping", "manifest")
FETCHING = {"link", "iframe", "img", "object", "embed", "audio", "video", "source", "base", "form", "frame"}


# Which tables a reader would have to scroll, the opened ones as well.
HIDDEN = """
[...document.querySelectorAll("details")].forEach((each) => { each.open = true; });
[...document.querySelectorAll(".scroll")].filter((each) => each.scrollWidth > each.clientWidth)
  .map((each) => each.closest("section").querySelector("h2").textContent).join(", ")
"""

# How far the names of lines are from the left of their tables, once these are scrolled to the right.
NAMES_AT = """
[...document.querySelectorAll(".scroll")].flatMap((each) => {
  each.scrollLeft = each.scrollWidth;
  const left = each.getBoundingClientRect().left;
  return [...each.querySelectorAll("tr > :first-child")].map((name) => name.getBoundingClientRect().left - left);
})
"""

# What the world below has not: it owes nothing and sees no sweep, and its fills have no mids after them.
MARKOUTS = [
    Curve(
        config_version="v",
        by="side",
        key=key,
        quote_currency="USD",
        fills=9,
        notional_quote=1_000.5,
        points=(
            Point(after_s=0, fills=9, missing=0, mean_bps=1.25, error_bps=0.125),
            Point(after_s=300, fills=4, missing=5, mean_bps=-2.5, error_bps=None),
        ),
    )
    for key in ("buy", "sell")
]
OBLIGATION = Obligation(
    config_version="v",
    strategy="core",
    instrument="BTC-PERPETUAL",
    owed=Owed(max_spread_bps=50, min_depth_quote=Decimal(20_000), min_uptime_pct=99.75),
    days=1,
    short_days=1,
    hours=2,
    short_hours=1,
    traded_ns=7_200_000_000_000,
    met_ns=6_900_000_000_000,
    met_pct=95.8333,
    is_enough=False,
    breaches=2,
    longest_breach_ns=90_500_000_000,
)
PRESENCE = Presence(
    venue="deribit",
    account="main",
    strategy="core",
    instrument="BTC-PERPETUAL",
    hour=(T0, T0 + HOUR_NS),
    until=(T0 + HOUR_NS, T0 + HOUR_NS + 600 * SECOND_NS),
    traded_ns=(HOUR_NS, 600 * SECOND_NS),
    met_pct=(99.5, 90.0),
    owed_pct=(99.75, 98.0),
    is_enough=(False, False),
)
HALT = Halt(
    venue="deribit",
    account=ACCOUNT,
    kind="halted",
    strategy="",
    since=T0 + 30 * SECOND_NS,
    until=None,
    lasted_ns=600 * SECOND_NS,
    cause="loss",
    reason="max_daily_loss_quote: more than 500 was lost today",
    ended_by="",
    resume_reason="",
)
SWEEPS = DayOfSweeps(
    config_version="v",
    venue="deribit",
    instrument="BTC-PERPETUAL",
    band_bps=10.0,
    day=T0,
    resilience=msgspec.structs.replace(
        resilience_of(()),
        sweeps=3,
        back={"0.5s": 0.25, "1s": 0.75},
        seen={"back 0.5s": 3, "back 1s": 2},
        intervals={"back 0.5s": (0.125, 0.5), "t50_s": (1.5, None)},
    ),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, sqlite_ledger: Path) -> Iterator[Report]:
    room = tmp_path_factory.mktemp("report")
    url = f"sqlite:///{shutil.copy(sqlite_ledger, room / 'ledger.db')}"
    with closing(World(room, url, orders=60)), closing(Database(url)) as database:
        found = database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))
        yield msgspec.structs.replace(
            found,
            markouts=(*found.markouts, *MARKOUTS),
            halts=(HALT,),
            obligations=(OBLIGATION,),
            resilience=(SWEEPS,),
            curves=msgspec.structs.replace(found.curves, presence=(PRESENCE,)),
        )


@pytest.fixture(scope="module")
def told(report: Report) -> Any:
    """The report as `--json` prints it."""
    return json.loads(msgspec.json.encode(report))


class Parsed(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.numbers: list[tuple[str, str, str]] = []  # place, value, what is shown
        self.scripts: list[tuple[str | None, str]] = []  # id, text
        self.styles = ""
        self._within: tuple[str, dict[str, str | None]] = ("", {})
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = (tag, dict(attrs))
        self.tags.append(self._within)

    def handle_data(self, data: str) -> None:
        tag, attributes = self._within
        match tag:
            case "data":
                self.numbers.append((str(attributes["data-at"]), str(attributes["value"]), data))
            case "script":
                self.scripts.append((attributes.get("id"), data))
            case "style":
                self.styles += data

    def handle_endtag(self, tag: str) -> None:
        self._within = ("", {})


@pytest.fixture(scope="module")
def parsed(report: Report) -> Parsed:
    return Parsed(page(report))


def at(told: Any, place: str) -> Any:
    """The value at a place like `pnl.totals[0].total`."""
    for key, number, name in re.findall(r'\["([^"]+)"\]|\[(\d+)\]|([a-z_0-9]+)', place):
        told = told[int(number)] if number else told[key or name]
    return told


def leaves(value: Any, place: str = "") -> Iterator[str]:
    """The place of every value that is not made of others."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{place}.{key}".lstrip(".") if key.isidentifier() else f'{place}["{key}"]')
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, f"{place}[{number}]")
    else:
        yield place


def test_every_value_of_the_report_is_in_a_table(report: Report, told: Any) -> None:
    cells = [place for table in tables(report) for row in table.rows for place in row.places.values()]

    assert set(cells) == set(leaves(told))


def test_an_interval_is_two_columns_of_one_row(report: Report) -> None:
    (table,) = [each for each in tables(report) if each.name == "resilience"]

    assert len(table.rows) == 1
    cells = table.rows[0].cells
    assert (cells["resilience.intervals.t50_s from"], cells["resilience.intervals.t50_s to"]) == (1.5, None)
    assert cells["resilience.intervals back 0.5s to"] == 0.5


def test_the_files_have_the_numbers_of_the_json(report: Report, told: Any) -> None:
    files = dict(csv_files(report))
    lines = list(csv.DictReader(io.StringIO(files["pnl_lines.csv"])))
    equity = list(csv.DictReader(io.StringIO(files["curves_equity.csv"])))

    assert [line["parts.spread"] for line in lines] == [each["parts"]["spread"] for each in told["pnl"]["lines"]]
    assert [line["group.strategy"] for line in lines] == [each["group"]["strategy"] for each in told["pnl"]["lines"]]
    assert [float(row["total"]) for row in equity] == told["curves"]["equity"][0]["total"]
    assert files["report.csv"].splitlines()[1].split(",")[2] == str(told["fills"])


def test_the_numbers_on_the_page_are_those_of_the_json(parsed: Parsed, told: Any) -> None:
    assert {place for place, _, _ in parsed.numbers} >= {"pnl.totals[0].total", "pnl.lines[0].total", "fills"}
    for place, value, text in parsed.numbers:
        there = at(told, place)
        assert value == (there if isinstance(there, str) else json.dumps(there))
        assert text == written(place, there if isinstance(there, int) else Decimal(value))
    assert json.loads(dict(parsed.scripts)["report"]) == told
    assert {
        'resilience[0].resilience.back["0.5s"]': "0.25",
        "resilience[0].day": "2023-11-14 22:13:20",
        "obligations[0].longest_breach_ns": "90.5 s",
        "obligations[0].met_ns": "115 min",
        "obligations[0].owed.min_depth_quote": "20,000",
        "obligations[0].owed.min_uptime_pct": "99.75",
    }.items() <= {place: text for place, _, text in parsed.numbers}.items()


def test_every_sum_of_money_is_on_the_page(parsed: Parsed, told: Any) -> None:
    """What is nothing everywhere needs no column; all the rest is there."""
    there = {place for place, _, _ in parsed.numbers}
    for section in ("lines", "totals"):
        for number, each in enumerate(told["pnl"][section]):
            parts = {f"parts.{name}": value for name, value in each["parts"].items() if Decimal(value)}
            for name in ("total", *parts):
                assert f"pnl.{section}[{number}].{name}" in there


def test_the_charts_draw_the_numbers_of_the_json(parsed: Parsed, report: Report, told: Any) -> None:
    drawn = {each["key"]: each for each in json.loads(dict(parsed.scripts)["figures"])}
    curve, fills, held = (told["curves"][name][0] for name in ("equity", "fills", "held"))
    account = f"{curve['venue']}-{curve['account']}"
    equity = drawn[f"equity-{account}-{curve['currency']}"]["data"]
    buys, sells, position = drawn[f"fills-{account}-{fills['instrument']}"]["data"]
    parts = drawn[f"parts-{account}-{curve['currency']}"]["data"]

    assert equity[0]["y"] == curve["total"]
    assert [each["y"] for each in equity[1:-1]] == list(curve["parts"].values())
    assert equity[0]["x"] == [moment / 1e6 for moment in curve["at"]]
    assert sorted(buys["y"] + sells["y"]) == sorted(fills["price"])
    assert position["y"] == held["position"]
    assert parts[0]["y"][-1] == float(told["pnl"]["totals"][0]["total"])
    assert [line["y"] for line in drawn["markouts-side"]["data"]][-2:] == [[1.25, -2.5]] * 2
    met, owed = drawn["presence-deribit-main-core-BTC-PERPETUAL"]["data"]
    assert (met["y"], owed["y"]) == ([99.5, 90.0], [99.75, 98.0, 98.0])
    assert met["width"] == [3_600_000, 600_000], "an hour that is not over is as wide as what was counted of it"
    assert met["x"] == [T0 / 1e6, (T0 + HOUR_NS) / 1e6]
    assert owed["x"] == [*met["x"], met["x"][1] + 600_000]
    assert drawn["resilience-deribit-BTC-PERPETUAL"]["data"][0]["y"] == [25.0, 75.0]
    for each in figures(report):
        plotly.graph_objects.Figure(each.data, each.layout)  # raises on what plotly does not know


def test_charts_over_time_go_from_the_first_to_the_last_thing_and_shade_what_was_halted(report: Report) -> None:
    period = [report.since / 1e6, report.until / 1e6]
    shade = {"name": "halted", "x0": HALT.since / 1e6, "x1": report.until / 1e6, "showlegend": True}

    over_time = [each for each in figures(report) if each.layout.get("xaxis", {}).get("type") == "date"]

    assert [each.key.partition("-")[0] for each in over_time] == ["equity", "fills", "presence"]
    assert [each.layout["xaxis"]["range"] for each in over_time] == [period] * 3
    assert [[shade.items() <= each.items() for each in figure.layout["shapes"]] for figure in over_time] == [
        [True],
        [True],
        [],
    ], "the obligations above are another account's"


def test_obligations_are_shaded_where_their_own_strategy_was_paused_or_all_were(report: Report) -> None:
    on_main = msgspec.structs.replace(HALT, account="main")
    paused = [msgspec.structs.replace(on_main, kind="paused", strategy=name) for name in ("core", "wide", "core")]

    drawn = figures(msgspec.structs.replace(report, halts=(*paused, on_main)))

    (obliged,) = [each for each in drawn if each.key.startswith("presence")]
    shades = [(each["name"], each["showlegend"]) for each in obliged.layout["shapes"]]
    assert shades == [("core paused", True), ("core paused", False), ("halted", True)]


def test_every_table_of_the_page_says_what_it_shows() -> None:
    assert set(CAPTIONS) == {name for name in names(Report) if not name.startswith("curves.")}


def test_a_line_names_the_currency_that_its_fills_are_quoted_in_where_there_are_two(report: Report) -> None:
    buys, sells = MARKOUTS
    in_both = (buys, msgspec.structs.replace(buys, quote_currency="BTC"), sells)

    def names(curves: tuple[Curve, ...]) -> list[str]:
        drawn = figures(msgspec.structs.replace(report, markouts=curves))
        return [line["name"] for each in drawn if each.key == "markouts-side" for line in each.data]

    assert names(in_both) == ["buy USD", "buy BTC", "sell USD"]
    assert names((buys, sells)) == ["buy", "sell"]


def test_the_fall_under_the_peak_is_counted_from_where_it_began(report: Report) -> None:
    curve = msgspec.structs.replace(report.curves.equity[0], at=(1, 2, 3, 4), total=(-1.0, 2.0, 0.5, 3.0), parts={})
    curves = msgspec.structs.replace(report.curves, equity=(curve,))
    one = next(
        each for each in figures(msgspec.structs.replace(report, curves=curves)) if each.key.startswith("equity")
    )

    assert one.data[-1]["y"] == [-1.0, 0.0, -1.5, 0.0]


def test_nothing_on_the_page_loads_anything(parsed: Parsed) -> None:
    """No element that fetches, no attribute that names an address, no style that imports or points outside, no request
    in our own code, and a policy by which a browser refuses all of it. The text of plotly.js names addresses, as of the
    maps that it could draw: they are words in it, and the policy keeps them that."""
    assert not FETCHING & {tag for tag, _ in parsed.tags}
    assert not [each for _, each in parsed.tags if set(FETCHES) & each.keys()]
    assert "@import" not in parsed.styles and "url(" not in parsed.styles
    own = parsed.scripts[-1][1]
    assert not [word for word in ("fetch(", "import(", "XMLHttpRequest", "://", "WebSocket") if word in own]
    policies = [each["content"] for tag, each in parsed.tags if each.get("http-equiv") == "Content-Security-Policy"]
    assert [policy.split(";")[0] for policy in policies if policy] == ["default-src 'none'"]
    assert "http" not in str(policies)


def test_whatever_an_operator_wrote_the_page_has_all_that_it_is_made_of(report: Report) -> None:
    """Where `<!--<script` stands in a script, browsers look for its end beyond its end."""
    reason = "</script> <!--<script> & <b>done</b>"
    text = page(msgspec.structs.replace(report, halts=(msgspec.structs.replace(HALT, resume_reason=reason),)))

    (data,) = re.findall(r'<script type="application/json" id="report">(.*)</script>', text)
    assert "<" not in data
    assert json.loads(data)["halts"][0]["resume_reason"] == reason
    assert (text.count(reason), text.count(escape(reason))) == (0, 1)


def test_a_million_fills_are_drawn_with_few_points() -> None:
    key = AccountKey("deribit", "main")
    count = 100_000
    pen = Pen(key, {"I": BTC_PERPETUAL}, count)
    looks = 0
    for n in range(count):
        side = BUY if n < 30_000 or n % 2 else SELL
        amount = Decimal(10_000_000 if n == 77_777 else 10)
        fill = Fill(T0 + n * SECOND, "I", "core", "v", side, Decimal(60_000), amount, Decimal(0), "BTC", True, None)
        if pen.fill(fill):
            looks += 1
            pen.look(fill.at, ())

    curves = pen.curves(T0 + count * SECOND, ())
    (fills,), (held,) = curves.fills, curves.held
    assert POINTS_MAX / 2 <= looks <= 2 * POINTS_MAX
    assert POINTS_MAX / 2 <= len(fills.at) <= 2 * POINTS_MAX
    assert fills.one_in * len(fills.at) <= count
    assert len(held.at) <= 4 * POINTS_MAX
    assert max(held.position) == 299_990 + 10_000_000, "no peak is lost"
    assert all(before <= after for before, after in pairwise(held.at))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("0.000817225"), "0.000817225"),
        (Decimal("-1234567.891"), "-1,234,568"),
        (Decimal("0E-18"), "0"),
        (1 / 3, "0.333333"),
        (12.5, "12.5"),
        (199, "199"),
        (1_000_000, "1,000,000"),
    ],
)
def test_a_number_is_shown_with_few_digits(number: Decimal | float, text: str) -> None:
    assert shown(number) == text


def test_a_second_is_shown_until_it_is_over() -> None:
    assert (
        moment(1_700_000_000 * SECOND_NS + SECOND_NS - 1) == moment(1_700_000_000 * SECOND_NS) == "2023-11-14 22:13:20"
    )


def test_versions_are_told_apart_by_as_little_as_does_it() -> None:
    assert short_names(["30c50e0dfd", "30c50e0dfd"]) == {"30c50e0dfd": ""}
    assert short_names(["30c50e0dfd", "a1"]) == {"30c50e0dfd": "30c50e", "a1": "a1"}
    assert short_names(["version-1", "version-2"]) == {"version-1": "version-1", "version-2": "version-2"}


def test_a_title_has_its_unit() -> None:
    assert title("group.strategy") == "strategy"
    assert title("markout_bps") == "markout, bps"
    assert title("resilience.back 0.5s") == "back 0.5s"
    assert title("longest_breach_ns") == "longest breach"
    assert title("inventory_half_life.value_s") == "inventory half life, s"


def test_a_browser_draws_the_page_and_asks_nobody(report: Report, tmp_path: Path, browser: str, told: Any) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(report))

    with opened(browser, file) as shown_page:
        drawn = int(shown_page.wait_for("document.documentElement?.dataset.drawn"))
        lines = shown_page.value("document.querySelectorAll('.scatterlayer .trace').length")
        bars = shown_page.value("document.querySelectorAll('.waterfalllayer .point').length")
        heading = shown_page.value("document.querySelector('.tile data').getAttribute('value')")
        hidden = shown_page.value(HIDDEN)
        light = shown_page.value("getComputedStyle(document.body).backgroundColor")
        shown_page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        dark = shown_page.wait_for(f"getComputedStyle(document.body).backgroundColor.replace('{light}', '')")
        picture = base64.b64decode(shown_page.call("Page.captureScreenshot")["data"])

    assert drawn == len(figures(report))
    assert (lines, bars) == (
        sum(line["type"] == "scatter" for f in figures(report) for line in f.data),
        len([value for value in told["pnl"]["totals"][0]["parts"].values() if Decimal(value)]) + 1,
    )
    assert heading == told["pnl"]["totals"][0]["total"]
    assert hidden == "", "at 1200 px every column is to be seen"
    assert light and dark and light != dark
    assert picture.startswith(b"\x89PNG") and len(picture) > 20_000, "there is something to be seen"
    assert shown_page.complaints == []
    assert [url.partition(":")[0] for url in shown_page.asked_for] == ["file"]


@pytest.mark.parametrize("width", [1280, 800, 400])
def test_a_wide_table_scrolls_within_itself_and_the_page_does_not(
    report: Report, tmp_path: Path, browser: str, width: int
) -> None:
    """Of each table the names of its lines stay in sight, where the last of its columns is looked at."""
    file = tmp_path / "report.html"
    file.write_text(page(msgspec.structs.replace(report, performance=report.performance * 8, halts=(HALT,) * 2)))

    with opened(browser, file) as shown_page:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        shown_page.call("Emulation.setDeviceMetricsOverride", **size)
        shown_page.wait_for("document.documentElement?.dataset.drawn")
        hidden = shown_page.value(HIDDEN)
        page_width = shown_page.value("document.documentElement.scrollWidth")
        names_at = shown_page.value(NAMES_AT)

    assert page_width <= width
    assert "Performance" in hidden, "there is a table that is too wide"
    assert set(map(round, names_at)) == {0}


def test_sweeps_of_two_versions_on_one_day_are_two_lines_and_an_older_day_is_none() -> None:
    other = msgspec.structs.replace(SWEEPS, config_version="w")
    older = msgspec.structs.replace(SWEEPS, day=T0 - 24 * HOUR_NS, band_bps=25.0)

    (figure,) = resiliences((older, other, SWEEPS), SweepsRead(stored=9, read=9))

    assert [line["name"] for line in figure.data] == ["within 10 bps, v, 3 sweeps", "within 10 bps, w, 3 sweeps"]

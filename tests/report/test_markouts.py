"""Markouts and spreads, worked out by hand; what is missing is counted, and nothing depends on how rows are batched."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from math import isnan, sqrt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Side
from replenisher.model.units import BPS, HOUR_NS, MS_NS, SECOND_NS
from replenisher.report.markouts import HORIZONS_S, Curve, MarkoutCube, Point
from replenisher.report.page.quoting import spreads_of
from replenisher.store import tables
from replenisher.store.database import Database
from replenisher.store.marked import Marked, marked_fills
from replenisher.store.period import ALWAYS
from tests.report.by_hand import INVERSE, KEY, LINEAR, SPOT, instrument

IN_USD = instrument("ETH_USD", quote_currency="USD")
IN_BTC = instrument("ETH_BTC", quote_currency="BTC", settlement_currency="BTC")
INSTRUMENTS = {each.name: each for each in (LINEAR, INVERSE, SPOT, IN_USD, IN_BTC)}
NONE = [None] * 8


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as database:
        yield database


def fill(
    number: int, side: Side, price: str, mid: str | None, mids: list[float | None], **other: Any
) -> dict[str, Any]:
    """A fill of one unit by an order of ours, and the mids after it: two rows, in one."""
    about: dict[str, Any] = {"instrument": LINEAR.name, "strategy": "core", "level": 0, "config_version": "c1"}
    about |= {
        "amount": "1",
        "spread": 0.2,
        "own_spread": 0.4,
        "liquidity": Liquidity.MAKER,
        "venue_time": number * SECOND_NS,
    }
    return {"trade_id": f"{number}", "side": side, "price": price, "mid": mid, "mids": mids} | about | other


def measured(batches: Iterable[Marked], instruments: Mapping[str, Instrument]) -> MarkoutCube:
    """All of these fills."""
    cube = MarkoutCube()
    for fills in batches:
        cube.add(fills, instruments)
    return cube


def cube_of(database: Database, fills: list[dict[str, Any]]) -> MarkoutCube:
    def work(connection: Any) -> None:
        for row in fills:
            write(connection, row)

    database.write(work)

    def read(connection: Any) -> MarkoutCube:
        return measured((marked for _, marked in marked_fills(connection, KEY, ALWAYS)), INSTRUMENTS)

    return database.read(read)


def write(connection: Any, row: dict[str, Any]) -> None:
    """Both rows, through the tables alone."""
    number = int(row["trade_id"])
    origin = {"journal_id": "0123456789abcdef", "epoch": 1, "step": number, "index": 0, "at": number}
    where = {"venue": KEY.venue, "account": KEY.account, "instrument": row["instrument"]}
    where |= {"trade_id": row["trade_id"], "side": row["side"]}
    alike = ("strategy", "level", "config_version", "spread", "own_spread", "liquidity", "venue_time")
    told = {name: row[name] for name in alike}
    told |= {"price": Decimal(row["price"]), "amount": Decimal(row["amount"]), "fee": Decimal(0), "fee_currency": "x"}
    told |= {"mid": None if row["mid"] is None else Decimal(row["mid"]), "order_id": "a", "venue_order_id": "v"}
    connection.execute(insert(tables.fills).values(origin | where | told))
    if row["mids"] != NONE:
        mids = dict(zip(tables.MIDS, row["mids"], strict=True))
        connection.execute(insert(tables.markouts).values(origin | where | mids))


def points(cube: MarkoutCube, by: str = "all", key: str = "") -> dict[float, Point]:
    (curve,) = (curve for curve in cube.curves() if (curve.by, curve.key) == (by, key))
    return {point.after_s: point for point in curve.points}


def test_spreads_as_they_are_defined(database: Database) -> None:
    """A taker buys at 100.05 from a book of 99.90 to 100.10, and 10 s later the mid is 100.03."""
    cube = cube_of(database, [fill(1, Side.SELL, "100.05", "100", [100.0] * 4 + [100.03] * 4)])

    (spread,) = cube.spreads()

    assert spread.quoted_bps == pytest.approx(20)
    assert spread.effective_bps == pytest.approx(10)
    assert spread.fills == 1
    told = {each.after_s: (each.fills, each.effective_bps, each.realised_bps, each.impact_bps) for each in spread.after}
    assert list(told) == [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0]
    assert told[0.1] == told[5.0] == (1, pytest.approx(10), pytest.approx(10), pytest.approx(0))
    assert told[10.0] == told[300.0] == (1, pytest.approx(10), pytest.approx(4), pytest.approx(6))
    after = points(cube)
    assert after[0.0].mean_bps == after[5.0].mean_bps == pytest.approx(0.05 / 100.05 * 10_000)
    assert after[10.0].mean_bps == after[300.0].mean_bps == pytest.approx(0.02 / 100.05 * 10_000)


def test_what_we_quoted_is_a_mean_over_the_fills_at_which_we_showed_both_sides(database: Database) -> None:
    """40 bps with one unit and 10 with two at a mid of 100; a fill against one side, or without a mid, says nothing."""
    cube = cube_of(
        database,
        [
            fill(1, Side.SELL, "100", "100", NONE, own_spread=0.4),
            fill(2, Side.SELL, "100", "100", NONE, own_spread=0.1, amount="2"),
            fill(3, Side.BUY, "100", "100", NONE, own_spread=None),
            fill(4, Side.BUY, "100", None, NONE, own_spread=9.0, spread=None),
            fill(5, Side.BUY, "100", "100", NONE, own_spread=None, level=1),
        ],
    )

    inner, outer = cube.spreads()

    assert (inner.fills, inner.two_sided, inner.own_quoted_bps) == (4, 2, pytest.approx(20))
    assert (outer.fills, outer.two_sided, outer.own_quoted_bps) == (1, 0, None)
    assert outer.quoted_bps == pytest.approx(20)


def test_means_are_weighted_by_notional_and_say_how_sure_they_are(database: Database) -> None:
    """Markouts of 10, 10 and -50 bps with 1, 1 and 2 units at 100: the mean is -20, sd of the weighted mean by hand."""
    cube = cube_of(
        database,
        [
            fill(1, Side.BUY, "100", "100.1", [100.1] * 8),
            fill(2, Side.SELL, "100", "99.9", [99.9] * 8),
            fill(3, Side.SELL, "100", "100.5", [100.5] * 8, amount="2"),
        ],
    )

    point = points(cube)[60.0]

    assert point.mean_bps == pytest.approx(-20)
    # ((30 * 100)**2 + (30 * 100)**2 + (-30 * 200)**2) ** 0.5 / 400
    assert point.error_bps == pytest.approx(18.371173070873837)
    (curve,) = (curve for curve in cube.curves() if curve.by == "all")
    assert (curve.fills, curve.notional_quote) == (3, pytest.approx(400))


def swept(second: int, count: int, price: str, apart_ns: int, **other: Any) -> list[dict[str, Any]]:
    """So many fills of one unit at 100, on as many levels, and the mid that was there."""
    return [
        fill(
            100 * second + n,
            Side.BUY,
            "100",
            price,
            NONE,
            level=n,
            venue_time=second * SECOND_NS + n * apart_ns,
            **other,
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [1, 4, 25])
def test_what_is_filled_in_one_second_is_as_sure_as_one_fill(database: Database, count: int) -> None:
    """Two sweeps through all levels, 10 and -10 bps: whatever their size they are two, of which a level saw each."""
    fills = swept(100, count, "100.1", 40 * MS_NS) + swept(200, count, "99.9", 40 * MS_NS)

    cube = cube_of(database, fills)

    assert points(cube)[0.0].fills == 2 * count
    for by, key in (("all", ""), ("strategy", "core"), ("side", "buy"), ("hour", "00"), ("level", "0")):
        assert points(cube, by, key)[0.0].error_bps == pytest.approx(10 / sqrt(2))


@pytest.mark.parametrize("count", [1, 4, 25])
def test_what_is_filled_in_as_many_seconds_is_as_sure_as_so_many_fills(database: Database, count: int) -> None:
    fills = swept(100, count, "100.1", SECOND_NS) + swept(200, count, "99.9", SECOND_NS)

    cube = cube_of(database, fills)

    assert points(cube)[0.0].error_bps == pytest.approx(10 / sqrt(2 * count))
    assert points(cube, "level", "0")[0.0].error_bps == pytest.approx(10 / sqrt(2))


def test_two_books_in_one_second_are_two_moments_and_of_one_moment_there_is_no_error(database: Database) -> None:
    cube = cube_of(database, swept(1, 9, "100.1", 0) + swept(1, 1, "99.9", 0, instrument=SPOT.name, strategy="spot"))

    whole, one = points(cube)[0.0], points(cube, "strategy", "core")[0.0]

    # nine of 10 bps and one of -10: the mean is 8, and the two are off by 9 x 2 and 18
    assert (whole.mean_bps, whole.error_bps) == (pytest.approx(8), pytest.approx(sqrt(18**2 + 18**2) / 10))
    assert (one.fills, one.mean_bps, one.error_bps) == (9, pytest.approx(10), None)


def test_a_mean_of_fills_of_which_few_mids_are_known_says_of_how_many(database: Database) -> None:
    """As after an outage: one fill was heard with its market, and nine were found later."""
    late = [fill(n, Side.BUY, "100", None, NONE, spread=None) for n in range(2, 11)]
    cube = cube_of(database, [fill(1, Side.BUY, "100", "100.1", NONE), *late])

    (spread,) = cube.spreads()
    drawn = spreads_of([spread]).data[0]

    assert (spread.fills, spread.with_mid) == (10, 1)
    named = drawn["x"].index("effective")
    assert (drawn["customdata"][named], drawn["marker"]["symbol"][named]) == (1, "circle-open")


def test_an_inverse_contract_weighs_what_it_is_worth_in_its_quote_currency(database: Database) -> None:
    cube = cube_of(
        database,
        [
            fill(1, Side.BUY, "50000", "50005", NONE, instrument=INVERSE.name, amount="100"),
            fill(2, Side.BUY, "100", "100.3", NONE, instrument=IN_USD.name, amount="1"),
        ],
    )

    assert points(cube)[0.0].mean_bps == pytest.approx((1 * 100 + 30 * 100) / 200)


def test_what_is_quoted_in_two_currencies_is_never_added_up(database: Database) -> None:
    """10 and 40 bps with 100 and 200 USDT, and -100 and -20 with 0.1 and 0.3 BTC: 30 and -40, whatever they share."""
    cube = cube_of(
        database,
        [
            fill(1, Side.BUY, "100", "100.1", NONE, spread=0.1001),
            fill(2, Side.BUY, "100", "100.4", NONE, spread=0.1004, amount="2"),
            fill(3, Side.BUY, "0.05", "0.0495", NONE, instrument=IN_BTC.name, spread=0.0000495, amount="2"),
            fill(4, Side.BUY, "0.05", "0.0499", NONE, instrument=IN_BTC.name, spread=0.0000998, amount="6"),
        ],
    )

    for by, key in (("all", ""), ("strategy", "core"), ("level", "0"), ("side", "buy"), ("hour", "00")):
        told = [each for each in cube.curves() if each.by == by]
        assert [(each.key, each.quote_currency, each.fills) for each in told] == [(key, "BTC", 2), (key, "USDT", 2)]
        assert [each.points[0].mean_bps for each in told] == pytest.approx([-40, 30])
        assert [each.notional_quote for each in told] == pytest.approx([0.4, 300])
    assert [(each.quote_currency, each.fills) for each in cube.spreads()] == [("BTC", 2), ("USDT", 2)]
    assert [each.quoted_bps for each in cube.spreads()] == pytest.approx([17.5, 10])


def test_what_is_missing_is_counted_and_is_no_zero(database: Database) -> None:
    cube = cube_of(
        database,
        [
            fill(1, Side.BUY, "100", "100.1", [100.1, None, *[100.2] * 6]),
            fill(2, Side.BUY, "100", "100.1", NONE),
            fill(3, Side.BUY, "100", None, [None] * 7 + [100.4]),
        ],
    )

    after = points(cube)

    assert [(after[s].fills, after[s].missing) for s in (0.0, 0.1, 0.5, 1.0, 300.0)] == [
        (2, 1),
        (1, 2),
        (0, 3),
        (1, 2),
        (2, 1),
    ]
    assert (after[0.5].mean_bps, after[0.5].error_bps, after[1.0].error_bps) == (None, None, None)
    assert after[300.0].mean_bps == pytest.approx(30)
    (spread,) = cube.spreads()
    assert (spread.fills, spread.effective_bps) == (3, pytest.approx(20 / 1.001))
    assert [each.fills for each in spread.after] == [1, 0, *[1] * 6]
    assert spread.after[1].realised_bps is spread.after[1].impact_bps is spread.after[1].effective_bps is None


def test_curves_are_told_apart_by_what_the_fills_share(database: Database) -> None:
    cube = cube_of(
        database,
        [
            fill(1, Side.BUY, "100", "100.1", NONE),
            fill(2, Side.SELL, "100", "99.8", NONE, level=11, venue_time=25 * HOUR_NS),
            fill(3, Side.SELL, "100", "99.7", NONE, level=2, strategy="other"),
            fill(4, Side.SELL, "100", "99.6", NONE, config_version="c2", level=None),
            fill(5, Side.SELL, "100", "90", NONE, liquidity=Liquidity.TAKER),
            fill(6, Side.SELL, "100", "90", NONE, strategy="external"),
        ],
    )

    found = [(each.config_version, each.by, each.key, each.fills, mean(each)) for each in cube.curves()]

    assert found == [
        ("c1", "all", "", 3, 20),
        ("c2", "all", "", 1, 40),
        ("c1", "strategy", "core", 2, 15),
        ("c1", "strategy", "other", 1, 30),
        ("c2", "strategy", "core", 1, 40),
        ("c1", "level", "0", 1, 10),
        ("c1", "level", "2", 1, 30),
        ("c1", "level", "11", 1, 20),
        ("c2", "level", "unknown", 1, 40),
        ("c1", "side", "buy", 1, 10),
        ("c1", "side", "sell", 2, 25),
        ("c2", "side", "sell", 1, 40),
        ("c1", "hour", "00", 2, 20),
        ("c1", "hour", "01", 1, 20),
        ("c2", "hour", "00", 1, 40),
    ]
    assert [(each.strategy, each.level) for each in cube.spreads()] == [
        ("core", 0),
        ("core", 11),
        ("other", 2),
        ("core", None),
    ]


def mean(curve: Curve) -> int:
    found = curve.points[0].mean_bps
    assert found is not None
    return round(found)


def test_a_ledger_without_fills_has_no_curve(database: Database) -> None:
    cube = cube_of(database, [])

    assert (cube.curves(), cube.spreads()) == ((), ())


FILLS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 3_000), st.integers(0, 48 * 3_600_000)).map(lambda ms: ms * MS_NS),
        st.sampled_from([LINEAR.name, SPOT.name]),
        st.sampled_from(["core", "other"]),
        st.sampled_from(["c1", "c2"]),
        st.sampled_from(["buy", "sell"]),
        st.sampled_from([None, 0, 1]),
        st.floats(90, 110),
        st.floats(0.001, 10),
        st.one_of(st.just(float("nan")), st.floats(90, 110)),
        st.one_of(st.just(float("nan")), st.floats(90, 110)),
    ),
    min_size=1,
    max_size=40,
).map(lambda fills: sorted(fills, key=lambda each: each[0]))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILLS, st.integers(1, 40))
def test_the_parts_are_the_whole_and_it_does_not_matter_in_how_many_batches_they_come(
    fills: list[tuple[Any, ...]], size: int
) -> None:
    whole, pieces = measured([batch(fills)], INSTRUMENTS), MarkoutCube()
    for start in range(0, len(fills), size):
        pieces.add(batch(fills[start : start + size]), INSTRUMENTS)

    assert approximately(whole.curves()) == approximately(pieces.curves())
    for version in {each[3] for each in fills}:
        for by in ("strategy", "level", "side", "hour"):
            parts = [curve for curve in whole.curves() if (curve.config_version, curve.by) == (version, by)]
            (all_of_it,) = (c for c in whole.curves() if (c.config_version, c.by) == (version, "all"))
            assert sum(curve.fills for curve in parts) == all_of_it.fills
            for place, point in enumerate(all_of_it.points):
                assert point.fills + point.missing == all_of_it.fills
                assert sum(curve.points[place].fills for curve in parts) == point.fills
    for spread in whole.spreads():
        for told in spread.after:
            if told.realised_bps is not None:
                assert told.effective_bps is not None and told.impact_bps is not None
                assert told.realised_bps + told.impact_bps == pytest.approx(told.effective_bps, abs=1e-6)


@given(FILLS, st.integers(1, 40))
def test_every_error_is_that_of_a_plain_loop(fills: list[tuple[Any, ...]], size: int) -> None:
    cube = measured((batch(fills[start : start + size]) for start in range(0, len(fills), size)), INSTRUMENTS)

    told = {
        (each.config_version, each.by, each.key, point.after_s): point.error_bps
        for each in cube.curves()
        for point in each.points
    }

    alike: dict[tuple[str, str, str, float], list[tuple[object, float, float]]] = defaultdict(list)
    for at, name, strategy, version, side, level, price, amount, *mids in fills:
        keys = {"all": "", "strategy": strategy, "side": side, "hour": f"{at // HOUR_NS % 24:02}"}
        keys |= {"level": "unknown" if level is None else str(level)}
        for by, key in keys.items():
            for after_s, mid in zip(HORIZONS_S, mids[:1] + mids[1:] * (len(HORIZONS_S) - 1), strict=True):
                markout = (1 if side == "buy" else -1) * (mid / price - 1) * BPS
                known = alike[version, by, key, after_s]
                known += [] if isnan(mid) else [((name, at // SECOND_NS), price * amount, markout)]
    assert told == {which: pytest.approx(plain_error(some), abs=1e-3) for which, some in alike.items()}


def plain_error(some: list[tuple[object, float, float]]) -> float | None:
    """Of moments, weights and what is averaged."""
    if len({moment for moment, _, _ in some}) < 2:
        return None
    worth = sum(weight for _, weight, _ in some)
    mean = sum(weight * each for _, weight, each in some) / worth
    off: dict[object, float] = defaultdict(float)
    for moment, weight, each in some:
        off[moment] += weight * (each - mean)
    return sqrt(sum(each**2 for each in off.values())) / worth


def batch(fills: list[tuple[Any, ...]]) -> Marked:
    import numpy as np

    whose = [
        (instrument, strategy, version, side, level, None)
        for _, instrument, strategy, version, side, level, *_ in fills
    ]
    at = np.array([each[0] for each in fills], dtype=np.int64)
    price, amount, mid, later = np.array([each[6:] for each in fills], dtype=float).T
    spread = np.full_like(price, 0.1)
    return Marked(whose, at, price, amount, mid, spread, spread, np.vstack([later] * (len(HORIZONS_S) - 1)))


def approximately(curves: tuple[Curve, ...]) -> list[object]:
    return [
        (each.config_version, each.by, each.key, each.fills, [_approximately(point) for point in each.points])
        for each in curves
    ]


def _approximately(point: Point) -> object:
    return point.fills, point.missing, pytest.approx(point.mean_bps), pytest.approx(point.error_bps, abs=1e-3)

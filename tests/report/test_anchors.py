"""What must come out where the world is known: the report's own figures, of ledgers of simulated worlds.

The first world is Avellaneda & Stoikov's: a mid that knows nothing of fills, and quotes around it. There a markout is
what was captured, after whatever time, and what quoting and what holding bring vary as dynamic programming says. In the
second, some takers know the next jump of the mid. A maker's half spread that just pays for them leaves nothing: the
realised spread is zero (Glosten & Milgrom). A path of a world is a life of its own, on an instrument of its own.
"""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest

from replenisher.experiment.exact import Quoter, distances_of, exact
from replenisher.experiment.world import FillModel, World
from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Side
from replenisher.model.step import HORIZONS_NS
from replenisher.model.units import BPS, DAY_NS, SECOND_NS
from replenisher.report.markouts import Curve
from replenisher.report.report import Report, read_report
from replenisher.store import history, schema, tables
from replenisher.store.database import Database
from replenisher.store.insert import insert_new
from replenisher.store.period import ALWAYS
from replenisher.store.rows import Row, instrument_row
from tests.report.by_hand import JOURNAL_ID, KEY, T0, instrument

PATHS = 300
WORLD = World(gamma=0.1)  # a step of it is a second here
LATER_S = 10.0  # by when a jump has come
SURE = 4.5  # standard errors: one run in a hundred thousand is further away, and the seed is fixed


class Ledger:
    """Rows of many paths."""

    def __init__(self) -> None:
        self.rows: dict[Any, list[Row]] = {}
        self._fills = 0

    def path(self, number: int, mids: Any, fills: list[tuple[int, Side, float]]) -> None:
        """One path: the mid at each second, and fills, each when, on which side and how far from the mid."""
        started_at, name = T0 + number * DAY_NS, f"P{number:04}"
        origin = {"journal_id": JOURNAL_ID, "epoch": number + 1, "index": 0}
        where = {"venue": KEY.venue, "account": KEY.account, "instrument": name}
        life = {"journal_id": JOURNAL_ID, "epoch": number + 1, "started_at": started_at, "namespace": "abc"}
        self._add(tables.lives, life | {"config_version": "c1", "accounts": {KEY.venue: KEY.account}})
        self._add(tables.instruments, instrument_row(path_instrument(name), started_at))
        for second, side, distance in fills:
            self._fills += 1
            at, mid = started_at + second * SECOND_NS, exactly(mids[second])
            key = {"trade_id": str(self._fills), "side": side.value}
            told = {"price": mid - side.sign * exactly(distance), "amount": Decimal(1), "mid": mid}
            told |= {"spread": None, "own_spread": None, "contract_value": Decimal(1)}
            told |= {"order_id": "a", "venue_order_id": "v", "strategy": name, "config_version": "c1", "level": 0}
            told |= {"fee": Decimal(0), "fee_currency": "USDT", "liquidity": Liquidity.MAKER.value, "venue_time": at}
            placed = origin | {"step": self._fills, "at": at} | where | key
            self._add(tables.fills, placed | told)
            seconds = [second + horizon_ns // SECOND_NS for horizon_ns in HORIZONS_NS]
            after = [float(exactly(mids[later])) if later < len(mids) else None for later in seconds]
            self._add(tables.markouts, placed | dict(zip(tables.MIDS, after, strict=True)))
        last = {"at": started_at + len(mids) * SECOND_NS, "step": self._fills + 1}
        self._add(tables.marks, origin | last | where | {"mid": exactly(mids[-1])})

    def report(self, database: Database) -> Report:
        """What the report says of them."""

        def write(connection: Any) -> None:
            for table, rows in self.rows.items():
                insert_new(connection, table, rows)

        database.write(write)
        return database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))

    def _add(self, table: Any, row: Row) -> None:
        self.rows.setdefault(table, []).append(row)


def path_instrument(name: str) -> Instrument:
    """Linear and settled in its quote currency, so that money is price times units."""
    return instrument(name)


def exactly(number: float) -> Decimal:
    return Decimal(repr(round(float(number), 8)))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(ledger_in(tmp_path)) as database:
        yield database


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[Quoter, Report]:
    """The report of each quoter's paths."""
    found: dict[Quoter, Report] = {}
    for seed, quoter in enumerate([Quoter.INVENTORY, Quoter.SYMMETRIC]):
        with closing(ledger_in(tmp_path_factory.mktemp(quoter))) as database:
            found[quoter] = walked(quoter, seed).report(database)
    return found


def ledger_in(directory: Path) -> Database:
    url = f"sqlite:///{directory / 'ledger.db'}"
    schema.upgrade(url)
    return Database(url)


def walked(quoter: Quoter, seed: int) -> Ledger:
    """Paths of the world of Avellaneda & Stoikov."""
    chance, ledger = np.random.default_rng(seed), Ledger()
    distances = distances_of(quoter, WORLD)
    mids = np.zeros((WORLD.steps + 1, PATHS)) + WORLD.start_price
    mids[1:] += np.cumsum(WORLD.move * (2 * chance.integers(0, 2, (WORLD.steps, PATHS)) - 1), axis=0)
    held = np.zeros(PATHS)
    fills: list[list[tuple[int, Side, float]]] = [[] for _ in range(PATHS)]
    for step in range(WORLD.steps):
        bid, ask = distances(step, held)
        for side, distance in ((Side.BUY, bid), (Side.SELL, ask)):
            hit = chance.random(PATHS) < WORLD.fill_chance(FillModel.LINEAR, distance)
            for path in np.flatnonzero(hit).tolist():
                fills[path].append((step, side, float(distance[path])))
            held = held + side.sign * hit
    for path in range(PATHS):
        ledger.path(path, mids[:, path], fills[path])
    return ledger


def spread_out(values: list[float]) -> tuple[float, float]:
    """A standard deviation, and how sure it is, by the kurtosis that is seen."""
    sd, mean = stdev(values), fmean(values)
    kurtosis = fmean((value - mean) ** 4 for value in values) / sd**4
    return sd, sd * sqrt((kurtosis - 1) / (4 * len(values)))


def by_path(report: Report, after_s: float) -> list[Curve]:
    """The curves of the paths of which something is known after this time."""
    known = (curve for curve in report.markouts if curve.by == "strategy")
    return [curve for curve in known if next(p for p in curve.points if p.after_s == after_s).fills]


@pytest.mark.parametrize("quoter", [Quoter.INVENTORY, Quoter.SYMMETRIC])
def test_what_is_captured_and_what_is_held_vary_as_they_must_and_nothing_else_brings_anything(
    reports: dict[Quoter, Report], quoter: Quoter
) -> None:
    report = reports[quoter]
    expected = exact(WORLD, FillModel.LINEAR, distances_of(quoter, WORLD))

    captured = [float(line.parts.spread) for line in report.pnl.lines]
    carried = [float(line.parts.inventory) for line in report.pnl.lines]

    assert len(captured) == PATHS
    assert all(line.total == line.parts.spread + line.parts.inventory for line in report.pnl.lines)
    assert all(total.unexplained == 0 for total in report.pnl.totals)
    for values, sd_exact in ((captured, expected.capture_sd), (carried, expected.carry_sd)):
        sd, error = spread_out(values)
        assert abs(sd - sd_exact) < SURE * error, (quoter, sd, sd_exact, error)
        assert error < 0.1 * sd_exact, "enough paths to tell"
    assert abs(fmean(captured) - expected.moments.profit) < SURE * expected.capture_sd / sqrt(PATHS)
    assert abs(fmean(carried)) < SURE * expected.carry_sd / sqrt(PATHS)


def test_where_nobody_knows_anything_the_markout_is_the_captured_half_spread_after_whatever_time(
    reports: dict[Quoter, Report],
) -> None:
    report = reports[Quoter.SYMMETRIC]
    half_spread = float(distances_of(Quoter.SYMMETRIC, WORLD)(0, np.zeros(1))[0][0])

    for after_s in (0.0, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0):
        means = [p.mean_bps for c in by_path(report, after_s) for p in c.points if p.after_s == after_s]
        markouts = [mean / BPS * WORLD.start_price for mean in means if mean is not None]
        error = stdev(markouts) / sqrt(len(markouts))
        near = 0.01 * half_spread  # the mid is some per cent away from where it began, and bps are of the price
        assert abs(fmean(markouts) - half_spread) < SURE * error + near, (after_s, fmean(markouts), half_spread, error)


JUMP = 0.06  # of the mid, each second, up or down
INFORMED = 0.2


@pytest.mark.parametrize("half_spread", [INFORMED * JUMP, 2 * INFORMED * JUMP])
def test_where_the_spread_just_pays_for_what_takers_know_the_realised_spread_is_zero(
    database: Database, half_spread: float
) -> None:
    chance, ledger, seconds = np.random.default_rng(3), Ledger(), 200
    for path in range(100):
        jumps = 2 * chance.integers(0, 2, seconds) - 1
        mids = 100 + JUMP * np.concatenate([[0], np.cumsum(jumps)])
        knows = chance.random(seconds) < INFORMED
        wishes = np.where(knows, jumps, 2 * chance.integers(0, 2, seconds) - 1)
        fills = [(s, Side.SELL if wish > 0 else Side.BUY, half_spread) for s, wish in enumerate(wishes.tolist())]
        ledger.path(path, mids, fills)

    report = ledger.report(database)

    after = [told for spread in report.spreads for told in spread.after if told.after_s == LATER_S]
    realised = [told.realised_bps for told in after if told.realised_bps is not None]
    effective = [spread.effective_bps for spread in report.spreads if spread.effective_bps is not None]
    error = stdev(realised) / sqrt(len(realised))
    left_bps = 2 * (half_spread - INFORMED * JUMP) / 100 * BPS
    assert fmean(effective) == pytest.approx(2 * half_spread / 100 * BPS, rel=0.01)
    assert abs(fmean(realised) - left_bps) < SURE * error, (fmean(realised), left_bps, error)
    assert error < INFORMED * JUMP / 100 * BPS / 4, "enough paths to tell that nothing is left from half of it"

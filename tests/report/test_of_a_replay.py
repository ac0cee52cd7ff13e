"""The whole way to a report: what a replay has lived through is in its ledger, and the report tells it."""

from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from replenisher.config import load
from replenisher.report.audit import audit
from replenisher.report.ledger import read_ledger
from replenisher.report.pnl import unit_value
from replenisher.report.report import Report, read_report
from replenisher.store import history, queries, tables
from replenisher.store.database import Database
from replenisher.store.period import ALWAYS
from replenisher.wiring.replay_outcome import Outcome
from replenisher.wiring.replaying import replay

BLIND = Path(__file__).parents[2] / "bench" / "blind.yaml"
EXCHANGE = {"market": {"source": "synthetic", "informed_share": 0.0}, "seed": 1}
THERE_AND_BACK_MS = 4.0  # what paper trading takes for both ways


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Report]:
    room = tmp_path_factory.mktemp("replay") / "data"
    outcome = replay(load(BLIND, {"exchange": EXCHANGE}), minutes=0.7, directory=room, tell=lambda _word: None)
    with closing(Database(f"sqlite:///{room / 'replenisher.db'}")) as database:
        return outcome, database.read_beside(
            lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS)
        )


def test_every_fill_is_marked_and_its_curve_ends_where_the_life_does(lived: tuple[Outcome, Report]) -> None:
    outcome, report = lived

    (all_of_it,) = (curve for curve in report.markouts if curve.by == "all")
    assert (all_of_it.config_version, all_of_it.fills) == (outcome.version, outcome.fills)
    assert outcome.fills > 50
    known = [point.fills for point in all_of_it.points]
    assert known[0] == outcome.fills, "the market stood somewhere at each"
    assert known == sorted(known, reverse=True)
    assert known[-2:] == [0, 0], "nobody lived for another minute"
    assert [curve.key for curve in report.markouts if curve.by in ("level", "strategy")] == ["blind", "0"]


def test_how_it_ended_is_told_as_of_a_daemon(lived: tuple[Outcome, Report]) -> None:
    outcome, report = lived

    (life,) = report.lives
    assert (life.outcome, life.exit_code, life.reason) == ("verified flat", outcome.exit_code, "the replay is over")


def test_equity_has_one_point_at_a_time(lived: tuple[Outcome, Report]) -> None:
    _, report = lived

    (curve,) = report.curves.equity
    assert len(curve.at) > 50
    assert list(curve.at) == sorted(set(curve.at))
    assert curve.total[-1] == float(report.pnl.totals[0].total)


def test_a_replay_counts_what_is_open_at_the_mark_and_a_report_at_the_mid(lived: tuple[Outcome, Report]) -> None:
    outcome, report = lived
    ((name, held),) = outcome.positions.items()
    ((currency, at_mark),) = outcome.pnl_at_mark.items()

    with closing(Database(f"sqlite:///{outcome.data_directory}/replenisher.db")) as database:
        (key,) = database.read(history.account_keys)
        instrument = database.read(lambda connection: queries.instruments(connection, key.venue))[name]
        mid = database.read(newest_mark)

    (total,) = report.pnl.totals
    moved = unit_value(instrument, outcome.marks[name]) - unit_value(instrument, mid)
    assert held != 0
    assert total.currency == currency
    assert at_mark - total.total == pytest.approx(held * moved, abs=Decimal("1e-8"))


def newest_mark(connection: Connection) -> Decimal:
    c = tables.marks.c
    mid: Decimal = connection.execute(select(c.mid).order_by(c.step.desc()).limit(1)).scalar_one()
    return mid


def test_what_is_captured_is_what_is_quoted_and_is_less_than_what_the_others_show(
    lived: tuple[Outcome, Report],
) -> None:
    _, report = lived

    (spread,) = report.spreads
    assert spread.effective_bps is not None and spread.quoted_bps is not None
    assert spread.effective_bps == pytest.approx(2 * 0.58, abs=0.1)
    assert spread.quoted_bps > spread.effective_bps
    assert spread.two_sided > 0.9 * spread.fills
    assert spread.own_quoted_bps == pytest.approx(2 * 0.58, abs=0.1)


def test_a_quote_is_on_the_book_after_both_ways_of_the_wire(lived: tuple[Outcome, Report]) -> None:
    outcome, report = lived

    placed = sum(each.working for each in report.latency if each.request == "place")
    amended = sum(each.working + each.refused for each in report.latency if each.request == "amend")
    assert (placed, amended) == (outcome.orders - outcome.rejected, outcome.amends)
    assert {each.intent for each in report.latency} == {"quote", "refill"}
    for each in report.latency:
        assert each.p50_ms == each.p99_ms == THERE_AND_BACK_MS
        assert each.unanswered == 0


SPOT = """
version: 1
mode: paper
venues: {deribit: {adapter: deribit, rate_limit_per_s: 30, rate_limit_burst: 100}}
exchange:
  venue: deribit
  seed: 7
  market: {source: synthetic}
  instruments: {BTC_USDC: {}}
  balances: {BTC: "5", USDC: "300000"}
  latency: {request_ms: 2, response_ms: 2}
  rate: {per_s: 30, burst: 100}
  fees: {maker_bps: 1, taker_bps: 5}
risk: {max_position_quote: 100000, max_order_quote: 5000, max_open_orders: 20, max_daily_loss_quote: 5000,
       price_collar_bps: 200}
strategies:
  - {id: core, strategy: pure_mm, venue: deribit, instrument: BTC_USDC, size_unit: quote, order_amount: 1000,
     order_levels: 3, bid_spread_bps: 1, ask_spread_bps: 1, level_spacing_bps: 1, fair_value: {source: mid}}
"""


def test_on_a_spot_market_a_replay_tells_what_was_bought_and_what_that_brought(tmp_path: Path) -> None:
    (tmp_path / "spot.yaml").write_text(SPOT)

    outcome = replay(load(tmp_path / "spot.yaml"), minutes=1, directory=tmp_path / "data", tell=lambda _word: None)

    with closing(Database(f"sqlite:///{tmp_path / 'data' / 'replenisher.db'}")) as database:
        report = database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))
        mid = database.read(newest_mark)
    bought, mark = outcome.positions["BTC_USDC"], outcome.marks["BTC_USDC"]
    held = bought - outcome.fees["BTC"]  # which it takes of the coins
    (total,) = report.pnl.totals
    assert outcome.pnl_at_mark["BTC"] == held - bought != 0
    assert (total.currency, report.curves.held[0].position[-1]) == ("USDC", float(held))
    assert outcome.pnl_at_mark["USDC"] - total.total == bought * mark - held * mid


def test_the_books_of_a_desk_that_began_without_a_coin_agree(tmp_path: Path) -> None:
    """The exchange writes nothing of a currency before somebody has some, and yet tells its balance, which is 0."""
    (tmp_path / "spot.yaml").write_text(SPOT.replace('BTC: "5", ', ""))
    config = load(tmp_path / "spot.yaml")

    replay(config, minutes=1, directory=tmp_path / "data", tell=lambda _word: None)

    ledger = read_ledger(tmp_path / "data" / "exchange.ledger", config.venues["deribit"].account)
    with closing(Database(f"sqlite:///{tmp_path / 'data' / 'replenisher.db'}")) as database:
        (key,) = database.read(history.account_keys)
        found = database.read(lambda connection: audit(connection, key, ledger))
    assert found.fills > 0
    assert found.differences == ()

from collections.abc import Callable
from pathlib import Path

import pytest

from replenisher.backtest.connection import ROUND_TRIPS
from replenisher.errors import ConfigurationError
from replenisher.exchange import ledger
from replenisher.model.event import BookChanged, InstrumentDefined, TradePrinted
from replenisher.model.step import Step
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.run import START
from replenisher.store.tape.writer import TapeWriter
from tests.backtest.given import Happened, config_of, fills_of, lived, replayed, written
from tests.store import tapes

LADDER = {
    "id": "core",
    "venue": "deribit",
    "instrument": "BTC-PERPETUAL",
    "size_unit": "quote",
    "order_amount": 1000,
    "order_levels": 3,
    "level_spacing_bps": 4,
    "inventory": {"skew": "both", "skew_factor": 0.5},
    "fair_value": {"source": "mid"},
    "refill": {"mode": "per_level", "delay_s": 0, "max_per_minute": 30},
    "amend": "auto",
}
BTCUSDT = "binance_l2/usdm_btcusdt_20240808.jsonl.gz"


@pytest.mark.parametrize("name", ["paper.yaml", "simulate.yaml", "glft.yaml", "avellaneda_stoikov.yaml"])
def test_a_replay_of_an_order_flow_is_the_daemon_on_virtual_time_fill_for_fill(name: str, tmp_path: Path) -> None:
    config = config_of(name, seed=11)

    replay, life = replayed(config, 45), lived(config, 45, tmp_path)

    assert fills_of(life) > 0
    assert replay == life


def test_so_it_is_where_requests_wait_for_credits(tmp_path: Path) -> None:
    """The quotes follow each move of the touch, which takes more than the 30 requests a second that there are."""
    quick = {"strategy": "top_of_book", "placement": "improve", "spread_bps": 3, "order_refresh_tolerance_bps": 0.2}
    config = config_of("paper.yaml", strategies=[{**LADDER, **quick}], seed=1)

    replay, life = replayed(config, 33), lived(config, 33, tmp_path)

    assert sum(isinstance(record, ledger.Amended) for record in life) > 25 * 33
    assert replay == life


@pytest.mark.parametrize("way_ms", [3, 40])
def test_so_it_is_with_latency_once_the_session_stands(way_ms: int, tmp_path: Path) -> None:
    config = config_of("paper.yaml", seed=11, latency={"request_ms": way_ms, "response_ms": way_ms})
    way_ns = way_ms * MS_NS
    ways = 2 * ROUND_TRIPS - 1  # until the venue knows that it does

    replay, life = replayed(config, 20, opens_at=START + ways * way_ns), lived(config, 20, tmp_path, way_ns)

    assert fills_of(life) > 10
    assert replay == life


def test_several_instruments_halts_funding_and_settlements_are_replayed_as_they_are_lived(tmp_path: Path) -> None:
    config = config_of("simulate-wide.yaml")

    replay, life = replayed(config, 260), lived(config, 260, tmp_path)

    assert fills_of(life) > 3
    assert replay == life


def test_a_replay_of_a_recording_is_the_daemon_on_virtual_time_fill_for_fill(
    recordings: Callable[[str], Path], tmp_path: Path
) -> None:
    config, whole_s = config_of("replay.yaml", recordings(BTCUSDT)), 345

    replay, life = replayed(config, whole_s), lived(config, whole_s, tmp_path)

    assert fills_of(life) > 600
    assert replay == life


def test_what_is_marked_at_a_fill_is_what_the_daemon_marks(recordings: Callable[[str], Path], tmp_path: Path) -> None:
    """Where the others stood, and what we showed ourselves."""
    config = config_of("replay.yaml", recordings(BTCUSDT))
    steps: list[Step] = []

    replayed(config, 30, steps)
    lived(config, 30, tmp_path)

    marks, theirs = (
        [m for s in each for m in s.marks if not m.mids] for each in (steps, written(tmp_path / "journal"))
    )
    assert len(marks) > 10
    assert all(mark.own_bid is not None and mark.own_ask is not None for mark in marks)
    assert marks == theirs


def test_nothing_rests_where_the_recorder_of_a_tape_did_not_run(tmp_path: Path) -> None:
    """It recorded for a minute, and again for one 200 s after its beginning."""
    begin, again = tapes.START, tapes.START + 200 * SECOND_NS
    defined = InstrumentDefined(at=begin, instrument=tapes.LINEAR)
    path = tapes.written(tmp_path / "gap.tape", [defined, *tapes.linear_minute(begin)])
    writer = TapeWriter.append(path, again)
    for fact in tapes.linear_minute(again):
        writer.write(fact)
    writer.close()

    replay = replayed(config_of("replay.yaml", path), 210)

    ended, resumed = START + 59 * SECOND_NS, START + 200 * SECOND_NS
    placed = {record.order_id: record.at for record in replay if isinstance(record, ledger.Order)}
    first = {order_id for order_id, at in placed.items() if at < resumed}
    closed_at = {record.order_id: record.at for record in replay if isinstance(record, ledger.Closed)}
    assert len(first) > 1 and len(placed) > len(first)
    assert max(closed_at[order_id] for order_id in first) == ended


def test_what_a_tape_has_at_one_time_is_one_step(recordings: Callable[[str], Path]) -> None:
    steps: list[Step] = []

    replayed(config_of("replay.yaml", recordings(BTCUSDT)), 10, steps)

    told: dict[int, int] = {}  # steps with what the market did of itself, by its time
    for step in steps:
        venue_times = {event.venue_time for event in step.events if isinstance(event, TradePrinted)}
        for venue_time in venue_times:
            told[venue_time] = told.get(venue_time, 0) + 1
    assert len(told) > 100
    assert max(told.values()) == 1
    assert any(sum(isinstance(event, BookChanged | TradePrinted) for event in step.events) > 5 for step in steps)


def test_the_same_past_has_the_same_outcome() -> None:
    config = config_of("paper.yaml", seed=3, latency={"request_ms": 3, "response_ms": 1.5})

    assert replayed(config, 20) == replayed(config, 20)


SAMPLED = {"sampled": {"request_ms": [1, 2, 80], "response_ms": [0.5, 1, 40]}}


def test_latency_makes_another_past() -> None:
    latencies = ({"request_ms": 0, "response_ms": 0}, {"request_ms": 60, "response_ms": 60}, {"model": SAMPLED})

    near, far, sampled = (replayed(config_of("paper.yaml", latency=latency), 30) for latency in latencies)

    assert near != far
    assert far != sampled != near
    assert sampled == replayed(config_of("paper.yaml", latency={"model": SAMPLED}), 30)


def test_latency_may_be_that_of_the_tape_itself(recordings: Callable[[str], Path]) -> None:
    def of(model: object) -> list[Happened]:
        latency = {"request_ms": 0, "response_ms": 0, "model": model}
        return replayed(config_of("replay.yaml", recordings(BTCUSDT), latency=latency), 20)

    assert of({"feed": {"request_times": 0, "response_times": 0}}) == of("constant")
    assert of({"feed": {"request_times": 3, "response_times": 3}}) != of("constant")


def test_an_order_flow_has_no_latency_of_its_own() -> None:
    with pytest.raises(ConfigurationError, match="only a recorded market knows how long its messages took"):
        config_of("paper.yaml", latency={"model": {"feed": {}}})

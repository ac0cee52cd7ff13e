"""Prices from elsewhere in a replay: of tickers as the daemon hears them, and over HTTP as the operator says."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from replenisher.config import Config
from replenisher.exchange import ledger
from replenisher.model.event import BookChanged, BookSnapshot, InstrumentDefined, PriceTold, TickerTold, TradePrinted
from replenisher.model.order import Side
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.run import START
from tests.backtest.given import CONFIGS, config_of, fills_of, lived, replayed
from tests.backtest.test_replay import with_gaps
from tests.store import tapes

Fact = TypeVar("Fact")
BTCUSDT = "binance_l2/usdm_btcusdt_20240808.jsonl.gz"
ALONE_ON = tapes.LINEAR.key
OF_THE_FUTURE = "venue: deribit, instrument: BTC-24SEP27"
COMPOSITE = (
    "{source: composite, outlier_bps: 20, min_legs: 2, legs: ["
    "{venue: deribit, instrument: BTC-PERPETUAL, of: mark, max_age_ms: 1000}, "
    f"{{{OF_THE_FUTURE}, of: index}}, {{{OF_THE_FUTURE}, of: mark}}, {{{OF_THE_FUTURE}}}]}}"
)


def going_by(folder: Path, name: str, old: str, new: str, tape: Path | None = None, more: str = "") -> Config:
    """A shipped configuration that goes by another price."""
    text, written = (CONFIGS / name).read_text(), folder / name
    assert text.count(old) == 1
    written.write_text(text.replace(old, new) + more)
    return config_of(str(written), tape, seed=11)


def told(steps: list[Step], kind: type[Fact]) -> list[Fact]:
    return [event for step in steps for event in step.events if isinstance(event, kind)]


@pytest.mark.parametrize(
    ("name", "old", "new", "seconds"),
    [
        ("paper.yaml", "{source: mid}", "{source: index}", 20),
        ("paper.yaml", "{source: mid}", "{source: mark}", 20),
        ("paper.yaml", "{source: mid}", "{source: mid, funding_shift: 0.5}", 20),
        ("simulate-wide.yaml", "{source: micro}", COMPOSITE, 130),
    ],
    ids=["index", "mark", "funding", "composite"],
)
def test_what_a_ticker_tells_is_quoted_by_as_in_the_daemon_on_virtual_time(
    name: str, old: str, new: str, seconds: float, tmp_path: Path
) -> None:
    config = going_by(tmp_path, name, old, new)
    steps: list[Step] = []

    replay, life = replayed(config, seconds, steps), lived(config, seconds, tmp_path)

    assert len(told(steps, TickerTold)) > 100
    assert fills_of(life) > 0
    assert replay == life


def test_so_it_is_on_a_recording_with_gaps(recordings: Callable[[str], Path], tmp_path: Path) -> None:
    tape = with_gaps(recordings(BTCUSDT), tmp_path / "gaps.tape")
    config = going_by(tmp_path, "replay.yaml", "{source: mid}", "{source: mark}", tape)

    replay, life = replayed(config, 60), lived(config, 60, tmp_path)

    assert fills_of(life) > 5
    assert replay == life


def test_who_makes_the_whole_market_goes_on_when_the_others_leave_and_is_traded_with(tmp_path: Path) -> None:
    begin = tapes.START
    left, came, still = (begin + seconds * SECOND_NS for seconds in (5, 20, 40))
    facts = [
        InstrumentDefined(at=begin, instrument=tapes.LINEAR),
        BookSnapshot(at=begin, instrument=ALONE_ON, venue_time=begin, bids=((599_900, 9),), asks=((600_100, 9),)),
        BookChanged(at=left, instrument=ALONE_ON, venue_time=left, bids=((599_900, 0),), asks=((600_100, 0),)),
        TradePrinted(
            at=came, instrument=ALONE_ON, venue_time=came, trade_id="1", price=600_400, quantity=100, taker=Side.BUY
        ),
        BookChanged(at=still, instrument=ALONE_ON, venue_time=still, bids=(), asks=((700_000, 9),)),
    ]
    tape = tapes.written(tmp_path / "alone.tape", facts)
    by_price = "{source: fixed, price: 60000, when_alone: quote}"
    config = going_by(tmp_path, "replay.yaml", "{source: mid}", by_price, tape)

    replay, life = replayed(config, 39), lived(config, 39, tmp_path)

    assert replay == life
    assert fills_of(replay) == 5, "all five offers"
    filled_at = next(record.at for record in replay if isinstance(record, ledger.Trade))
    refills = [each for each in replay if isinstance(each, ledger.Order) and each.at >= filled_at]
    assert len(refills) == 5
    ended_at = [record.at for record in replay if isinstance(record, ledger.Closed)]
    assert all(at >= filled_at for at in ended_at), "nothing was pulled meanwhile"


def test_a_price_over_http_that_is_held_is_a_fixed_one(tmp_path: Path) -> None:
    source = '\nprice_sources: {desk: {url: "http://127.0.0.1:1/", field: price, poll_ms: 400}}\n'
    (tmp_path / "fixed").mkdir()
    asked = going_by(tmp_path, "paper.yaml", "{source: mid}", "{source: http, http: desk}", more=source)
    fixed = going_by(tmp_path / "fixed", "paper.yaml", "{source: mid}", "{source: fixed, price: 60010}")
    steps: list[Step] = []

    held = replayed(asked, 10, steps, prices={"desk": 60_010})

    prices = told(steps, PriceTold)
    assert {price.price for price in prices} == {60_010}
    assert [price.at - START for price in prices if price.at <= START + 2 * SECOND_NS] == [
        place * 400_000_000 for place in range(6)
    ]
    assert fills_of(held) > 0
    assert held == replayed(fixed, 10)

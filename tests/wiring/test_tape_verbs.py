"""A recording of any form becomes a tape, whole or in part, with all that is wrong with it said; or there is none."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replenisher.errors import ConfigurationError, UsageError
from replenisher.model.event import BookSnapshot, FeedLost, InstrumentDefined
from replenisher.model.units import SECOND_NS
from replenisher.store.tape.blocks import HEAD_BYTES
from replenisher.store.tape.reader import Tape
from replenisher.wiring import tape_verbs
from replenisher.wiring.tapes import facts_of, opened
from tests.store.tapes import KEY, START, change, market, trade, written

Recordings = Callable[[str], Path]
RECORDED = [
    "tardis_csv/binance-futures_book_snapshot_25_BTCUSDT.csv",
    "tardis_csv/binance-futures_book_snapshot_5_BTCUSDT.csv",
    "tardis_csv/bitmex_trades_XBTUSD.csv",
    "tardis_csv/deribit_incremental_book_L2_BTC-PERPETUAL.csv",
    "tardis_csv/huobi-dm-swap_quotes_BTC-USD.csv",
    "binance_l2/usdm_btcusdt_20240808.jsonl.gz",
]
PLACES = ("path", "form", "bytes", "blocks", "torn_bytes", "changes_again")


def silence(_: str) -> None:
    pass


def convert(source: Path, out: Path, since: str | None = None, until: str | None = None) -> dict[str, Any]:
    return tape_verbs.convert(source, out, since=since, until=until, say=silence)


def in_room(room: Path) -> list[str]:
    return sorted(path.name for path in room.iterdir())


def facts_alone(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in PLACES}


@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_becomes_a_tape_that_tells_the_same(recordings: Recordings, tmp_path: Path, name: str) -> None:
    source, out = recordings(name), tmp_path / "new.tape"

    found = convert(source, out)

    assert list(Tape(out).facts()) == list(facts_of(opened(source)))
    assert in_room(tmp_path) == ["new.tape"]
    of_tape, of_source = tape_verbs.info(out, silence), tape_verbs.info(source, silence)
    source_was = {"path": str(source), "form": of_source["form"], "torn_bytes": 0, "changes_again": 0}
    assert found == {"source": source_was, **of_tape}
    assert facts_alone(of_tape) == facts_alone(of_source)
    assert of_tape["bytes"] == out.stat().st_size


def line(at_s: float, content: object) -> str:
    return f"{START + round(at_s * SECOND_NS)} {json.dumps(content)}\n"


def depth(at_s: float, first: int, last: int, bid: str = "99.0") -> str:
    at_ms = (START + round(at_s * SECOND_NS)) // 1_000_000
    data = {"E": at_ms, "s": "BTCUSDT", "U": first, "u": last, "b": [[bid, "1.0"]], "a": [["100.0", "1.0"]]}
    return line(at_s, {"stream": "btcusdt@depth", "data": data})


def snapshot(at_s: float, last: int) -> str:
    return line(at_s, {"lastUpdateId": last, "bids": [["98.0", "1.0"]], "asks": [["101.0", "1.0"]]})


def test_gaps_and_disorder_of_lines_are_on_the_tape_and_said(tmp_path: Path) -> None:
    source = tmp_path / "lines.jsonl"
    source.write_text(
        snapshot(0, 5)
        + depth(1, 4, 6)
        + depth(2, 9, 10)  # two updates are missing
        + snapshot(4, 10)
        + depth(5, 10, 11)
        + depth(3, 12, 12, bid="100.5")  # recorded before, and it crosses the book
    )

    found = convert(source, tmp_path / "new.tape")

    (gap,) = found["gaps"]
    assert gap["instrument"] == "binance/BTCUSDT" and gap["reason"] == "update 9 does not follow 6"
    assert gap["seconds"] == 3
    disorder = {kind: count for kind, count in found["disorder"].items() if count}
    assert disorder == {
        "clock_back": 1,
        "clock_back_s_max": 2,
        "book_time_back": 1,
        "book_time_back_s_max": 2,
        "crossed": 1,
    }
    assert [type(fact) for fact in Tape(tmp_path / "new.tape").facts()].count(FeedLost) == 1


def test_a_change_of_a_book_that_is_told_again_is_left_out_and_said(tmp_path: Path) -> None:
    source = tmp_path / "lines.jsonl"
    once = snapshot(0, 5) + depth(1, 4, 6) + depth(2, 7, 8)
    source.write_text(once + depth(2, 7, 8) + depth(3, 7, 8) + depth(4, 9, 9))

    found = convert(source, tmp_path / "new.tape")

    assert found["source"]["changes_again"] == tape_verbs.info(source, silence)["changes_again"] == 2
    assert found["changes_again"] == tape_verbs.info(tmp_path / "new.tape", silence)["changes_again"] == 0
    assert found["facts"]["BookChanged"] == 3
    assert found["gaps"] == []


def test_a_part_of_a_tape_begins_with_what_stood_then(tmp_path: Path) -> None:
    source = written(tmp_path / "old.tape", market(30))

    convert(source, tmp_path / "new.tape", since="2026-05-28T20:26:50Z", until="2026-05-28T20:26:55")

    facts = list(Tape(tmp_path / "new.tape").facts())
    begin, end = START + 10 * SECOND_NS, START + 15 * SECOND_NS
    assert [type(fact) for fact in facts[:2]] == [InstrumentDefined, BookSnapshot]
    assert facts[2:] == [fact for fact in market(30) if begin <= fact.at < end]


def test_a_part_that_begins_in_a_gap_begins_with_it(tmp_path: Path) -> None:
    lost = FeedLost(at=START + 8 * SECOND_NS, instrument=KEY, reason="a socket ended")
    before = [fact for fact in market(30) if fact.at < lost.at]
    begin, back = START + 90 * SECOND_NS, START + 95 * SECOND_NS  # a minute has passed: a key is in between
    after = [change(begin - SECOND_NS), BookSnapshot(at=back, instrument=KEY, venue_time=back, bids=(), asks=())]
    source = written(tmp_path / "old.tape", [*before, lost, trade(START + 80 * SECOND_NS, "x"), *after])

    found = convert(source, tmp_path / "new.tape", since="2026-05-28T20:28:10Z")

    (gap,) = found["gaps"]
    assert (gap["at"], gap["reason"], gap["seconds"]) == (found["begins"], "a socket ended", 5)
    told = list(Tape(tmp_path / "new.tape").facts())
    assert [type(fact) for fact in told] == [InstrumentDefined, FeedLost, BookSnapshot]


@pytest.mark.parametrize(
    ("seconds", "since", "until"),
    [
        (30, "2030-01-01", None),
        (30, None, "2020-01-01"),
        (30, "2020-01-01", "2021-01-01"),
        (30, "2026-05-28T20:26:50.001Z", "2026-05-28T20:26:50.002Z"),  # between two changes
        (30, "2026-05-28T20:26:55Z", "2026-05-28T20:26:50Z"),
        (0, None, None),
    ],
)
def test_of_a_time_in_which_nothing_was_recorded_no_tape_is_made(
    tmp_path: Path, seconds: int, since: str | None, until: str | None
) -> None:
    source = written(tmp_path / "old.tape", market(seconds) if seconds else [])

    with pytest.raises((ConfigurationError, UsageError), match=r"there is nothing on it|is not before"):
        convert(source, tmp_path / "new.tape", since, until)

    assert in_room(tmp_path) == ["old.tape"]


def test_a_torn_tape_is_read_as_far_as_it_is_whole_and_that_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "torn.tape", market(30))
    path.write_bytes(path.read_bytes()[:-7])

    found = tape_verbs.info(path, silence)

    last = Tape(written(tmp_path / "whole.tape", market(30))).heads[-1]
    assert found["torn_bytes"] == last.end - last.offset - 7
    assert sum(found["facts"].values()) == len(market(30)) - last.facts
    mended = convert(path, tmp_path / "mended.tape")
    assert (mended["source"]["torn_bytes"], mended["torn_bytes"]) == (found["torn_bytes"], 0)
    assert mended["facts"] == found["facts"]


def test_a_tape_that_was_gzipped_says_the_same(tmp_path: Path) -> None:
    plain, packed = written(tmp_path / "a.tape", market(20)), tmp_path / "a.tape.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    told, as_it_was = tape_verbs.info(packed, silence), tape_verbs.info(plain, silence)
    convert(packed, tmp_path / "b.tape")

    assert told["form"] == "a tape"
    assert told["bytes"] == packed.stat().st_size
    assert facts_alone(told) == facts_alone(as_it_was)
    assert (tmp_path / "b.tape").read_bytes() == plain.read_bytes()


def test_what_fails_halfway_leaves_nothing(tmp_path: Path) -> None:
    source = written(tmp_path / "old.tape", market(30))
    damaged = bytearray(source.read_bytes())
    damaged[-1] ^= 0xFF
    source.write_bytes(damaged)

    with pytest.raises(ConfigurationError, match=r"old\.tape, byte [\d,]+: "):
        convert(source, tmp_path / "new.tape")

    assert in_room(tmp_path) == ["old.tape"]


def test_a_file_that_appeared_meanwhile_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replenisher.wiring.tapes.SAYS_EVERY_S", 0)  # else nothing is said of so short a tape
    source, out = written(tmp_path / "old.tape", market(30)), tmp_path / "new.tape"

    def somebody_is_faster(_: str) -> None:
        out.write_bytes(b"precious")

    with pytest.raises(ConfigurationError, match="there is a file of that name already"):
        tape_verbs.convert(source, out, since=None, until=None, say=somebody_is_faster)

    assert out.read_bytes() == b"precious"
    assert in_room(tmp_path) == ["new.tape", "old.tape"]


def test_what_stands_before_the_place_where_a_recording_is_cut_off_can_be_saved(tmp_path: Path) -> None:
    whole = "".join(
        [snapshot(0, 5), depth(1, 4, 6), depth(2, 7, 8), *(depth(at, at + 6, at + 6) for at in range(3, 900))]
    )
    source = tmp_path / "lines.jsonl.gz"
    source.write_bytes(gzip.compress(whole.encode())[:-400])

    for read in (lambda: convert(source, tmp_path / "all.tape"), lambda: tape_verbs.info(source, silence)):
        with pytest.raises(ConfigurationError, match="the file is cut off or corrupt from here on") as refused:
            read()
        told = re.search(rf"`replenisher tape convert {source} NEW --until (\S+)` makes", str(refused.value))
        assert told is not None
    everything = convert(source, tmp_path / "most.tape", until=told[1])
    found = convert(source, tmp_path / "part.tape", until="2026-05-28T20:26:45Z")

    assert everything["seconds"] > 600
    assert (found["seconds"], found["gaps"]) == (3, [])
    assert [fact.venue_time for fact in Tape(tmp_path / "part.tape").facts() if isinstance(fact, BookSnapshot)]


@pytest.mark.parametrize("place", [0, HEAD_BYTES], ids=["in its head", "in what it holds"])
def test_what_stands_before_a_damaged_block_of_a_tape_can_be_saved(tmp_path: Path, place: int) -> None:
    source = written(tmp_path / "old.tape", market(200))
    whole, (*_, before, broken, _) = list(Tape(source).facts()), Tape(source).heads
    damaged = bytearray(source.read_bytes())
    damaged[broken.offset + place] ^= 0xFF
    source.write_bytes(damaged)

    with pytest.raises(ConfigurationError, match=rf"byte {broken.offset:,}: .*; `replenisher tape convert") as refused:
        tape_verbs.info(source, silence)
    told = re.search(rf"`replenisher tape convert {source} NEW --until (\S+)` makes", str(refused.value))
    assert told is not None
    found = convert(source, tmp_path / "most.tape", until=told[1])

    saved = list(Tape(tmp_path / "most.tape").facts())
    assert saved == whole[: len(saved)]
    assert before.first_at < saved[-1].at <= before.last_at
    assert found["source"]["torn_bytes"] == 0


def test_so_can_what_stands_before_a_damaged_row(tmp_path: Path) -> None:
    source = tmp_path / "trades.csv"
    row = "bitmex,XBTUSD,{0},{0},{1},buy,60000,100\n"
    begin_us = START // 1000
    source.write_text(
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
        + row.format(begin_us, "a")
        + row.format(begin_us + 1_000_000, "b")
        + row.format(begin_us + 2_000_000, "c")
        + row.format(begin_us + 3_000_000, "d")[:-5]
    )

    with pytest.raises(ConfigurationError, match="line 5: it is cut off"):
        convert(source, tmp_path / "all.tape")
    found = convert(source, tmp_path / "part.tape", until="2026-05-28T20:26:42Z")

    assert found["facts"] == {"InstrumentDefined": 1, "TradePrinted": 2}

"""The recorder of tapes on the simulated exchange, over real sockets: nothing is ordered, and what it hears is kept."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, InstrumentDefined, TickerTold, TradePrinted
from replenisher.model.units import SECOND_NS
from replenisher.report.tape import Inspection, TapeInfo
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.reader import Tape
from tests.live.terminal import Terminal
from tests.stories.desk import PAPER, Desk, Process, fills, orders_asked_for
from tests.stories.wire import Wire
from tests.waiting import LIFE_S, until

Fact = TypeVar("Fact", bound=TapeFact)
Levels = dict[int, int]  # lots by ticks
NO_KEY = {"REPLENISHER_VENUES__DERIBIT__API_KEY": "nobody", "REPLENISHER_VENUES__DERIBIT__API_SECRET": "nothing"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "room")


@pytest.fixture
def listening(desk: Desk) -> Iterator[str]:
    """An exchange that runs, and its URL; the key with which the desk would come is wrong."""
    with desk.exchange() as (_, url):
        desk.variables |= NO_KEY
        desk.connect(url)
        yield url


@pytest.fixture(scope="module", autouse=True)
def unanswered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Path]]:
    """A recorder that nobody answers, and that takes its time to say so: it begins before all others."""
    desk = Desk(tmp_path_factory.mktemp("unanswered"))
    desk.connect("ws://127.0.0.1:9/ws/api/v2")
    path = desk.room / "none.tape"
    with desk.running("record", PAPER, "--out", path) as recorder:
        yield recorder, path


@pytest.fixture(scope="module", autouse=True)
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Path]]:
    """A recorder whose key is refused; it takes its time as well."""
    desk = Desk(tmp_path_factory.mktemp("refused"))
    path = desk.room / "none.tape"
    with desk.exchange() as (_, url):
        desk.variables |= NO_KEY
        desk.connect(url)
        with desk.running("record", PAPER, "--out", path, "--raw") as recorder:
            yield recorder, path


def through_ccxt(room: Path) -> Path:
    config = room / "ccxt.yaml"
    config.write_text(PAPER.read_text().replace("    adapter: deribit\n", "    adapter: ccxt\n    exchange: deribit\n"))
    return config


def on_tape(path: Path) -> list[TapeFact]:
    """What is on it so far."""
    return list(Tape(path).facts()) if path.exists() and path.stat().st_size else []


def told(path: Path, kind: type[Fact]) -> list[Fact]:
    return [fact for fact in on_tape(path) if isinstance(fact, kind)]


def inspected(path: Path) -> TapeInfo:
    inspection = Inspection()
    for fact in on_tape(path):
        inspection.see(fact)
    return inspection.info()


def until_told(recorder: Process, path: Path, kind: type[TapeFact], count: int) -> None:
    recorder.until(f"{count} {kind.__name__} are on the tape", lambda: len(told(path, kind)) >= count)


def test_two_recorders_through_two_adapters_hear_the_same_trades_and_no_key_is_used(
    desk: Desk, listening: str, tmp_path: Path
) -> None:
    raw, unified = tmp_path / "deribit.tape", tmp_path / "ccxt.tape"
    with (
        desk.running("record", PAPER, "--out", raw) as by_us,
        desk.running("record", through_ccxt(tmp_path), "--out", unified) as by_ccxt,
    ):
        until_told(by_ccxt, unified, TradePrinted, 40)
        until_told(by_us, raw, TradePrinted, 40)
        ended = [by_ccxt.stop(), by_us.stop(signal.SIGINT)]

    assert [(each.code, each.stderr) for each in ended] == [(0, "")] * 2
    assert not [line for line in desk.ledger() if line["type"] == "request"]
    heard = [
        {trade.trade_id: (trade.price, trade.quantity, trade.taker) for trade in told(path, TradePrinted)}
        for path in (raw, unified)
    ]
    both = heard[0].keys() & heard[1].keys()
    assert len(both) > 20
    assert {trade: heard[0][trade] for trade in both} == {trade: heard[1][trade] for trade in both}
    for path in (raw, unified):
        found = inspected(path)
        assert (found.gaps, found.disorder.is_any) == ([], False)
        assert told(path, BookSnapshot) and told(path, BookChanged)
    assert told(raw, TickerTold)
    assert told(raw, InstrumentDefined)[0].instrument.tick == told(unified, InstrumentDefined)[0].instrument.tick


def books_by_time(path: Path) -> dict[int, tuple[Levels, Levels]]:
    """The book after all that was told of each of the venue's milliseconds."""
    books: dict[int, tuple[Levels, Levels]] = {}
    bids, asks = dict[int, int](), dict[int, int]()
    for fact in on_tape(path):
        if not isinstance(fact, BookSnapshot | BookChanged):
            continue
        if isinstance(fact, BookSnapshot):
            bids, asks = {}, {}
        for side, changes in ((bids, fact.bids), (asks, fact.asks)):
            side |= dict(changes)
        books[fact.venue_time] = (_shown(bids), _shown(asks))
    return books


def _shown(side: Levels) -> Levels:
    return {price: quantity for price, quantity in side.items() if quantity}


def test_a_key_that_may_only_read_hears_each_change_that_the_public_hears_gathered(desk: Desk, tmp_path: Path) -> None:
    raw, gathered = tmp_path / "raw.tape", tmp_path / "gathered.tape"
    desk.variables["REPLENISHER_EXCHANGE__KEY_SCOPE"] = "trade:read"
    with desk.exchange() as (_, url):
        desk.connect(url)
        with (
            desk.running("record", PAPER, "--out", gathered) as in_public,
            desk.running("record", PAPER, "--out", raw, "--raw") as logged_in,
        ):
            until_told(in_public, gathered, BookChanged, 60)
            until_told(logged_in, raw, BookChanged, 200)
            ended = [logged_in.stop(), in_public.stop()]

    assert [(each.code, each.stderr) for each in ended] == [(0, "")] * 2
    assert not [line for line in desk.ledger() if line["type"] == "request"]
    for path in (raw, gathered):
        assert (inspected(path).gaps, inspected(path).disorder.is_any) == ([], False)
    each, some = books_by_time(raw), books_by_time(gathered)
    times = Counter(change.venue_time for change in told(raw, BookChanged))
    both = {at for at in each.keys() & some.keys() if times[at] == 1}  # of two in one millisecond one may come later
    assert len(both) > 20
    begin, end = min(both), max(both)
    count = [sum(begin <= change.venue_time <= end for change in told(path, BookChanged)) for path in (raw, gathered)]
    assert count[0] > 2 * count[1], "what was gathered for 100 ms is told change by change"
    assert {at: each[at] for at in both} == {at: some[at] for at in both}


def test_a_connection_that_breaks_is_a_gap_on_the_tape(desk: Desk, listening: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.tape"
    wire = Wire(listening)
    with wire.laid():
        desk.connect(wire.url)
        with desk.running("record", PAPER, "--out", path) as recorder:
            until_told(recorder, path, BookSnapshot, 1)
            wire.breaks_at = b'"book.BTC-PERPETUAL'
            until_told(recorder, path, BookSnapshot, 2)
            ended = recorder.stop()

    assert (ended.code, ended.stderr) == (0, "")
    (gap,) = inspected(path).gaps
    assert gap.seconds is not None and gap.seconds < 60
    assert wire.broken == 1


def test_a_connection_that_says_nothing_any_more_has_lost_its_book_since_its_last_word(
    desk: Desk, listening: str, tmp_path: Path
) -> None:
    path = tmp_path / "silent.tape"
    wire = Wire(listening)
    with wire.laid():
        desk.connect(wire.url)
        with desk.running("record", PAPER, "--out", path) as recorder:
            until_told(recorder, path, BookChanged, 5)
            wire.cut()
            until_told(recorder, path, FeedLost, 1)
            wire.mend()
            recorder.stop()

    facts = on_tape(path)
    lost = next(fact for fact in facts if isinstance(fact, FeedLost))
    last = [fact for fact in facts[: facts.index(lost)] if isinstance(fact, BookChanged | TradePrinted)][-1]
    assert lost.at - lost.heard_at > 5 * SECOND_NS, "so long it was waited for an answer"
    assert 0 <= lost.heard_at - last.at < SECOND_NS
    assert inspected(path).gaps[0].at == lost.heard_at


def test_a_recorder_that_is_killed_leaves_a_tape_and_the_next_one_goes_on_with_a_gap(
    desk: Desk, listening: str, tmp_path: Path
) -> None:
    path = tmp_path / "killed.tape"
    with desk.running("record", PAPER, "--out", path) as recorder:
        until_told(recorder, path, BookChanged, 20)
        recorder.send(signal.SIGKILL)
        recorder.wait()
    before = on_tape(path)

    with desk.running("record", PAPER, "--out", path, "--json") as recorder:
        until_told(recorder, path, BookSnapshot, sum(isinstance(fact, BookSnapshot) for fact in before) + 1)
        ended = recorder.stop()

    assert (ended.code, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    assert found["facts"]["BookSnapshot"] == 1
    after = on_tape(path)
    assert after[: len(before)] == before
    lost = after[len(before)]
    assert isinstance(lost, FeedLost) and lost.reason.startswith("nothing was recorded for ")
    assert len(inspected(path).gaps) == 1


def test_what_was_recorded_plays_as_a_market_of_its_own(desk: Desk, tmp_path: Path) -> None:
    """The exchange that `run` would start is started for the recorder, on books that are thrown away."""
    path = tmp_path / "paper.tape"
    with desk.running("record", PAPER, "--out", path) as recorder:
        until_told(recorder, path, TradePrinted, 60)
        assert recorder.stop().code == 0
    assert not desk.ledger_file.exists()
    assert not desk.data.exists()

    ended = desk.run("--tape", path, "--speed", "4")

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.summary["stop"]["reason"] == "the market has closed"
    assert orders_asked_for(desk)
    assert {fill["instrument"] for fill in fills(desk.ledger())} <= {"BTC-PERPETUAL"}
    desk.assert_books_agree()


def test_without_a_name_the_tape_is_in_the_data_directory(desk: Desk) -> None:
    with desk.running("record", PAPER) as recorder:
        recorder.until("a tape has a book", lambda: any(told(path, BookSnapshot) for path in desk.data.glob("tapes/*")))
        ended = recorder.stop()

    assert (ended.code, ended.stderr) == (0, "")
    (path,) = (desk.data / "tapes").iterdir()
    assert path.suffix == ".tape" and told(path, BookSnapshot)
    assert ended.stdout.startswith(f"{path}: ")


def test_a_recorder_says_on_a_terminal_how_far_it_is(desk: Desk, tmp_path: Path) -> None:
    terminal = Terminal(160, 10)
    command = [sys.executable, "-m", "replenisher", "record", PAPER, "--out", tmp_path / "seen.tape"]
    with terminal.opened() as theirs:
        recorder = subprocess.Popen(
            command, cwd=tmp_path, env=desk.environment() | {"TERM": "xterm"}, stdout=subprocess.PIPE, stderr=theirs
        )
        terminal.until_it_shows(" book changes, ", LIFE_S)
        until(lambda: told(tmp_path / "seen.tape", BookSnapshot), "a book is on the tape", LIFE_S)
        recorder.terminate()
        stdout, _ = recorder.communicate(timeout=LIFE_S)

    assert recorder.returncode == 0
    assert stdout.decode().startswith(f"{tmp_path / 'seen.tape'}: ")


def test_what_the_venue_does_not_offer_is_a_mistake_and_no_tape_is_left(
    desk: Desk, listening: str, tmp_path: Path
) -> None:
    config, path = tmp_path / "ether.yaml", tmp_path / "none.tape"
    config.write_text(PAPER.read_text().replace("instrument: BTC-PERPETUAL", "instrument: ETH-PERPETUAL"))

    ended = desk.command("record", config, "--out", path)

    assert ended.code == 78
    assert ended.stderr.startswith("replenisher: instrument deribit/ETH-PERPETUAL cannot be recorded: not offered: ")
    assert ended.stderr.count("\n") == 1
    assert not path.exists()


def test_where_nobody_answers_no_tape_is_left(unanswered: tuple[Process, Path]) -> None:
    recorder, path = unanswered

    ended = recorder.wait()

    assert ended.code == 75
    assert ended.stderr.startswith("replenisher: no book from deribit after 20 s: ")
    assert ended.stderr.count("\n") == 1
    assert not path.exists()


def test_a_key_that_is_refused_hears_nothing(refused: tuple[Process, Path]) -> None:
    recorder, path = refused

    ended = recorder.wait()

    assert ended.code == 75
    assert "refused the login: 13004 invalid_credentials" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not path.exists()


def test_where_nobody_has_answered_by_the_end_nothing_was_heard_and_no_tape_is_left(desk: Desk, tmp_path: Path) -> None:
    desk.connect("ws://127.0.0.1:9/ws/api/v2")

    ended = desk.command("record", PAPER, "--out", tmp_path / "none.tape", "--duration", "1", "--json")

    assert (ended.code, ended.stdout) == (75, "")
    assert ended.stderr.startswith("replenisher: no book from deribit after ")
    assert not (tmp_path / "none.tape").exists()

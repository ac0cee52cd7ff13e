"""The recorder over real sockets in one process: a book told twice begins nothing anew, one after a standstill does."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.small_exchange import QUIET
from replenisher.live.clock import SessionClock
from replenisher.live.tape_recorder import Recorder
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.report.tape import Inspection
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.reader import Tape
from replenisher.store.tape.writer import TapeWriter
from replenisher.venues.ccxt.carrier import Caller
from replenisher.venues.ccxt.client import Keys, client_of
from replenisher.venues.ccxt.link import Settings
from replenisher.venues.ccxt.venue import CcxtVenue
from replenisher.venues.venue import Carrier, Tasks
from tests.stories.test_deribit_venue_on_the_exchange import exchange_running
from tests.waiting import DEADLINE_S


class Jumping(SessionClock):
    """A clock that can go on as if the process had stood still."""

    __slots__ = ("jumped_ns",)

    def __init__(self) -> None:
        super().__init__()
        self.jumped_ns = 0

    def now(self) -> int:
        return super().now() + self.jumped_ns


async def recorded(
    path: Path, look: Callable[[Recorder, Jumping], None], *, has_streams: bool = True
) -> list[TapeFact]:
    """What is on a tape of a venue where nobody trades; what looks at the recorder now and then stops it."""
    clock, tape = Jumping(), TapeWriter.create(path)
    async with exchange_running(path.parent / "ledger.jsonl", SessionClock(), QUIET) as url:
        client = client_of("deribit", Keys("", ""), address=url)
        has = client.exchange.has if has_streams else {**client.exchange.has, "watchOrderBook": False}
        venue = CcxtVenue(
            name="deribit",
            exchange=replace(client.exchange, has=has),
            instruments=["BTC-PERPETUAL"],
            namespace="abc",
            random=lambda: 0.5,
            settings=Settings(poll_ns=50 * MS_NS, silence_ns=50 * MS_NS),
            only_listens=True,
        )

        def carrier(tasks: Tasks, hear: Callable[[Callable[[], None]], None], ended: Callable[[str], None]) -> Carrier:
            return Caller(tasks, client.of_ccxt, client.hosts, venue, hear, ended, clock.now)

        recorder = Recorder({"deribit": venue}, tape, clock)
        await recorder.record({"deribit": carrier}, duration_s=DEADLINE_S, refresh=lambda: look(recorder, clock))
        tape.close()
    return list(Tape(path).facts())


@pytest.mark.parametrize("has_streams", [True, False], ids=["by stream", "by asking"])
async def test_a_book_that_is_proven_again_and_again_is_one_book(tmp_path: Path, has_streams: bool) -> None:
    """Nobody trades, so that ccxt's adapter asks for the book all the time, and tells the whole of it each time."""

    def until_it_changed(recorder: Recorder, _: Jumping) -> None:
        if recorder.told[BookChanged.__name__] >= 5:
            recorder.stop()

    facts = await recorded(tmp_path / "quiet.tape", until_it_changed, has_streams=has_streams)

    assert len([fact for fact in facts if isinstance(fact, BookSnapshot)]) == 1
    changes = [fact for fact in facts if isinstance(fact, BookChanged)]
    assert len(changes) >= 5
    assert {(change.bids, change.asks) for change in changes} == {((), ())}
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)


async def test_a_book_is_lost_from_where_the_process_stood_still(tmp_path: Path) -> None:
    stood_still_s = 7

    def until_a_second_book(recorder: Recorder, clock: Jumping) -> None:
        books = recorder.told[BookSnapshot.__name__]
        if books == 1:
            clock.jumped_ns = stood_still_s * SECOND_NS
        elif books == 2:
            recorder.stop()

    facts = await recorded(tmp_path / "still.tape", until_a_second_book)

    inspection = Inspection()
    for fact in facts:
        inspection.see(fact)
    (gap,) = inspection.info().gaps
    [lost] = [fact for fact in facts if isinstance(fact, FeedLost)]
    assert lost.at - lost.heard_at >= stood_still_s * SECOND_NS
    assert gap.at == lost.heard_at
    assert gap.seconds is not None and gap.seconds >= stood_still_s
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)

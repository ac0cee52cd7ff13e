"""The recorder over real sockets in one process: what a venue tells twice begins no book anew."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.small_exchange import QUIET
from replenisher.live.clock import SessionClock
from replenisher.live.tape_recorder import Recorder
from replenisher.model.event import BookChanged, BookSnapshot
from replenisher.model.units import MS_NS
from replenisher.store.tape.reader import Tape
from replenisher.store.tape.writer import TapeWriter
from replenisher.venues.ccxt.carrier import Caller
from replenisher.venues.ccxt.client import Keys, client_of
from replenisher.venues.ccxt.link import Settings
from replenisher.venues.ccxt.venue import CcxtVenue
from replenisher.venues.venue import Carrier, Tasks
from tests.stories.test_deribit_venue_on_the_exchange import exchange_running
from tests.waiting import DEADLINE_S


@pytest.mark.parametrize("has_streams", [True, False], ids=["by stream", "by asking"])
async def test_a_book_that_is_proven_again_and_again_is_one_book(tmp_path: Path, has_streams: bool) -> None:
    """Nobody trades, so that ccxt's adapter asks for the book all the time, and tells the whole of it each time."""
    clock, tape = SessionClock(), TapeWriter.create(tmp_path / "quiet.tape")
    async with exchange_running(tmp_path / "ledger.jsonl", clock, QUIET) as url:
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
        enough = asyncio.Event()

        def look() -> None:
            if recorder.told[BookChanged.__name__] >= 5:
                enough.set()
                recorder.stop()

        await recorder.record({"deribit": carrier}, duration_s=DEADLINE_S, refresh=look)
        tape.close()

    facts = list(Tape(tape.path).facts())
    assert enough.is_set()
    assert len([fact for fact in facts if isinstance(fact, BookSnapshot)]) == 1
    changes = [fact for fact in facts if isinstance(fact, BookChanged)]
    assert {(change.bids, change.asks) for change in changes} == {((), ())}
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)

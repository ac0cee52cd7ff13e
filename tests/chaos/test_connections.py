"""Connections that come and go, and books and streams that are not what they seem on a connection that lives."""

from itertools import pairwise
from pathlib import Path

from replenisher.exchange.words import InstrumentState, OrderState
from replenisher.model.event import BookSnapshot, InstrumentStateChanged, OrderFilled, SessionLost, SessionOpened
from replenisher.model.order import SELL
from replenisher.simulate.frame_faults import Passage, is_book, is_private
from tests.chaos.story import LITTLE, story

SECOND = 10**9


def test_an_exchange_that_refuses_every_connection_for_ten_minutes(tmp_path: Path) -> None:
    """Elsewhere waits had no chance in them once they were as long as they get: all came back at the same moment."""
    with story(tmp_path) as told:
        told.victims.restart_exchange(lambda: None, 600 * SECOND)
        began = told.at
        told.run(590)
        at = [when for when, connection in told.witness.dials if connection == "trading" and when > began]
        waits = [after - before for before, after in pairwise(at)][-8:]
        told.end_well()

        assert len(waits) == 8 and max(waits) < 120 * SECOND
        assert len(set(waits)) == 8 and max(waits) > 1.2 * min(waits)


def test_levels_that_went_while_we_were_away(tmp_path: Path) -> None:
    """Elsewhere the book after a reconnect was put over the one before it: levels that were long gone stood in it."""
    with story(tmp_path) as told:
        told.run(5)
        bids = [price for price, _ in told.exchange.views.book("BTC-PERPETUAL").bids[:5]]
        told.victims.cut(told.link("market"), "1006")
        told.trade(SELL, bids[-1])
        seen = len(told.witness.events)
        told.until(lambda: told.heard(BookSnapshot, seen))
        (snapshot,) = told.heard(BookSnapshot, seen)
        told.end_well()

        instrument = told.life.engine.state.instruments[told.instruments[0]]
        assert instrument.price(max(ticks for ticks, _ in snapshot.bids)) < bids[-1]


def test_books_that_come_much_too_late(tmp_path: Path) -> None:
    """Elsewhere, with many subscriptions, books came in order and seconds late, and were quoted on as if new."""
    with story(tmp_path) as told:
        late = told.spoil(is_book, lambda passage: passage.hold(6 * SECOND), times=10_000)
        told.until(lambda: not told.resting(), within_s=10)
        before = len(told.witness.requests)
        told.run(20)
        assert not [request for _, request in told.witness.requests[before:] if request.is_place]
        told.lift(late)
        told.end_well()


def test_what_closes_an_instrument_while_its_connection_is_renewed(tmp_path: Path) -> None:
    """A day once quoted nothing for hours: the old one had told that it closed, and the new one not that it opened."""
    with story(tmp_path) as told:
        told.run(179)
        late = told.spoil(lambda frame: '"base_currency"' in frame, lambda passage: passage.hold(SECOND))
        told.until(lambda: late.is_spent)
        told.victims.interrupt(lambda: None, InstrumentState.LOCKED, 3 * SECOND)
        told.until(lambda: not told.heard(InstrumentStateChanged)[-1].is_open)
        told.until(told.is_quoting, within_s=10)
        told.end_well()


def test_a_stream_of_our_own_orders_that_does_not_come_back_with_its_connection(tmp_path: Path) -> None:
    """Elsewhere a connection was made again and nobody subscribed: it lived, and told of no fill any more."""
    with story(tmp_path) as told:
        told.victims.cut(told.link("trading"), "1006")
        hushed = told.spoil(is_private, Passage.lose, times=10_000)
        told.until(lambda: told.heard(SessionLost))
        seen = len(told.witness.events)
        told.until(lambda: told.heard(SessionOpened, seen) and told.resting())
        order = told.resting()[0]
        told.take(order)
        told.until(lambda: [lost for lost in told.heard(SessionLost, seen) if "not told" in lost.reason])
        told.lift(hushed)
        told.end_well()

        assert told.fills(order.label)


def test_cancels_written_to_a_connection_of_whose_end_nobody_has_heard_yet(tmp_path: Path) -> None:
    """They get nowhere, and they have left nonetheless: whoever asks what a daemon did must see them."""
    with story(tmp_path) as told:
        trading = told.link("trading")
        trading.down.delay_ns += 5 * SECOND
        told.victims.cut(trading, "1006")
        told.run(1)
        before = len(told.witness.requests)
        told.life.ask("pause")
        told.run(1)
        assert {request.verb for _, request in told.witness.requests[before:]} == {"cancel"}
        told.end_well()


def test_a_burst_that_comes_while_the_process_stands_still(tmp_path: Path) -> None:
    """Elsewhere a queue overflowed and its reader ended, or frames were dropped, fills among them."""
    with story(tmp_path) as told:
        told.run(1)
        resting, frames, before = told.resting(), told.tap.frames, len(told.witness.events)
        told.victims.suspend(lambda: None, 3 * SECOND)
        for _ in range(200):
            for order in resting:
                told.trade(order.side.opposite, order.price, LITTLE)
            told.run(0.01)
        assert told.tap.frames - frames > 500
        told.until(lambda: told.is_quoting() and len(told.heard(OrderFilled, before)) > len(resting), within_s=30)
        told.end_well()

        taken = [order for order in resting if told.theirs(order.label).state is OrderState.FILLED]
        assert len(taken) == len(resting)
        assert all(len(told.fills(order.label)) > 1 for order in taken), "each trade is a row"


def test_a_venue_that_cuts_us_off_because_we_read_too_slowly(tmp_path: Path) -> None:
    """What rests is canceled over the connection that is left, and nothing new leaves before there is a book again."""
    with story(tmp_path) as told:
        told.run(1)
        assert told.resting()
        before = len(told.witness.requests)
        told.victims.suspend(lambda: None, 2 * SECOND)
        told.run(1)
        told.victims.cut(told.link("market"), "1008 connection_too_slow")
        told.until(lambda: not told.resting(), within_s=5)
        since = [request for _, request in told.witness.requests[before:]]
        assert since and not any(request.is_place for request in since)
        told.until(told.is_quoting, within_s=30)
        told.end_well()

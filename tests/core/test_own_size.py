"""Our own size is not the market: whatever order the news of our own orders arrives in, a still market stays still."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

import pytest

from replenisher.core.apply import advance, apply
from replenisher.core.book import Touch
from replenisher.core.expect import expect
from replenisher.core.own_size import Others
from replenisher.core.state import State
from replenisher.model.command import AmendOrder, CancelOrder, Command, Intent, PlaceOrder
from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    Event,
    InstrumentDefined,
    NotSent,
    OrderCanceled,
    OrderRejected,
    OrderReport,
    OrderReported,
    OrderWorking,
    RejectReason,
    RequestRejected,
    SessionOpened,
)
from replenisher.model.order import Request, Side, Status
from tests.core.world import ASK, BID, ECHO, KEY, LINEAR, MS, SECOND, T0, TIMEOUT, VENUE, Wishes, filled, one_strategy

SIZE = 10
OTHERS = 50
BETTER = BID + 4  # inside the others' spread
Message = Event | Command


class Watch:
    """A state that is told messages, and what it believes of the others."""

    def __init__(self, price: int, side: Side = Side.BUY) -> None:
        self.state = State.load(one_strategy(Wishes()), None)
        self.at = T0
        self.side, self.price = side, price
        apply(self.state, InstrumentDefined(at=T0, instrument=LINEAR))
        apply(self.state, SessionOpened(at=T0, venue=VENUE))
        snapshot = BookSnapshot(
            at=T0,
            instrument=KEY,
            venue_time=T0,
            bids=((BID, OTHERS), (BID - 10, 7)),
            asks=((ASK, OTHERS), (ASK + 10, 7)),
        )
        apply(self.state, snapshot)

    def others(self) -> Others:
        """What it believes that the others have."""
        return self.state.own_size(KEY).others(self.state.books[KEY], self.at)

    def tell(self, message: Message, after_ns: int = MS) -> Touch | None:
        """One message arrives, or one command leaves."""
        self.at += after_ns
        if isinstance(message, Command):
            expect(self.state, message, self.at)
        else:
            apply(self.state, _now(message, self.at))
            advance(self.state, self.at)
        return self.touch()

    def wait(self, duration_ns: int) -> Touch | None:
        """Time passes in silence. A touch that becomes another one meanwhile has said when it may."""
        before, settles_at = self.touch(), self.settles_at()
        self.at += duration_ns
        touch = self.touch()
        assert touch == before or (settles_at is not None and settles_at <= self.at)
        return touch

    def touch(self) -> Touch | None:
        """The others' touch."""
        return self.state.touch_of(KEY, self.at)

    def settles_at(self) -> int | None:
        """When it may be another one without any news."""
        return self.state.own_size(KEY).settles_at(self.at)

    # --- Words about one order -----------------------------------------------------------------------------------

    def place(self, quantity: int = SIZE) -> PlaceOrder:
        return PlaceOrder(
            order_id="tst000001000001",
            instrument=KEY,
            strategy="core",
            side=self.side,
            level=0,
            price=self.price,
            quantity=quantity,
            intent=Intent.QUOTE,
            valid_until=self.at + 3_600 * SECOND,
            deadline=self.at + 3_600 * SECOND,
        )

    def amend(self, price: int, quantity: int) -> AmendOrder:
        return AmendOrder(
            order_id="tst000001000001",
            venue_order_id="V1",
            instrument=KEY,
            price=price,
            quantity=quantity,
            intent=Intent.QUOTE,
            valid_until=self.at + TIMEOUT,
            deadline=self.at + TIMEOUT,
        )

    def cancel(self) -> CancelOrder:
        return CancelOrder(
            order_id="tst000001000001", venue_order_id="V1", instrument=KEY, deadline=self.at + 3_600 * SECOND
        )

    def shows(self, quantity: int, venue_time: int, price: int | None = None) -> BookChanged:
        level = ((self.price if price is None else price, quantity),)
        bids, asks = (level, ()) if self.side is Side.BUY else ((), level)
        return BookChanged(at=0, instrument=KEY, venue_time=venue_time, bids=bids, asks=asks)


def _now(fact: Event, at: int) -> Event:
    return type(fact)(**{name: getattr(fact, name) for name in fact.__struct_fields__} | {"at": at})


def works(venue_time: int, price: int, quantity: int = SIZE, answers: Request | None = Request.PLACE) -> OrderWorking:
    return OrderWorking(
        at=0,
        order_id="tst000001000001",
        venue_order_id="V1",
        venue_time=venue_time,
        price=price,
        quantity=quantity,
        answers=answers,
    )


def canceled(venue_time: int) -> OrderCanceled:
    return OrderCanceled(at=0, order_id="tst000001000001", venue_time=venue_time, reason="asked")


def fill_of(lots: int, price: int, venue_time: int, side: Side = Side.BUY) -> Event:
    return filled(LINEAR, "tst000001000001", "T1", side, price, lots, venue_time=venue_time)


def merges(first: Sequence[str], second: Sequence[str]) -> Iterator[list[str]]:
    """Every way to interleave two sequences without changing the order within each."""
    total = len(first) + len(second)
    for places in combinations(range(total), len(first)):
        left, right = iter(first), iter(second)
        yield [next(left) if n in places else next(right) for n in range(total)]


def groupings(events: Sequence[str]) -> Iterator[list[str]]:
    """Every way a feed can leave updates out: of each run of updates only the last one is published."""
    for cuts in product([False, True], repeat=max(0, len(events) - 1)):
        yield [event for event, is_cut in zip(events, [*cuts, True], strict=True) if is_cut]


def stories(lots: int, is_canceled: bool) -> Iterator[tuple[list[str], list[str]]]:
    """The private words (ours included) and the public ones of one place–fill–cancel."""
    happened = ["place", *(["fill"] if lots else []), *(["cancel"] if is_canceled else [])]
    fills = ["filled"] if lots else []
    ends = ["send cancel", "canceled"] if is_canceled else []
    private = [["works", *fills, *ends]]
    if lots:
        private.append(["filled", "works", *ends])  # The stream overtakes the answer.
    if lots and is_canceled:
        private.append(["works", "send cancel", "filled", "canceled"])
        private.append(["works", "send cancel", "canceled", "filled"])  # A fill that is told late.
    for words in private:
        for public in groupings(happened):
            yield words, public


@pytest.mark.parametrize("place", ["alone at the best price", "with others at the best price", "behind the best price"])
@pytest.mark.parametrize("lots", [0, 4, SIZE], ids=["no fill", "a partial fill", "a full fill"])
@pytest.mark.parametrize("is_still_before", [False, True], ids=["at once", "after a rest"])
@pytest.mark.parametrize("venue_ms", [0, 1], ids=["one millisecond", "later milliseconds"])
def test_a_still_market_does_not_move_under_any_interleaving(
    place: str, lots: int, is_still_before: bool, venue_ms: int
) -> None:
    price, others = {
        "alone at the best price": (BETTER, 0),
        "with others at the best price": (BID, OTHERS),
        "behind the best price": (BID - 10, 7),
    }[place]
    left = SIZE - lots
    shown = {"place": SIZE, "fill": left, "cancel": 0}
    times = {name: T0 + n * venue_ms * MS for n, name in enumerate(["place", "fill", "cancel"])}
    count = 0
    for is_canceled in [True, False] if left else [False]:
        for private, public in stories(lots, is_canceled):
            for order in merges(private, public):
                if is_canceled and "cancel" in order and order.index("cancel") < order.index("send cancel"):
                    continue  # The venue cannot confirm what we have not sent.
                watch = Watch(price)
                still = watch.touch()
                assert still is not None
                words = {
                    "works": works(times["place"], price),
                    "filled": fill_of(lots, price, times["fill"]) if lots else None,
                    "send cancel": watch.cancel(),
                    "canceled": canceled(times["cancel"]),
                    **{name: watch.shows(others + shown[name], times[name]) for name in shown},
                }

                assert watch.tell(watch.place()) == still
                for n, name in enumerate(order):
                    is_placed = {"works", "place"} <= set(order[:n]) and n == 2
                    after_ns = 10 * SECOND if is_still_before and is_placed else 60 * MS
                    if is_still_before and is_placed:
                        assert watch.wait(9 * SECOND) == still, order
                    touch = watch.tell(words[name], after_ns)
                    assert touch == still, (order, name)
                for pause in (ECHO // 2, ECHO, 10 * SECOND):
                    if order[-1] in shown or pause < ECHO:
                        assert watch.wait(pause) == still, (order, pause)
                count += 1
    assert count >= 4


# --- What does show ------------------------------------------------------------------------------------------------


def resting(price: int = BID, quantity: int = SIZE) -> Watch:
    """An order that has rested for long, with the others at its price."""
    watch = Watch(price)
    watch.tell(watch.place(quantity))
    watch.tell(works(T0, price, quantity))
    watch.tell(watch.shows(OTHERS + quantity, T0))
    watch.wait(10 * SECOND)
    return watch


def bid_quantity(touch: Touch | None) -> int:
    assert touch is not None
    return touch.bid_quantity


def test_more_of_the_others_shows_at_once() -> None:
    watch = resting()

    assert bid_quantity(watch.tell(watch.shows(OTHERS + SIZE + 5, T0 + MS))) == OTHERS + 5


def test_less_of_the_others_shows_when_it_has_outlasted_the_echo() -> None:
    watch = resting()

    at_once = watch.tell(watch.shows(OTHERS, T0 + MS))
    later = watch.wait(ECHO)

    assert bid_quantity(at_once) == OTHERS, "it may have been a fill of ours"
    assert bid_quantity(later) == OTHERS - SIZE


def test_others_who_cannot_be_us_are_gone_at_once() -> None:
    watch = resting()

    touch = watch.tell(watch.shows(SIZE + 1, T0 + MS))

    assert bid_quantity(touch) == SIZE + 1, "at most all of what shows belongs to others"


def test_a_level_that_is_only_ours_is_no_market() -> None:
    watch = resting()

    watch.tell(watch.shows(SIZE, T0 + MS))

    assert watch.wait(ECHO) == Touch(BID - 10, 7, ASK, OTHERS)


def test_who_looks_below_the_touch_sees_the_others_and_no_further_than_fifty_levels() -> None:
    watch = resting(BID - 10)
    before = list(watch.others().bids.best_first())
    watch.tell(watch.shows(SIZE, T0 + MS))
    watch.wait(ECHO)

    assert before == [(BID, OTHERS), (BID - 10, OTHERS)]
    assert list(watch.others().side(Side.BUY).best_first()) == [(BID, OTHERS)], "what is behind is all ours"

    deep = tuple((ASK + step, 1) for step in range(60))
    watch.tell(BookSnapshot(at=0, instrument=KEY, venue_time=T0 + SECOND, bids=((BID, OTHERS),), asks=deep))

    assert list(watch.others().asks.best_first()) == list(deep[:50])


def test_what_settles_behind_the_touch_wakes_nobody() -> None:
    at_the_touch, behind = resting(BID), resting(BID - 10)

    at_the_touch.tell(at_the_touch.shows(OTHERS, T0 + MS))
    behind.tell(behind.shows(7, T0 + MS))

    assert at_the_touch.settles_at() == at_the_touch.at + ECHO
    assert behind.settles_at() is None


@pytest.mark.parametrize("order", list(merges(["works"], ["old", "new"])), ids="-".join)
def test_a_moved_order_does_not_move_the_market(order: list[str]) -> None:
    watch = resting()
    still = watch.touch()
    words = {
        "works": works(T0 + MS, BETTER, answers=Request.AMEND),
        "old": watch.shows(OTHERS, T0 + MS),
        "new": watch.shows(SIZE, T0 + MS, BETTER),
    }

    assert watch.tell(watch.amend(BETTER, SIZE)) == still
    for name in order:
        assert watch.tell(words[name]) == still
    assert watch.wait(10 * SECOND) == still


@pytest.mark.parametrize("order", list(merges(["works"], ["shows"])), ids="-".join)
@pytest.mark.parametrize("quantity", [4, 16], ids=["smaller", "larger"])
def test_a_resized_order_does_not_move_the_market(order: list[str], quantity: int) -> None:
    watch = resting()
    still = watch.touch()
    words = {
        "works": works(T0 + MS, BID, quantity, answers=Request.AMEND),
        "shows": watch.shows(OTHERS + quantity, T0 + MS),
    }

    assert watch.tell(watch.amend(BID, quantity)) == still
    for name in order:
        assert watch.tell(words[name]) == still
    assert watch.wait(10 * SECOND) == still


def test_an_amend_that_the_venue_refuses_hides_nothing_at_the_price_it_never_had() -> None:
    watch = resting()
    watch.tell(watch.amend(BETTER, SIZE))
    watch.tell(
        RequestRejected(
            at=0, order_id="tst000001000001", request=Request.AMEND, reason=RejectReason.PRICE, message="no"
        )
    )
    watch.tell(OrderReported(at=0, venue_time=T0 + MS, order=report(BID, SIZE, T0 + MS)))
    watch.wait(ECHO)

    touch = watch.tell(watch.shows(3, T0 + 2 * MS, BETTER))

    assert touch == Touch(BETTER, 3, ASK, OTHERS)


@pytest.mark.parametrize("request_", [Request.AMEND, Request.CANCEL])
def test_a_request_that_never_left_changes_nothing(request_: Request) -> None:
    watch = resting()
    watch.tell(watch.amend(BETTER, SIZE) if request_ is Request.AMEND else watch.cancel())
    watch.tell(NotSent(at=0, order_id="tst000001000001", request=request_))
    watch.wait(10 * SECOND)

    watch.tell(watch.shows(SIZE, T0 + MS))

    assert watch.wait(ECHO) == Touch(BID - 10, 7, ASK, OTHERS), "all of it is ours"


def test_a_place_that_the_venue_refuses_hides_nothing() -> None:
    watch = Watch(BETTER)
    watch.tell(watch.place())
    watch.tell(OrderRejected(at=0, order_id="tst000001000001", reason=RejectReason.FUNDS, message=""))
    watch.wait(ECHO)

    assert watch.tell(watch.shows(3, T0 + MS)) == Touch(BETTER, 3, ASK, OTHERS)


def test_an_order_that_a_late_word_confirms_while_its_cancel_is_on_the_way_may_be_gone_any_time() -> None:
    watch = resting()
    still = watch.touch()
    watch.tell(watch.cancel())
    watch.tell(works(T0, BID, answers=None))
    watch.wait(10 * SECOND)

    assert watch.tell(watch.shows(OTHERS, T0 + MS)) == still
    assert watch.wait(10 * SECOND) == still
    assert watch.tell(canceled(T0 + MS)) == still


def test_a_snapshot_counts_as_a_word_on_every_level() -> None:
    watch = resting()
    still = watch.touch()

    touch = watch.tell(
        BookSnapshot(
            at=0, instrument=KEY, venue_time=T0 + MS, bids=((BID, OTHERS + SIZE), (BID - 10, 7)), asks=((ASK, OTHERS),)
        )
    )

    assert touch == still
    assert watch.wait(10 * SECOND) == still


def test_an_order_found_again_after_a_restart_is_not_the_market() -> None:
    before = resting()
    watch = Watch(BID)
    watch.state = State.load(before.state.setup, before.state.dump())
    watch.tell(SessionOpened(at=0, venue=VENUE))
    watch.tell(OrderReported(at=0, venue_time=T0 + MS, order=report(BID, SIZE, T0 + MS)))

    touch = watch.tell(
        BookSnapshot(at=0, instrument=KEY, venue_time=T0 + 2 * MS, bids=((BID, OTHERS + SIZE),), asks=((ASK, OTHERS),))
    )

    assert touch == Touch(BID, OTHERS, ASK, OTHERS)


def test_prices_that_an_order_has_left_are_forgotten_though_they_were_published_before_we_heard_of_it() -> None:
    watch, last = resting(), BID - 100

    for price in range(BID - 1, last - 1, -1):
        watch.tell(watch.amend(price, SIZE))
        watch.tell(watch.shows(SIZE, T0 + MS, price))
        watch.tell(works(T0 + MS, price, answers=Request.AMEND))
        watch.wait(ECHO)

    assert list(watch.state.own_size(KEY).prices[Side.BUY]) == [last + 1, last]


def test_where_there_is_nobody_else_there_is_no_touch() -> None:
    watch = Watch(ASK, Side.SELL)
    watch.tell(BookSnapshot(at=0, instrument=KEY, venue_time=T0, bids=((BID, OTHERS),), asks=()))
    watch.tell(watch.place())
    watch.tell(works(T0, ASK))

    assert watch.tell(watch.shows(SIZE, T0)) is None


def report(price: int, quantity: int, venue_time: int) -> OrderReport:
    return OrderReport(
        order_id="tst000001000001",
        venue_order_id="V1",
        instrument=KEY,
        side=Side.BUY,
        price=price,
        quantity=quantity,
        filled=LINEAR.amount(0),
        status=Status.WORKING,
        venue_time=venue_time,
    )

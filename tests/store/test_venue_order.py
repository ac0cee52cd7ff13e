"""Played in the order of the venue: nothing is lost or told twice, and what belongs together stays in its order."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, TradePrinted
from replenisher.model.units import DAY_NS, MS_NS, SECOND_NS
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.repeats import KNOWN_MAX, Repeats
from replenisher.store.tape.venue_order import SLACK_NS, MarketFact, in_venue_order
from tests.store.tapes import KEY, START, change, market, trade

late_ms = st.integers(0, SLACK_NS // MS_NS)


@given(st.lists(st.tuples(st.sampled_from(["change", "trade", "loss"]), st.integers(0, 300), late_ms), max_size=60))
def test_whatever_comes_late_is_put_in_its_place(arrivals: list[tuple[str, int, int]]) -> None:
    """Each comes so long after the last one, and what a venue says of its time is so much older."""
    told: list[TapeFact] = [*market(0)]
    at = START
    for number, (kind, after_ms, ago_ms) in enumerate(arrivals):
        at += after_ms * MS_NS
        if kind == "loss":
            told.append(FeedLost(at=at, instrument=KEY, reason=str(number)))
        elif kind == "trade":
            told.append(replace(trade(at, str(number)), venue_time=at - ago_ms * MS_NS))
        else:
            told.append(replace(change(at, bids=((number + 1, 1),)), venue_time=at - ago_ms * MS_NS))

    played = list(in_venue_order(told))

    times = [venue_time for venue_time, _ in played]
    assert times == sorted(times)
    expected = [fact for fact in told if isinstance(fact, MarketFact)]
    assert Counter(map(repr, (fact for _, fact in played))) == Counter(map(repr, expected))
    of_book = (BookSnapshot, BookChanged, FeedLost)
    assert [fact for _, fact in played if isinstance(fact, of_book)] == [
        fact for fact in expected if isinstance(fact, of_book)
    ]
    for before, after in pairwise(played):
        assert not (isinstance(after[1], TradePrinted) and before[0] == after[0]) or isinstance(before[1], TradePrinted)


def test_a_trade_that_comes_too_late_for_its_place_is_told_at_once() -> None:
    late = replace(trade(START + 5 * SECOND_NS, "late"), venue_time=START + SECOND_NS)
    told = [*market(4), late, change(START + 6 * SECOND_NS)]

    order = [fact for _, fact in in_venue_order(told)]

    out_already = [fact for fact in told if isinstance(fact, MarketFact) and fact.at < START + 4 * SECOND_NS - SLACK_NS]
    assert order.index(late) == len(out_already)
    assert order[-1] == told[-1]


def test_a_book_is_lost_from_the_last_word_on_that_was_heard() -> None:
    noticed, back = START + 10 * SECOND_NS, START + 12 * SECOND_NS
    lost = FeedLost(at=noticed, instrument=KEY, reason="does not answer", heard_at=START + 5 * SECOND_NS)
    snapshot = BookSnapshot(at=back, instrument=KEY, venue_time=back, bids=(), asks=())

    played = list(in_venue_order([*market(4), lost, snapshot]))

    assert played[-2:] == [(lost.heard_at, lost), (back, snapshot)]


def test_of_two_recordings_that_overlap_for_long_each_trade_is_played_once() -> None:
    def recorded(first: int, last: int) -> list[TapeFact]:
        return [trade(START + number * MS_NS, str(number)) for number in range(first, last)]

    overlap = 2 * KNOWN_MAX
    together = [*recorded(0, 3 * KNOWN_MAX), *recorded(3 * KNOWN_MAX - overlap, 4 * KNOWN_MAX)]

    played = [fact.trade_id for _, fact in in_venue_order(together) if isinstance(fact, TradePrinted)]

    assert played == [str(number) for number in range(4 * KNOWN_MAX)]


def test_a_time_of_the_venue_that_is_far_off_does_not_silence_what_comes_after_it() -> None:
    wrong = replace(trade(START, "wrong"), venue_time=START + DAY_NS)
    others: list[TapeFact] = [trade(START + number * MS_NS, str(number)) for number in range(2 * KNOWN_MAX)]

    repeats = Repeats()
    told = [fact.trade_id for fact in [wrong, *others] if isinstance(fact, TradePrinted) and not repeats.has(fact)]

    assert told == ["wrong", *(str(number) for number in range(2 * KNOWN_MAX))]


def test_a_trade_that_is_told_again_is_played_once_and_its_number_may_come_again_with_another_trade() -> None:
    first = trade(START + 5 * SECOND_NS, "7")
    again, other = replace(first, at=first.at + SECOND_NS), replace(first, price=first.price + 1)
    nameless = replace(first, trade_id="")
    told = [*market(4), first, other, again, nameless, nameless]

    played = [fact for _, fact in in_venue_order(told) if isinstance(fact, TradePrinted) and fact.at >= first.at]

    assert Counter(map(repr, played)) == Counter(map(repr, [first, other, nameless, nameless]))

"""When definitions are asked for: what many instruments cost is spread, and one in doubt asks for no other."""

from itertools import pairwise

import pytest

from replenisher.model.event import FeedLost
from replenisher.venues.deribit.definitions import APART_NS, Definitions
from replenisher.venues.deribit.link import CREDITS_PER_SECOND, REQUEST_COST
from replenisher.venues.deribit.venue import MARKET
from tests.venues.far import DEFINITION, MINUTE, T0, Far, S, kinds, make_open

TWO = ("BTC-PERPETUAL", "ETH-PERPETUAL")
MANY = [f"I{number}" for number in range(1000)]


def asked(definitions: Definitions, until: int) -> list[tuple[int, str]]:
    """What becomes due and is asked for, and when."""
    told: list[tuple[int, str]] = []
    while definitions.next <= until:
        at = definitions.next
        told += [(at, name) for name in definitions.due(at)]
    return told


def test_all_are_asked_at_the_start_and_then_each_once_in_a_while_evenly_apart() -> None:
    definitions = Definitions(["a", "b", "c"], MINUTE, 5 * S)

    assert definitions.begin(T0) == ["a", "b", "c"]
    assert [((at - T0) // S, name) for at, name in asked(definitions, T0 + 3 * MINUTE)] == [
        *((60, "a"), (80, "b"), (100, "c")),
        *((120, "a"), (140, "b"), (160, "c"), (180, "a")),
    ]


def test_however_many_there_are_they_take_no_more_than_a_tenth_of_the_credits() -> None:
    definitions = Definitions(MANY, MINUTE, 5 * S)
    definitions.begin(T0)

    times = [at for at, _ in asked(definitions, T0 + 2000 * S)]

    assert len(times) > len(MANY)
    assert all(later - earlier >= APART_NS for earlier, later in pairwise(times))
    assert REQUEST_COST / (APART_NS / S) <= CREDITS_PER_SECOND / 10


def test_one_in_doubt_is_asked_again_soon_and_alone() -> None:
    definitions = Definitions(["a", "b", "c"], MINUTE, 5 * S)
    definitions.begin(T0)

    definitions.soon("c", T0 + S)

    assert [((at - T0) // S, name) for at, name in asked(definitions, T0 + MINUTE)] == [(6, "c"), (60, "a")]


def test_a_definition_that_is_not_answered_again_costs_no_book() -> None:
    far = make_open()
    far.live(61 * S)
    far.take(MARKET, "public/get_instrument")

    told = far.live(12 * S)

    assert [fact for fact in told if isinstance(fact, FeedLost)] == []
    assert far.closes == []
    assert far.take(MARKET, "public/get_instrument"), "it is asked again"


def test_an_instrument_whose_definition_cannot_be_read_is_asked_for_again_soon() -> None:
    far = make_open()
    far.live(61 * S)
    nameless = {name: value for name, value in DEFINITION.items() if name != "base_currency"}
    closed = far.answer(MARKET, "public/get_instrument", nameless)

    far.live(6 * S)
    opened = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert [(fact.is_open, far.at - fact.at <= 6 * S) for fact in closed + opened] == [(False, True), (True, True)]


def test_after_a_reconnect_a_definition_that_is_not_answered_keeps_no_book_away() -> None:
    far = Far(*TWO)
    far.venue.start(far.at)
    far.open_market()
    far.venue.closed(MARKET, "reset", far.at)
    far.live(S, MARKET)
    far.connect(MARKET)
    far.answer(MARKET, "public/get_instrument", DEFINITION)
    lost = far.take(MARKET, "public/get_instrument")

    far.live(6 * S, MARKET)
    far.subscribe()
    told = far.book(2)
    far.live(5 * S, MARKET)

    assert kinds(told) == ["BookSnapshot"]
    assert far.take(MARKET, "public/get_instrument")["params"] == lost["params"], "it is asked again"


@pytest.mark.parametrize("names", [TWO[:1], TWO])
def test_a_first_definition_that_is_not_answered_ends_the_connection(names: tuple[str, ...]) -> None:
    far = Far(*names)
    far.venue.start(far.at)
    far.connect(MARKET)

    far.live(6 * S, MARKET)

    assert [(close.connection, close.reason) for close in far.closes] == [(MARKET, "no answer: Define")]

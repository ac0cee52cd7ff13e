"""The book: always what a plain dictionary would say, best price first."""

from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.book import GONE_MAX, Book, BookSide
from replenisher.model.order import Side
from replenisher.simulate.checks.bounds import collections

PRICES = st.integers(1, 40) | st.integers(1, 8).map(lambda price: price * 100)  # close together, and far apart
WATCHED, LIMIT = frozenset({7, 20, 300}), 25
LEVELS = st.lists(st.tuples(PRICES, st.integers(0, 9)), max_size=40)


@given(st.sampled_from(Side), LEVELS, LEVELS, PRICES)
def test_a_side_is_a_sorted_dictionary(
    side: Side, first: list[tuple[int, int]], changes: list[tuple[int, int]], edge: int
) -> None:
    book_side = BookSide(side)
    book_side.replace(first)
    expected = {price: quantity for price, quantity in first if quantity}

    for start in range(0, len(changes), 3):
        after = dict(changes[start : start + 3])
        told = book_side.change(tuple(after.items()), WATCHED, LIMIT)
        asked = sorted(price for price in after if price in WATCHED or (price - LIMIT) * side.sign >= 0)
        assert told == [(price, expected.get(price, 0), after[price]) for price in asked]
        expected |= after
        expected = {price: quantity for price, quantity in expected.items() if quantity}

    best_first = sorted(expected.items(), reverse=side is Side.BUY)
    assert list(book_side.best_first()) == best_first
    assert book_side.quantities == expected
    assert book_side.levels(3) == best_first[:3]
    assert book_side.levels(100) == best_first
    assert book_side.best == (best_first[0][0] if best_first else None)
    for outermost in (edge, edge - 0.5, edge + 0.5):
        standing = [quantity for price, quantity in best_first if (price - outermost) * side.sign >= 0]
        assert book_side.depth(outermost) == sum(standing)


def test_a_side_remembers_only_so_many_prices_at_which_nothing_is_any_more() -> None:
    book_side = BookSide(Side.BUY)
    book_side.replace([(1, 1)])

    for price in range(2, 3 * GONE_MAX):
        book_side.change([(price, 1)])
        book_side.change([(price, 0)])
    sizes = {name: len(collection) for name, collection in collections(book_side)}

    assert max(sizes.values()) <= GONE_MAX + 2
    assert (book_side.quantities, book_side.best) == ({1: 1}, 1)


def test_a_book_is_trusted_from_its_snapshot_to_its_loss() -> None:
    book = Book()
    assert book.distrust == "no snapshot yet"

    book.replace([(9, 1)], [(11, 1)], venue_time=5, at=6)
    assert (book.distrust, book.is_crossed, book.venue_time, book.heard_at) == ("", False, 5, 6)
    book.change([(11, 1)], [], venue_time=7, at=8)
    assert book.is_crossed
    book.lose("gap")

    assert (book.distrust, book.bids.best, book.asks.best) == ("gap", None, None)

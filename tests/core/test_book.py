"""The book: always what a plain dictionary would say, best price first."""

from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.book import Book, BookSide
from replenisher.model.order import Side

PRICES = st.integers(1, 40) | st.integers(1, 8).map(lambda price: price * 100)  # close together, and far apart
LEVELS = st.lists(st.tuples(PRICES, st.integers(0, 9)), max_size=40)


@given(st.sampled_from(Side), LEVELS, LEVELS)
def test_a_side_is_a_sorted_dictionary(
    side: Side, first: list[tuple[int, int]], changes: list[tuple[int, int]]
) -> None:
    book_side = BookSide(side)
    book_side.replace(first)
    expected = {price: quantity for price, quantity in first if quantity}

    for start in range(0, len(changes), 3):
        book_side.change(changes[start : start + 3])
        expected |= dict(changes[start : start + 3])
        expected = {price: quantity for price, quantity in expected.items() if quantity}

    best_first = sorted(expected.items(), reverse=side is Side.BUY)
    assert list(book_side.prices()) == [price for price, _ in best_first]
    assert book_side.levels(3) == best_first[:3]
    assert book_side.levels(100) == best_first
    assert book_side.best == (best_first[0][0] if best_first else None)


def test_a_book_is_trusted_from_its_snapshot_to_its_loss() -> None:
    book = Book()
    assert book.distrust == "no snapshot yet"

    book.replace([(9, 1)], [(11, 1)], venue_time=5, at=6)
    assert (book.distrust, book.is_crossed, book.venue_time, book.heard_at) == ("", False, 5, 6)
    book.change([(11, 1)], [], venue_time=7, at=8)
    assert book.is_crossed
    book.lose("gap")

    assert (book.distrust, book.bids.best, book.asks.best) == ("gap", None, None)

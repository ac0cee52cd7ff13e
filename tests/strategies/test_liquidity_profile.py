"""So much depth within so many percent, in a book that looks grown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.model.step import Quote
from strategies.liquidity_profile import LiquidityProfile
from tests.core.world import LINEAR
from tests.strategies.test_pure_mm import seen

FAIR = 10_000.0
BANDS = (
    {"within_pct": 0.5, "depth_quote": "5000", "levels": 4},
    {"within_pct": 2, "depth_quote": "25000", "levels": 6},
)


def profile(**other: object) -> LiquidityProfile:
    """5,000 within half a percent, 25,000 within two, 20 bps apart, unless told otherwise."""
    return LiquidityProfile(**({"bands": BANDS, "spread_bps": 20} | other))


def depth_quote(quotes: tuple[Quote, ...], side: Side, within_pct: float, instrument: Instrument = LINEAR) -> float:
    """What these quotes are worth within a distance of fair value."""
    return sum(
        instrument.price(quote.price) * quote.quantity * instrument.lot
        for quote in quotes
        if quote.side is side and abs(float(instrument.price(quote.price)) - FAIR) <= FAIR * within_pct / 100
    )


@given(st.integers(), st.floats(0, 0.99), st.integers(1, 8), st.floats(1, 40))
def test_every_band_holds_what_it_asks_for_whatever_the_seed(
    seed: int, roughness: float, levels: int, spread_bps: float
) -> None:
    bands = tuple(band | {"levels": levels} for band in BANDS)
    quotes = profile(seed=seed, roughness=roughness, bands=bands, spread_bps=spread_bps).quote(seen()).quotes

    for side in Side:
        prices = [quote.price for quote in quotes if quote.side is side]
        assert prices == sorted(set(prices), reverse=side is Side.BUY), "nearest first, each price once"
        for band in BANDS:
            assert depth_quote(quotes, side, band["within_pct"]) >= float(band["depth_quote"])


def test_the_touch_is_as_wide_as_it_was_told() -> None:
    quotes = profile().quote(seen()).quotes
    first = [quote.price for quote in quotes if quote.level == 0]

    assert first == [99_900, 100_100]
    assert len(quotes) == 20


def test_one_seed_is_one_book_and_another_seed_another() -> None:
    assert profile(seed=3).quote(seen()) == profile(seed=3).quote(seen())
    assert profile(seed=3).quote(seen()).quotes != profile(seed=4).quote(seen()).quotes


def test_a_natural_book_has_many_sizes_and_an_even_one_a_size_for_each_band() -> None:
    def sizes(roughness: float) -> int:
        return len({quote.quantity for quote in profile(roughness=roughness).quote(seen()).quotes})

    assert sizes(0.5) > 15
    assert sizes(0) == 2


@pytest.mark.parametrize(
    ("other", "objection"),
    [
        ({"bands": ()}, "at least one band"),
        ({"bands": BANDS[::-1]}, "each must reach further"),
        ({"spread_bps": 100}, "the first beyond the spread"),
        ({"bands": (BANDS[0], BANDS[1] | {"depth_quote": "5000"})}, "each must be deeper"),
        ({"min_order_quote": 2_000}, "with so many levels one order would be"),
    ],
)
def test_bands_that_make_no_book_are_refused(other: dict[str, object], objection: str) -> None:
    with pytest.raises(ValidationError, match=objection):
        profile(**other)

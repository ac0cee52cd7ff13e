"""One exchange lists what its configuration names, each on its own grid and with its own order flow."""

from decimal import Decimal
from typing import Any

import pytest

from replenisher.config.sections import ExchangeSection
from replenisher.exchange.exchange import Listing
from replenisher.model.instrument import Kind
from replenisher.model.order import Side
from replenisher.wiring.listings import listings_of, synthetic_instrument

START = 1_780_000_000 * 10**9


def listings(instruments: dict[str, Any], *, seed: int = 7) -> dict[str, Listing]:
    section = ExchangeSection.model_validate(
        {
            "venue": "deribit",
            "market": {"source": "synthetic"},
            "instruments": instruments,
            "balances": {"BTC": "10"},
        }
    )
    found = listings_of(section, tape=None, seed=seed, clock=lambda _: START)
    return {listing.market.instrument.name: listing for listing in found}


def test_without_a_list_the_perpetual_is_listed() -> None:
    (listing,) = listings({}).values()

    assert listing.market.instrument == synthetic_instrument("deribit")


def test_kinds_side_by_side() -> None:
    least = {"min_amount": "0.001", "min_notional": 20}
    found = listings(
        {
            "BTC-PERPETUAL": None,
            "BTC-25DEC26": {"fees": {"maker_bps": -1, "taker_bps": 5}},
            "BTC_USDC": {"tick": "0.01", "tick_steps": [{"above_price": 10000, "tick": 1}], **least},
            "SOL_USDC-PERPETUAL": {
                "market": {"source": "synthetic", "start_price": 150},
                "tick": "0.01",
                "lot": "0.1",
            },
        }
    )

    kinds = {name: listing.market.instrument.kind for name, listing in found.items()}
    assert kinds == {
        "BTC-PERPETUAL": Kind.PERPETUAL,
        "BTC-25DEC26": Kind.FUTURE,
        "BTC_USDC": Kind.SPOT,
        "SOL_USDC-PERPETUAL": Kind.PERPETUAL,
    }
    assert found["BTC-25DEC26"].maker_rate == Decimal("-0.0001")
    assert found["BTC-25DEC26"].expires_at is not None
    spot = found["BTC_USDC"].market.instrument
    assert (spot.min_amount, spot.min_notional) == (Decimal("0.001"), Decimal(20))


@pytest.mark.parametrize("name", ["BTC-PERPETUAL", "BTC-25DEC26", "BTC_USDC", "ETH_USDC-PERPETUAL", "ETH-PERPETUAL"])
def test_a_market_starts_about_its_usual_price_and_on_its_grid(name: str) -> None:
    market = listings({name: {}})[name].market
    instrument = market.instrument

    bid, ask = market.best(Side.BUY), market.best(Side.SELL)

    assert bid is not None and ask is not None and bid < ask
    expected = Decimal(60000) if name.startswith("BTC") else Decimal(3000)
    assert abs(instrument.price(bid) / expected - 1) < Decimal("0.05")


def test_agents_keep_to_the_coarser_ticks_of_higher_prices() -> None:
    steps = [{"above_price": 10000, "tick": "0.5"}, {"above_price": 50000, "tick": "25"}]
    market = listings({"BTC_USDC": {"tick": "0.1", "tick_steps": steps}})["BTC_USDC"].market
    instrument = market.instrument

    prices = [instrument.price(level.price) for level in market.depth()]

    assert prices
    assert [price for price in prices if price % instrument.tick_at(price)] == []


def test_what_the_first_market_does_does_not_depend_on_the_others() -> None:
    alone, together = listings({"BTC-PERPETUAL": {}}), listings({"BTC-PERPETUAL": {}, "ETH-PERPETUAL": {}})

    assert alone["BTC-PERPETUAL"].market.depth() == together["BTC-PERPETUAL"].market.depth()

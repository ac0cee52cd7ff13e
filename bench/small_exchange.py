"""An exchange as small as it can be, for benches and tests: one perpetual on synthetic order flow, a few accounts."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Any

from replenisher.exchange.exchange import Exchange
from replenisher.exchange.flow import SyntheticSettings
from replenisher.exchange.ledger import NO_PAST, Past
from replenisher.exchange.market import Listing
from replenisher.exchange.synthetic import SyntheticMarket
from replenisher.model.instrument import Instrument
from replenisher.wiring.listings import synthetic_instrument

BTC_PERPETUAL = synthetic_instrument("deribit")
QUIET = SyntheticSettings(minutes_per_second=1e-9)  # nobody but the accounts does anything
LIVELY = SyntheticSettings(minutes_per_second=20.0)
MAKER_RATE, TAKER_RATE = Decimal("-0.0001"), Decimal("0.0005")
TEN_BTC = MappingProxyType({"BTC": Decimal(10)})
SEED = 7


def listing_of(flow: SyntheticSettings, *, at: int, instrument: Instrument = BTC_PERPETUAL, **terms: Any) -> Listing:
    """A market that begins at `at`, on the venue's fees unless the terms say otherwise."""
    market = SyntheticMarket(instrument, flow, Random(SEED), at)
    return Listing(market=market, **{"maker_rate": MAKER_RATE, "taker_rate": TAKER_RATE} | terms)


def exchange_of(
    *accounts: str,
    at: int,
    flow: SyntheticSettings = QUIET,
    listings: Sequence[Listing] = (),
    cash: Mapping[str, Decimal] = TEN_BTC,
    append: Callable[[bytes], None] = lambda _: None,
    past: Past = NO_PAST,
    exchange_id: str = "0123456789abcdef",
) -> Exchange:
    """Each account has the same cash; the one market is on this flow, unless there are other listings."""
    return Exchange(
        exchange_id=exchange_id,
        seed=SEED,
        listings=listings or (listing_of(flow, at=at),),
        balances=dict.fromkeys(accounts, cash),
        append=append,
        at=at,
        past=past,
    )

"""An exchange on which several instruments are listed and several accounts trade; nothing stirs until time passes."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from replenisher.exchange.dialects.deribit.naming import Grid, instrument_of, read_name, usual_grid
from replenisher.exchange.exchange import Exchange, Listing
from replenisher.exchange.flow import SyntheticSettings
from replenisher.exchange.ledger import NO_PAST, Past
from replenisher.exchange.synthetic import SyntheticMarket
from replenisher.exchange.words import OrderRequest, OrderType, OrderView, Outcome
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side

D = Decimal
START = 1_780_000_000 * 10**9
PERPETUAL, SPOT, FUTURE = "BTC-PERPETUAL", "BTC_USDC", "BTC-29MAY26"
MAKER_RATE, TAKER_RATE = D("-0.0001"), D("0.0005")
RICH = {account: {"BTC": D(10), "USDC": D(1_000_000)} for account in ("main", "sub", "other")}


def listing(
    name: str, *, at: int = START, pace: float = 3.0, change: Mapping[str, Any] | None = None, **terms: Any
) -> Listing:
    """An instrument of that name, on its usual grid but for `change`, with a market about its usual price.

    `pace` is how many minutes pass in the market in a second.
    """
    understood = read_name(name)
    assert understood is not None, name
    grid = msgspec.structs.replace(usual_grid(understood), **(change or {}))
    assert isinstance(grid, Grid)
    instrument: Instrument = instrument_of("deribit", understood, grid)
    coarsest = int(instrument.tick_steps[-1].tick / instrument.tick)
    settings = SyntheticSettings(
        start_price_ticks=int(grid.start_price / instrument.tick), step_ticks=18 * coarsest, minutes_per_second=pace
    )
    return Listing(
        market=SyntheticMarket(instrument, settings, Random(7), at),
        **{"maker_rate": MAKER_RATE, "taker_rate": TAKER_RATE, "expires_at": understood.expires_at} | terms,
    )


class Stand:
    """The exchange, its ledger in memory, and the time."""

    def __init__(
        self,
        *listings: Listing,
        balances: Mapping[str, Mapping[str, Decimal]] = RICH,
        past: Past = NO_PAST,
        at: int = START,
        max_leverage: int = 50,
        **more: Any,
    ) -> None:
        self.at = at
        self.ledger = bytearray()
        self.exchange = Exchange(
            exchange_id="00112233aabbccdd",
            seed=7,
            listings=listings or (listing(PERPETUAL, at=at),),
            balances=balances,
            append=self.ledger.extend,
            at=at,
            past=past,
            max_leverage=max_leverage,
            owners={"sub": "main"},
            **more,
        )

    def bid(self, name: str = PERPETUAL) -> Decimal:
        return self.exchange.views.book(name).bids[0][0]

    def ask(self, name: str = PERPETUAL) -> Decimal:
        return self.exchange.views.book(name).asks[0][0]

    def place(
        self, side: Side, amount: object, price: Decimal | None = None, *, account: str = "main", **more: Any
    ) -> Outcome:
        """An order; without a price a market order."""
        asked = {
            "account": account,
            "connection": "c1",
            "instrument": PERPETUAL,
            "order_type": OrderType.MARKET if price is None else OrderType.LIMIT,
            "method": f"private/{side}",
        }
        return self.exchange.place(
            OrderRequest(side=side, amount=D(str(amount)), price=price, **(asked | more)), self.at
        )

    def taken(self, side: Side, amount: object, price: Decimal | None = None, **more: Any) -> OrderView:
        """An order that is not refused."""
        outcome = self.place(side, amount, price, **more)
        assert outcome.order is not None, outcome.refusal
        return outcome.order

    def order(self, order: OrderView) -> OrderView:
        """The order as it is now."""
        found = self.exchange.views.order(order.account, order.order_id)
        assert found is not None
        return found

    def size(self, account: str = "main", name: str = PERPETUAL) -> Decimal:
        return self.exchange.views.position(account, name).size

    def balance(self, currency: str, account: str = "main") -> Decimal:
        return self.exchange.views.account(account, currency).balance

    def available(self, currency: str, account: str = "main") -> Decimal:
        return self.exchange.views.account(account, currency).available

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """The ledger's records of one kind."""
        records = [msgspec.json.decode(line) for line in bytes(self.ledger).splitlines()]
        return [record for record in records if record["type"] == kind]

    def wait(self, duration_ns: int) -> None:
        """Let time pass until everything has caught up with it."""
        self.at += duration_ns
        self.exchange.advance(self.at)
        while (next_at := self.exchange.next_at) is not None and next_at <= self.at:
            self.exchange.advance(self.at)

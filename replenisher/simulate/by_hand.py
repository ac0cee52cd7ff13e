"""Somebody else who uses our account: he lets an order rest for a while, too far away to be filled."""

from decimal import Decimal
from random import Random

from replenisher.exchange.words import OrderRequest
from replenisher.model.order import BUY, SELL
from replenisher.simulate.exchange_end import ExchangeEnd

AMOUNT, AWAY = Decimal(500), Decimal("0.012")  # of the mark


class ByHand:
    """He and his orders."""

    def __init__(self, counter: ExchangeEnd, account: str, chance: Random) -> None:
        self._counter = counter
        self._account = account
        self._chance = chance
        self._placed = 0

    def place(self, instrument: str, at: int) -> str:
        """An order of his; its id, or nothing if the exchange did not take it."""
        exchange, side = self._counter.exchange, self._chance.choice((BUY, SELL))
        (tick,) = (each.instrument.tick for each in exchange.views.instruments() if each.instrument.name == instrument)
        self._placed += 1
        outcome = exchange.place(
            OrderRequest(
                account=self._account,
                connection="by hand",
                instrument=instrument,
                side=side,
                amount=AMOUNT,
                price=exchange.views.mark_price(instrument) * (1 - side.sign * AWAY) // tick * tick,
                label=f"by hand {self._placed}",
                post_only=True,
            ),
            at,
        )
        return outcome.order.order_id if outcome.order is not None else ""

    def cancel(self, order_id: str, at: int) -> None:
        """He takes it off again."""
        if self._counter.is_open:
            self._counter.exchange.cancel(self._account, order_id, reason="by hand", method="private/cancel", at=at)

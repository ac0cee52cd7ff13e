"""S13: every order and amend that leaves is on the grid, of a sane size, near the market, and would take nothing."""

from decimal import Decimal

from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.simulate.court import Check, Daemon, Objection
from replenisher.simulate.evidence import Resting
from replenisher.simulate.order_frames import OrderFrame, order_frame

BPS = Decimal(10_000)
SLACK_BPS = 100  # the market may have moved since the daemon looked


class OrdersAreSane(Check):
    """Looks at the frame with the exchange's own definition of the instrument."""

    name = "S13"

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """An order or amend leaves."""
        request = order_frame(frame)
        if request is None or not (request.is_place or request.verb == "edit"):
            return None
        order = None if request.is_place else self.oracle.evidence.resting.get(request.order_id)
        if not request.is_place and order is None:
            return None  # it has ended: nothing can come of it
        name = request.instrument if order is None else order.instrument
        side = request.side if order is None else order.side
        listed = {each.instrument.name: each.instrument for each in self.oracle.exchange.views.instruments()}
        why = (
            self._complaint(request, listed[name])
            or self._distance(request, name)
            or self._crossing(request, name, side)
        )
        return f"{why}: {frame}" if why else None

    def _complaint(self, request: OrderFrame, instrument: Instrument) -> str:
        price, amount = request.price, request.amount
        if not (price.is_finite() and amount.is_finite() and price > 0 and amount > 0):
            return "a price or an amount is no positive number"
        if price % instrument.tick or amount % instrument.lot:
            return "a price or an amount is off the grid"
        if amount < instrument.min_amount:
            return f"less than {instrument.min_amount}"
        if request.is_place and amount > instrument.amount_of_quote(self.oracle.setup.limits.max_order_quote, price):
            return f"more than {self.oracle.setup.limits.max_order_quote} in the quote currency"
        return "" if request.post_only and request.reject_post_only else "it might take"

    def _distance(self, request: OrderFrame, name: str) -> str:
        mark = self.oracle.exchange.views.mark_price(name)
        most = Decimal(repr(self.oracle.setup.limits.price_collar_bps)) + SLACK_BPS
        away = abs(request.price / mark - 1) * BPS
        return f"{away:.0f} bps from the mark" if away > most else ""

    def _crossing(self, request: OrderFrame, name: str, side: Side) -> str:
        evidence = self.oracle.evidence
        ours: list[Resting | OrderFrame] = [*evidence.resting.values(), *evidence.under_way.values()]
        for order in ours:
            is_opposite = order.instrument == name and order.side is not side
            if is_opposite and (request.price - order.price) * side.sign >= 0:
                return f"it would trade with our own order {order.label} at {order.price}"
        return ""

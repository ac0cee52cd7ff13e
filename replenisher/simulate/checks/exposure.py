"""S4: if everything that rests or is under way were filled, all positions would still be within their limits."""

from decimal import Decimal

from replenisher.exchange.words import InstrumentView
from replenisher.model.instrument import SPOT
from replenisher.model.order import Side
from replenisher.simulate.court import Check, Daemon, Objection
from replenisher.simulate.order_frames import order_frame

MOVED = Decimal("1.05")  # marks and cash may have, since they were last counted


class WorstCaseIsWithinLimits(Check):
    """Adds up the truth each time an order or an amend leaves; nothing else makes the worst case worse."""

    name = "S4"

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """The evidence has this frame under way already."""
        request = order_frame(frame)
        if request is None or not (request.is_place or request.verb == "edit"):
            return None
        evidence, limits = self.oracle.evidence, self.oracle.setup.limits
        if request.is_place:
            name, side = request.instrument, request.side
        elif order := evidence.resting.get(request.order_id):
            name, side = order.instrument, order.side
        else:
            return None  # it has ended: nothing can come of it
        listed = {each.instrument.name: each for each in self.oracle.exchange.views.instruments()}
        worst = self._worst(name, side)
        most = listed[name].instrument.amount_of_quote(limits.max_position_quote, request.price)
        if worst > most:
            return (
                f"{name}: {evidence.positions[name]} is held, and {worst} to {side} may come of it: more than {most:f}"
            )
        count = sum(1 for _ in evidence.ours()) + len(evidence.under_way)
        if count > limits.max_open_orders:
            return f"{count} orders rest or are under way, and {limits.max_open_orders} may"
        return self._beyond_leverage(listed, listed[name].instrument.settlement_currency)

    def _worst(self, name: str, side: Side) -> Decimal:
        """The largest position on one side that may come of what is held, rests and is under way."""
        evidence = self.oracle.evidence
        left = [order.left for order in evidence.ours() if (order.instrument, order.side) == (name, side)]
        coming = [
            place.amount for place in evidence.under_way.values() if (place.instrument, place.side) == (name, side)
        ]
        return sum([*left, *coming], evidence.positions[name] * side.sign)

    def _beyond_leverage(self, listed: dict[str, InstrumentView], currency: str) -> Objection:
        """All contracts that one currency pays for are counted together."""
        views, total = self.oracle.exchange.views, Decimal(0)
        for name, each in listed.items():
            if each.instrument.kind is not SPOT and each.instrument.settlement_currency == currency:
                worst = max(self._worst(name, side) for side in Side)
                total += each.instrument.value(worst, views.mark_price(name)) if worst else Decimal(0)
        held = views.account(self.oracle.account, currency)
        most = (held.balance + held.realized) * self.oracle.setup.limits.max_leverage
        return f"positions of {total:f} {currency} may come, and {most:f} may" if total > most * MOVED else None

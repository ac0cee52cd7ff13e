"""S4: if everything that rests or is under way were filled, the position would still be within its limit."""

from replenisher.simulate.court import Check, Daemon, Objection
from replenisher.simulate.order_frames import order_frame


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
        left = sum(order.left for order in evidence.ours() if (order.instrument, order.side) == (name, side))
        coming = sum(
            place.amount for place in evidence.under_way.values() if (place.instrument, place.side) == (name, side)
        )
        worst = evidence.positions[name] * side.sign + left + coming
        listed = {each.instrument.name: each.instrument for each in self.oracle.exchange.views.instruments()}
        most = listed[name].amount_of_quote(limits.max_position_quote, request.price)
        if worst > most:
            return (
                f"{name}: {evidence.positions[name]} is held, {left} rests to {side}, {coming} is under way:"
                f" more than {most:f}"
            )
        count = sum(1 for _ in evidence.ours()) + len(evidence.under_way)
        if count > limits.max_open_orders:
            return f"{count} orders rest or are under way, and {limits.max_open_orders} may"
        return None

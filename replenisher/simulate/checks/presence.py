"""S23: no more time is claimed to have met obligations than an onlooker has seen them met in the exchange's book.

The onlooker looks at what rests there whenever the exchange writes a line, and reckons for himself. A daemon cannot
know at once that an order is gone: while the word of it is under way, or a connection is dead and nobody has noticed,
it goes on claiming. So each time in which they were not met may be claimed for as long as it takes to learn of it.
"""

from collections.abc import Sequence
from decimal import Decimal

from replenisher.core.setup import StrategySetup
from replenisher.exchange.ledger import Record
from replenisher.model.command import PlaceOrder, PresenceCounted
from replenisher.model.instrument import name_of
from replenisher.model.order import Side
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Books, Check, Daemon, Objection, Oracle
from replenisher.simulate.evidence import Resting

LEARNS_NS = SECOND_NS  # where nothing goes wrong
LEARNS_LATE_NS = 30 * SECOND_NS  # where something has: as long as a dead connection may stand, half a dead man's switch


class Seen:
    """What the onlooker saw of one strategy."""

    def __init__(self, at: int) -> None:
        self.met_ns = 0
        self.unmet_ns = 0
        self.excused_ns = 0  # of the time in which it was not met: what may be claimed all the same
        self._since, self._is_met = at, False

    def look(self, at: int, troubled_at: int, *, is_met: bool) -> None:
        """So it is from now on; something went wrong at `troubled_at`, for the last time."""
        if is_met is self._is_met:
            return
        elapsed_ns = at - self._since
        if self._is_met:
            self.met_ns += elapsed_ns
        else:
            self.unmet_ns += elapsed_ns
            is_late = troubled_at >= self._since - LEARNS_LATE_NS
            self.excused_ns += min(elapsed_ns, LEARNS_LATE_NS if is_late else LEARNS_NS)
        self._since, self._is_met = at, is_met

    def end(self, at: int, troubled_at: int) -> None:
        """Nothing more is seen."""
        self.look(at, troubled_at, is_met=not self._is_met)


class PresenceIsTrue(Check):
    """Holds what each strategy that is obliged has recorded against what rested."""

    name = "S23"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self.seen: dict[str, Seen] = {}
        self._obliged: list[StrategySetup] = []
        self._counted: dict[tuple[str, int], int] = {}  # by strategy and hour: met of it, by the last record
        self._strategies: dict[str, str] = {}  # whose each order is, by its label
        self._troubled_at = oracle.at - LEARNS_LATE_NS

    def claimed_ns(self, strategy: str) -> int:
        """For how long it has met its obligations, as it says."""
        return sum(met_ns for (whose, _), met_ns in self._counted.items() if whose == strategy)

    def began(self, daemon: Daemon) -> Objection:
        """The first life says who is obliged."""
        if daemon.number == 1:
            self._obliged = [setup for each in self.oracle.setup.obliged.values() for setup in each]
            self.seen = {setup.id: Seen(self.oracle.at) for setup in self._obliged}
        return None

    def struck(self, fault: str) -> Objection:
        """Something goes wrong."""
        self._troubled_at = self.oracle.at
        return None

    def disconnected(self, daemon: Daemon, connection: str) -> Objection:
        """And so does this."""
        self._troubled_at = self.oracle.at
        return None

    def recorded(self, record: Record) -> Objection:
        """Something may rest that did not, or the other way round."""
        if self._obliged:
            self._look()
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """What it asks for, and what it records."""
        if not self._obliged:
            return None
        for command in step.commands:
            if isinstance(command, PlaceOrder):
                self._strategies[command.order_id] = command.strategy
            elif isinstance(command, PresenceCounted):
                self._counted[command.strategy, command.hour] = command.hour_met_ns
        if any(isinstance(command, PlaceOrder) for command in step.commands):
            self._look()  # what it asked for may rest already, and now it is known whose that is
        return None

    def closed(self, books: Books) -> Objection:
        """All is known."""
        for setup in self._obliged:
            seen = self.seen[setup.id]
            seen.end(self.oracle.at, self._troubled_at)
            claimed_ns = self.claimed_ns(setup.id)
            if claimed_ns > seen.met_ns + seen.excused_ns:
                told = f"{claimed_ns / SECOND_NS:.3f} s, and {seen.met_ns / SECOND_NS:.3f} s were"
                return f"{setup.id} claims to have met its obligations for {told}"
        return None

    def _look(self) -> None:
        resting = list(self.oracle.evidence.ours())
        for setup in self._obliged:
            own = [
                order
                for order in resting
                if order.instrument == name_of(setup.instrument) and self._strategies.get(order.label) == setup.id
            ]
            self.seen[setup.id].look(self.oracle.at, self._troubled_at, is_met=self._is_met(setup, own))

    def _is_met(self, setup: StrategySetup, own: Sequence[Resting]) -> bool:
        owed = setup.obligations
        assert owed is not None, "it is obliged"
        completing: list[Decimal] = []
        for side in (Side.BUY, Side.SELL):
            orders = sorted((order for order in own if order.side is side), key=lambda order: order.price * -side.sign)
            depth = Decimal(0)
            for order in orders:
                depth += self._worth_quote(order)
                if depth >= owed.min_depth_quote:
                    completing.append(order.price)
                    break
            else:
                return False
        bid, ask = completing
        return float((ask - bid) / ((ask + bid) / 2)) * 10_000 <= owed.max_spread_bps

    def _worth_quote(self, order: Resting) -> Decimal:
        """An inverse contract's amount is what it is worth."""
        views, left = self.oracle.exchange.views.instruments(), order.amount - order.filled
        is_inverse = any(view.instrument.inverse for view in views if view.instrument.name == order.instrument)
        return left if is_inverse else left * order.price

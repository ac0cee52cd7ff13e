"""The background of an order: what its strategy decided while it was alive, and what was in force in each life."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from replenisher.core.budget import UNPAID
from replenisher.core.guards import MIN_PROFIT
from replenisher.model.instrument import Instrument
from replenisher.model.mandate import Mandate
from replenisher.model.order import Status
from replenisher.model.step import Cut, Quote
from replenisher.report.why.derivation import derived
from replenisher.report.why.story import Shown
from replenisher.store import one_order
from replenisher.store.one_order import Asked, Decided, Filled, Life, Moment, OrderKey, OrderRow

CLOSEST = "closest_bps"  # so min profit is called in a mandate
FOR_EVER = (1 << 62, 1 << 62)


class Background:
    """All that is known around one order that was placed."""

    def __init__(
        self, connection: Connection, key: OrderKey, row: OrderRow, asked: Sequence[Asked], fills: Sequence[Filled]
    ) -> None:
        own = [(each.epoch, each.step) for each in asked if each.journal_id == row.journal_id]
        self.row = row
        self._connection, self._venue = connection, key.venue
        # The last word on an order may come long after its end; a fill is booked once.
        self.last: Moment = (row.updated_epoch, row.updated_step)
        self.last_at = row.updated_at
        if fills and row.status is Status.FILLED:
            self.last, self.last_at = (fills[-1].epoch, fills[-1].step), fills[-1].at
        since = min(own, default=(row.epoch, 0))
        until = max([self.last, *own]) if row.status.is_terminal else FOR_EVER
        self._span = since, until
        self.instrument: Instrument = one_order.instrument(connection, key.venue, row)
        self.denials = one_order.denials(connection, key, row, since, until)
        self._decisions = one_order.decisions_in(connection, key.venue, row, {*own})
        self._lives = one_order.lives(connection, row, since, until)
        self._mandates = one_order.mandates(connection, row, since, until)

    @property
    def later_lives(self) -> list[Life]:
        """Those that began while it was alive."""
        return [life for life in self._lives if life.epoch > self.row.epoch]

    def silent(self) -> Iterator[Decided]:
        """The decisions of steps in which nothing was asked about the order, while it was alive."""
        is_over = self.row.status.is_terminal
        for decision in one_order.decisions(self._connection, self._venue, self.row, *self._span):
            moment = decision.epoch, decision.step
            if moment not in self._decisions and not (is_over and moment >= self.last):
                yield decision

    def decision(self, asked: Asked) -> Decided | None:
        """The decision that a command stems from."""
        return self._decisions.get((asked.epoch, asked.step))

    def denial(self, asked: Asked, level: int) -> Asked | None:
        """What our gate refused in a slot in the step of a command."""
        same = (asked.epoch, asked.step, level)
        return next((each for each in self.denials if (each.epoch, each.step, each.level) == same), None)

    def mandate(self, epoch: int) -> Mandate | None:
        """What a life asked of the order's strategy; None if nothing, or if that was not recorded then."""
        return self._mandates.get(epoch, {}).get(self.row.strategy)

    def policy(self, epoch: int) -> Mapping[str, Any]:
        """How that life kept the strategy's orders in line with its wishes, as far as that is known."""
        mandate = self.mandate(epoch)
        return {} if mandate is None else mandate.policy

    def valued(self, reason: str, epoch: int) -> str:
        """A reason, with the number in force where its name is that of a limit or of a guard of the strategy."""
        mandate = self.mandate(epoch)
        settings = {} if mandate is None else {**mandate.limits, **(mandate.guards or {})}
        if reason == MIN_PROFIT and CLOSEST in settings:
            return f"{reason} (with the fee {settings[CLOSEST]:g} bps)"
        return f"{reason} ({settings[reason]})" if reason in settings else reason

    def was_dropped(self, epoch: int) -> bool:
        """Whether a life was configured without the strategy."""
        return epoch in self._mandates and self.mandate(epoch) is None

    def quote(self, quotes: Sequence[Quote], level: int) -> Quote | None:
        """What was decided for a slot of the order's side."""
        return next((quote for quote in quotes if (quote.side, quote.level) == (self.row.side, level)), None)

    def cuts(self, decision: Decided, level: int) -> list[Cut]:
        """What guards and limits made of a slot of the order's side."""
        return [cut for cut in decision.cuts or () if (cut.side, cut.level) == (self.row.side, level)]

    def could_not_pay(self, decision: Decided, level: int) -> bool:
        """Whether the rate budget was spent before it came to a slot of the order's side."""
        return any(cut.reason == UNPAID for cut in self.cuts(decision, level))

    def waited_ns(self, asked: Asked, level: int) -> int:
        """For how long a place had waited for the rate budget, as far as the decisions before it tell; 0 if not."""
        since = asked.at
        for decision in one_order.decisions_before(self._connection, self._venue, self.row, (asked.epoch, asked.step)):
            if not self.could_not_pay(decision, level):
                break
            since = decision.at
        return asked.at - since

    def shown(self, asked: Asked, level: int) -> Shown | None:
        """How the decision that a command stems from came to a slot; None where it wanted nothing at all."""
        decision, mandate = self.decision(asked), self.mandate(asked.epoch)
        if decision is None or decision.fair_value is None:
            return None
        wanted, permitted = self.quote(decision.wanted, level), self.quote(decision.permitted, level)
        price, amount, stages = self.instrument.price, self.instrument.amount, []
        if wanted is not None and mandate is not None and mandate.chain is not None:
            fair, terms, side = decision.fair_value, decision.terms, self.row.side
            stages = derived(mandate.chain, fair, terms, side, level, self.instrument)
        return Shown(
            fair_value=decision.fair_value,
            fair_value_source="" if mandate is None else mandate.fair_value,
            terms=decision.terms,
            stages=stages,
            agrees=bool(stages) and wanted is not None and stages[-1].price == price(wanted.price),
            wanted=None if wanted is None else price(wanted.price),
            wanted_amount=None if wanted is None else amount(wanted.quantity),
            cuts=[
                (self.valued(cut.reason, asked.epoch), price(cut.price), amount(cut.quantity))
                for cut in self.cuts(decision, level)
            ],
            permitted=None if permitted is None else price(permitted.price),
        )

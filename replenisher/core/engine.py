"""The step: facts in, wishes out. Live trading, paper trading and every test differ only in who calls it.

It reads no clock, opens no socket and draws no random number: the same facts always give the same wishes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from replenisher.core.agenda import Agenda
from replenisher.core.alone import look_alone
from replenisher.core.apply import advance, apply
from replenisher.core.daily_loss import DailyLoss
from replenisher.core.dispatch import Dispatch
from replenisher.core.elsewhere import look_at_followers
from replenisher.core.expect import expect
from replenisher.core.halts import is_stricter, judge_positions
from replenisher.core.marking import Marking
from replenisher.core.plan import Plan, Planner
from replenisher.core.presence import Presence
from replenisher.core.recollection import Recollection
from replenisher.core.state import State
from replenisher.core.throttle import Throttle
from replenisher.model.command import Command, Pause
from replenisher.model.event import Event
from replenisher.model.instrument import venue_of
from replenisher.model.step import Step
from replenisher.model.units import NEVER_NS


@dataclass(slots=True)
class Engine:
    """Turns facts into wishes."""

    state: State
    number: int = 0
    at: int = 0  # session time of the last step; it never goes back
    planner: Planner = field(default_factory=Planner)
    agenda: Agenda = field(default_factory=Agenda)
    daily_loss: DailyLoss = field(default_factory=DailyLoss)
    throttle: Throttle = field(default_factory=Throttle)
    presence: Presence = field(default_factory=Presence)
    recollection: Recollection = field(default_factory=Recollection)
    marking: Marking = field(default_factory=Marking)

    @property
    def next_deadline(self) -> int | None:
        """The session time at which the engine wants to be woken, should nothing happen before."""
        if self.state.found:
            return self.at
        deadline = self.agenda.deadline(self.state)
        if not self.state.setup.obliged:
            return deadline
        return min(self.presence.next_look, NEVER_NS if deadline is None else deadline)

    @property
    def fresh_until(self) -> int:
        """The session time from which on a book is too old on which the last step has decided something."""
        return self.agenda.fresh_until

    def step(self, events: Sequence[Event]) -> Step:
        """Apply everything that has arrived, and decide once per touched market."""
        assert events, "a step is caused by something"
        state, at = self.state, self.at
        if state.drawn_on and events[-1].at > at:
            state.all_has_left(events[-1].at)
        if events[-1].at >= state.markouts.next_due:
            state.markouts.pass_time(events[-1].at, state.stood)
        for event in events:
            if event.at > at:
                at = event.at
            apply(state, event)
        self.at = at
        advance(state, at)
        self.agenda.remind(state, at)
        commands: list[Command] = []
        plans: list[Plan] = []
        is_told = bool(state.executed)  # what is wanted after a fill, though nothing need be done for it
        is_due = at >= self.daily_loss.next_day or at >= self.presence.next_look or at >= self.marking.next_at
        if is_due or state.is_anything_to_do:
            commands, plans = self._react(at)
            if commands:
                self.throttle.sent(state, commands, at)
        for venue, sync in state.syncs.items():
            if sync.next_due <= at:
                for question in sync.due(state.read_until, state.setup.venue(venue).request_timeout_ns, at):
                    expect(state, question, at)
                    commands.append(question)

        is_told = is_told or bool(commands)
        self.number += 1
        changed = state.orders.changed()
        return Step(
            number=self.number,
            at=at,
            events=tuple(events),
            commands=tuple(commands),
            decisions=tuple([plan.decision() for plan in plans if is_told or plan.is_news]) if plans else (),
            orders=tuple([order.report() for order in changed]) if changed else (),
            marks=state.markouts.taken() if state.markouts.told else (),
        )

    def _react(self, at: int) -> tuple[list[Command], list[Plan]]:
        """What follows from all that was noted."""
        state = self.state
        if state.objection:
            return [], []
        for executed in state.executed:  # before anybody looks at the market as it is now
            offset_ns = state.clock_offsets_ns.get(venue_of(executed.fill.instrument), 0)
            state.markouts.saw_fill(executed, offset_ns, state.stood)
        if state.stopping is not None:
            state.markouts.end()
        if state.setup.followers:
            for instrument in [*state.to_revisit, *state.to_look_at]:
                look_at_followers(state, instrument)
        dispatch = Dispatch(state, self.agenda, at)
        for limit in self.daily_loss.look(state, self._revalued(at), at):
            dispatch.give(limit)
        if state.executed:
            self.throttle.filled(state, at)
            judge_positions(state, at)
            state.executed.clear()
        if state.found:
            found, state.found = state.found, {}
            for latch in found.values():
                if type(latch) is not Pause or is_stricter(state, latch):  # since it was found another may have begun
                    dispatch.give(latch)
        if at >= self.recollection.next_at or state.stopping is not None:
            for dumped in self.recollection.records(state, at):
                dispatch.give(dumped)
        if at >= self.marking.next_at or self.marking.unmarked or state.stopping is not None:
            for mark in self.marking.records(state, at):
                dispatch.give(mark)
        changed = tuple(state.to_revisit)
        plans = self._decide(dispatch, at)
        if self.presence.next_look != NEVER_NS:
            for record in self.presence.look(state, changed, at):
                dispatch.give(record)
        return dispatch.commands, plans

    def _decide(self, dispatch: Dispatch, at: int) -> list[Plan]:
        """Plan for every market that was touched, and send what the plans wish for."""
        state = self.state
        touched, state.to_revisit = state.to_revisit, {}
        moved, state.to_look_at = state.to_look_at, {}
        plans: list[Plan] = []
        state.count_anew(touched)
        for instrument in touched:
            plans += self.planner.after_news(state, instrument, at)
        for instrument in moved:
            if instrument not in touched:
                fresh = self.planner.after_move(state, instrument, at)
                if fresh:
                    touched[instrument] = None
                    plans += fresh
                else:
                    self.agenda.looked_at(state, instrument, at)
        if plans:
            dispatch.carry_out(plans)
        if state.earlier_lives:
            touched |= dict.fromkeys(dispatch.cancel_left_over())
        if state.strays:
            dispatch.cancel_strays()
        for instrument in touched:
            self.agenda.decided(state, instrument, plans, at)
        return plans

    def _revalued(self, at: int) -> list[str]:
        """Look at every market that has moved; the instruments on which our P&L may be another one now."""
        state = self.state
        revalued = list(state.to_revisit)
        for instrument in revalued:
            before = state.touches.get(instrument)
            if state.look(instrument, at) != before:
                state.markouts.saw_move(instrument, state.books[instrument].venue_time, before)
        for instrument in state.to_look_at:
            before = state.touches.get(instrument)
            touch = state.look(instrument, at)
            if touch is None or before is None or touch.bid + touch.ask != before.bid + before.ask:
                revalued.append(instrument)
                state.markouts.saw_move(instrument, state.books[instrument].venue_time, before)
        if state.setup.alone:
            look_alone(state, revalued, at)
        return revalued

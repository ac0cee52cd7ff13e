"""Replay: the state after steps of an earlier life, from their record alone. Nothing is decided anew or sent."""

from collections.abc import Iterable

from replenisher.core.apply import advance, apply
from replenisher.core.expect import expect
from replenisher.core.state import State
from replenisher.model.step import Step


def fold(state: State, steps: Iterable[Step]) -> None:
    """Bring the state up to date with recorded steps, oldest first."""
    for step in steps:
        for event in step.events:
            apply(state, event)
        advance(state, step.at)
        for command in step.commands:
            expect(state, command, step.at)
    state.orders.changed()
    state.found.clear()
    state.executed.clear()
    state.to_revisit.clear()
    state.to_look_at.clear()

"""Absence: why a strategy may show nothing at all. The one list of dangers; what follows from it is a cancel."""

from replenisher.core.halts import why_halted
from replenisher.core.setup import StrategySetup
from replenisher.core.state import State


def why_absent(state: State, setup: StrategySetup, at: int) -> str:
    """The first reason why nothing may be shown, in a few words; empty while something may. It only looks."""
    if barred := why_barred(state, setup):
        return barred
    if setup.venue in state.skews:
        return f"the clock of {setup.venue} is too far from ours"
    if setup.instrument in state.closed:
        return f"closed: {state.closed[setup.instrument]}"
    if state.earlier_lives and state.has_earlier_lives(setup.instrument):
        return "orders of an earlier life still rest"
    return why_distrusted(state, setup, at) or state.untold.get(setup.id, "")


def why_barred(state: State, setup: StrategySetup) -> str:
    """Why nothing may be shown whatever the market is like."""
    pause = state.pauses.get("")
    if pause is None or pause.reduces:
        pause = state.pauses.get(setup.id)
    sync = state.syncs.get(setup.venue)
    if state.stopping is not None:
        return f"stopping: {state.stopping.reason}"
    if state.halts:
        return why_halted(state)
    if pause is not None:
        return f"paused: {pause.reason}"
    if why := state.mixed.get(setup.venue):
        return why
    if state.lease_lost or state.journal_blocked:
        return state.lease_lost or state.journal_blocked
    if sync is None or not sync.is_synced:
        return f"not in sync with {setup.venue}: {'connecting' if sync is None else sync.stage}"
    return ""


def why_distrusted(state: State, setup: StrategySetup, at: int) -> str:
    """Why the book cannot be quoted on."""
    book = state.books.get(setup.instrument)
    if book is None:
        return "book: no snapshot yet"
    if book.distrust:
        return f"book: {book.distrust}"
    if book.is_crossed:
        return "book: crossed"
    oldest = at - setup.limits.max_data_age_ns
    if book.heard_at < oldest and state.links_heard.get(setup.venue, 0) < oldest:
        return "book: too old"
    offset_ns = state.clock_offsets_ns.get(setup.venue)
    if offset_ns is None or not book.has_moved:
        return ""
    late_ns = book.updated_at + offset_ns - book.venue_time
    return "book: arrives too late" if late_ns > setup.limits.max_data_age_ns else ""

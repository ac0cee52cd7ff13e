"""How a life begins: what the journal remembers becomes the state, and the new life gets its place in the journal."""

from replenisher.core import starting
from replenisher.core.replay import fold
from replenisher.core.setup import Setup
from replenisher.core.state import State
from replenisher.errors import ConfigurationError
from replenisher.model.command import Halt, Pause
from replenisher.model.event import HaltInherited, HaltsLifted, ResumeAsked
from replenisher.model.units import SECOND_NS
from replenisher.store.halts import Known
from replenisher.store.journal import Journal
from replenisher.store.moment import moment

EPOCH_ZERO_S = 1_704_067_200  # 2024-01-01, UTC


def begin(journal: Journal, setup: Setup, at: int, *, epoch_before: int = 0) -> tuple[State, int]:
    """The state in which one more life begins, and its epoch, which is on disk before this returns.

    It is larger than that of every life before: of this journal, and of whoever had the lease on its accounts.
    """
    state = State.load(setup, journal.boot.snapshot)
    fold(state, journal.boot.steps)
    _require_reach(state)
    starting.look_after_what_was_left(state)
    # Power loss may have taken all that the life before wrote, and may take all of this one but when it began.
    state.epoch, state.first_started_at = journal.boot.epoch, state.first_started_at or at
    epoch = max(at // SECOND_NS - EPOCH_ZERO_S, journal.boot.epoch + 1, epoch_before + 1)
    journal.begin(epoch, state.dump(), at)
    return state, epoch


def inherited(state: State, known: Known, at: int) -> list[HaltInherited | HaltsLifted]:
    """What the new life is told, besides, of halts on its accounts."""
    facts: list[HaltInherited | HaltsLifted] = []
    if known.lifted and state.halts:
        facts.append(HaltsLifted(at=at, reason=known.lifted))
    for halt in known.standing:
        reason = f"{halt.reason} (halted on {moment(halt.at)} UTC with another data directory)"
        facts.append(HaltInherited(at=at, cause=halt.cause, reason=reason))
    return facts


def lift(journal: Journal, setup: Setup, at: int, reason: str) -> list[str]:
    """Lift what would keep the next life from quoting, in a life of one step, in which an operator resumes."""
    state, _ = begin(journal, setup, at)
    latches: list[Halt | Pause] = [*state.halts.values(), *state.pauses.values()]
    if latches:
        journal.append_fact(ResumeAsked(at=at, reason=reason))
    return [latch.reason for latch in latches]


def _require_reach(state: State) -> None:
    """Refuse a setup under which orders of an earlier life would be orphans."""
    if left := starting.out_of_reach(state):
        raise ConfigurationError(
            "orders of an earlier life may rest where this configuration does not reach them, under another namespace "
            f"or at a venue on which nothing is quoted now: {', '.join(left)}; run it once more as it was, until a "
            "stop is verified flat"
        )

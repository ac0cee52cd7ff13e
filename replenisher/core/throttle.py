"""The throttle: how many requests are sent, and how often a strategy is filled, against what may be in a minute.

The rate budget paces what we send to what a venue takes; it makes a runaway slow, and never ends it. This counts what
was sent and filled, whoever decided it, and halts when that is more than anybody meant (MiFID II RTS 6, article 15: a
limit on messages, and a throttle of repeated executions). Each count is a bucket of one minute's worth, which session
time refills, so a burst of as many at once is let through, and nothing is kept of the single ones.
"""

from collections.abc import Sequence
from functools import cache
from typing import get_args

from replenisher.core.account import EXTERNAL
from replenisher.core.budget import Budget, RateLimit
from replenisher.core.state import State
from replenisher.model.command import Command, HaltCause, OrderCommand

REQUESTS = frozenset(get_args(OrderCommand))


class Throttle:
    """Counts what was sent and filled in this life."""

    __slots__ = ("_fills", "_requests")

    def __init__(self) -> None:
        self._requests = Budget(0.0, 0)
        self._fills: dict[str, Budget] = {}  # by strategy

    def sent(self, state: State, commands: Sequence[Command], at: int) -> None:
        """These commands leave now."""
        per_minute = state.setup.limits.max_messages_per_minute
        if per_minute is None:
            return
        self._requests.refill(_limit(per_minute), at)
        for command in commands:
            if type(command) in REQUESTS:
                self._requests.credits -= 1
        if self._requests.credits < 0:
            state.halt(HaltCause.MESSAGE_RATE, f"max_messages_per_minute: more than {per_minute} were sent in one")

    def filled(self, state: State) -> None:
        """What was booked in this step, each fill as of when it happened: after an outage they come all at once."""
        per_minute = state.setup.limits.max_fills_per_minute
        if per_minute is None:
            return
        for strategy, fill in state.executed:
            if strategy == EXTERNAL:
                continue
            bucket = self._fills.setdefault(strategy, Budget(0.0, 0))
            bucket.refill(_limit(per_minute), fill.venue_time)
            bucket.credits -= 1
            if bucket.credits < 0:
                reason = f"max_fills_per_minute: strategy {strategy} was filled more than {per_minute} times in one"
                state.halt(HaltCause.REPEATED_EXECUTION, reason)


@cache
def _limit(per_minute: int) -> RateLimit:
    return RateLimit(per_s=per_minute / 60, burst=per_minute)

"""The throttle: how many requests are sent, and how often a strategy is filled, against what may be in a minute.

The rate budget paces what we send to what a venue takes; it makes a runaway slow, and never ends it. This counts what
was sent and filled, whoever decided it. More than anybody meant breaks a limit, in any sixty seconds (MiFID II RTS 6,
article 15: a limit on messages to order books, and a throttle of repeated executions).

Messages are counted instrument by instrument. What runs away does so on one book, where something answers itself; a
lively desk on many sends many, and none too many on any. How many all may send together is the budget's to say.
"""

from collections import deque
from collections.abc import Sequence
from operator import attrgetter
from typing import get_args

from replenisher.core.halts import breach
from replenisher.core.state import State
from replenisher.model.command import Command, HaltCause, OrderCommand
from replenisher.model.order import EXTERNAL
from replenisher.model.units import MINUTE_NS

REQUESTS = frozenset(get_args(OrderCommand))
ABOUT = attrgetter("instrument")


class Count:
    """How often something has happened in the last minute."""

    __slots__ = ("_each", "_times")

    def __init__(self) -> None:
        self._times = 0
        self._each: deque[tuple[int, int]] = deque()  # counts until when, how often

    def add(self, times: int, at: int) -> int:
        """It happened so often at this time; how often in the minute that ends now."""
        each = self._each
        while each and each[0][0] <= at:
            self._times -= each.popleft()[1]
        each.append((at + MINUTE_NS, times))
        self._times += times
        return self._times


class Throttle:
    """Counts what was sent and filled in this life."""

    __slots__ = ("_fills", "_requests")

    def __init__(self) -> None:
        self._requests: dict[str, Count] = {}  # by instrument
        self._fills: dict[str, Count] = {}  # by strategy

    def sent(self, state: State, commands: Sequence[Command], at: int) -> None:
        """These commands leave now."""
        limits = state.setup.limits
        most = limits.max_messages_per_minute
        if most is None:
            return
        sent: dict[str, int] = {}
        for command in commands:
            if type(command) in REQUESTS:
                instrument = ABOUT(command)
                sent[instrument] = sent.get(instrument, 0) + 1
        for instrument, times in sent.items():
            count = self._requests.get(instrument)
            if count is None:
                count = self._requests[instrument] = Count()
            if count.add(times, at) > most:
                reason = f"max_messages_per_minute: more than {most} were sent about {instrument} in a minute"
                breach(state, limits.on_messages, HaltCause.MESSAGE_RATE, reason, at)

    def filled(self, state: State, at: int) -> None:
        """What was booked in this step, each fill as of when it happened: after an outage they come all at once."""
        limits = state.setup.limits
        most = limits.max_fills_per_minute
        if most is None:
            return
        for strategy, fill, _ in state.executed:
            if strategy == EXTERNAL:
                continue
            count = self._fills.get(strategy)
            if count is None:
                count = self._fills[strategy] = Count()
            if count.add(1, fill.venue_time) > most:
                reason = f"max_fills_per_minute: strategy {strategy} was filled more than {most} times in a minute"
                breach(state, limits.on_fills, HaltCause.REPEATED_EXECUTION, reason, at)

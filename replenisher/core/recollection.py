"""Recollection: what signals have seen is recorded now and then, so that a restart does not quote blind.

A record (`SignalsDumped`) has what each machine needs to go on. It decides nothing in this life. The next one is told
the newest of them before it sees a market (`SignalsRemembered`), and goes on as after a lost feed: the time between was
not watched. What is older than the window of a signal, or counts in another tick or lot, is not believed.
"""

from collections.abc import Iterator

from replenisher.core.state import State
from replenisher.model.command import SignalsDumped
from replenisher.model.units import NEVER_NS, SECOND_NS

RECORD_NS = 10 * SECOND_NS


class Recollection:
    """Records the signals of every market that has moved since the last record, in time and once we stop."""

    def __init__(self) -> None:
        self.next_at = 0  # when the next records are due; NEVER_NS if nobody uses a signal
        self._moved_at: dict[str, int] = {}  # instrument -> venue time of its book at its last record
        self._is_last = False

    def records(self, state: State, at: int) -> Iterator[SignalsDumped]:
        """The records to be made now."""
        if self._is_last:
            return
        self.next_at = at + RECORD_NS if state.setup.signals else NEVER_NS
        self._is_last = state.stopping is not None
        for instrument, watch in state.watches.items():
            moved_at = state.books[instrument].venue_time
            if moved_at and self._moved_at.get(instrument) != moved_at:
                self._moved_at[instrument] = moved_at
                definition = state.instruments[instrument]
                yield SignalsDumped(instrument=instrument, tick=definition.tick, lot=definition.lot, dumps=watch.dump())

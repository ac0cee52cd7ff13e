"""L1: thirty seconds after the last fault an order of ours rests, or the operator knows by name what keeps it away.

That an instrument is closed keeps it away only while it is.
"""

from typing import Any

from replenisher.exchange.words import InstrumentState
from replenisher.model.instrument import name_of
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.times import QUOTES_AGAIN

BOUND_NS = QUOTES_AGAIN.most_ns
LOOK_NS = 5 * SECOND_NS  # before that: in so long a time an order of ours must be seen


class QuotesAgain(Check):
    """Looks at what rests at the exchange, and listens to what the daemon says."""

    name = "L1"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._bound: int | None = None
        self._is_quoting = False
        self._absent_since: int | None = None
        self._halts: set[str] = set()  # what was told to keep it from quoting, and not to have ended since
        self._others: set[str] = set()  # paused strategies and closed instruments, likewise

    def began(self, daemon: Daemon) -> Objection:
        """A life says itself what keeps it from quoting."""
        self._halts.clear()
        self._others.clear()
        return None

    def calmed(self) -> Objection:
        """The faults are over."""
        self._bound = self.oracle.at + BOUND_NS
        if not any(self.oracle.evidence.ours()):
            self._absent_since = self.oracle.at
        return None

    def reported(self, daemon: Daemon, verb: str, about: dict[str, Any]) -> Objection:
        """What the operator is told."""
        match verb:
            case "halted":
                self._halts.add(about["cause"])
            case "resumed" if "halt" in about:
                self._halts.clear()
            case "paused":
                self._others.add(about["strategy"])
            case "resumed":
                self._others.discard(about["strategy"])
            case "instrument_closed":
                self._others.add(about["instrument"])
            case "instrument_opened":
                self._others.discard(about["instrument"])
            case _:
                pass
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """A moment of the daemon's life; there are many of them."""
        if self._absent_since is not None and any(self.oracle.evidence.ours()):
            self.oracle.took(QUOTES_AGAIN, self.oracle.at - self._absent_since)
            self._absent_since = None
        if self._bound is not None and self._bound - LOOK_NS <= self.oracle.at <= self._bound:
            self._is_quoting = self._is_quoting or any(self.oracle.evidence.ours())
        return None

    def stopping(self) -> Objection:
        """The bound has passed."""
        if self._bound is None or self._is_quoting or self._halts or self._others - self._trading():
            return None
        return f"it does not quote {QUOTES_AGAIN.most_s:g} s after the last fault, and nobody was told why"

    def _trading(self) -> set[str]:
        """The instruments that trade at the exchange."""
        views = {view.instrument.name: view for view in self.oracle.exchange.views.instruments()}
        return {key for key in self.oracle.instruments if views[name_of(key)].state is InstrumentState.OPEN}

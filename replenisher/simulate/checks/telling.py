"""L7: five seconds after a halt, or once the exchange insists on a position that cannot be ours, the operator knows.

A halt is known from the journal; the next life has to say it again. A position cannot be ours when the exchange has
told it in several answers, one after the other, and its own ledger never had it meanwhile.
"""

import re
from decimal import Decimal
from typing import Any

from replenisher.model.command import Halt
from replenisher.model.event import HaltsLifted, ResumeAsked
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.frame_faults import is_position
from replenisher.simulate.journaled import steps_about_halts

BOUND_NS = 5 * SECOND_NS
ANSWERS = 3  # that say the same, and not what the ledger says, are no accident
NAME, SIZE = re.compile(r'"instrument_name":"([^"]+)"'), re.compile(r'"size":(-?[0-9.e-]+)')
POSITION = "unexplained position"


class OperatorIsTold(Check):
    """Holds what is said beside what was decided, and beside what the exchange has told."""

    name = "L7"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._halts: dict[str, str] = {}  # cause -> reason, of those that nobody has lifted
        self._wrong: dict[str, tuple[Decimal, Decimal, int]] = {}  # instrument -> told, true, and in how many answers
        self._due: dict[str, int] = {}  # what must be said, and until when
        self._told: set[str] = set()  # causes, by this life: it may tell one before its disk takes the record
        self._knows = False  # that a position is told wrong
        self._was_late = False  # at the last step

    def began(self, daemon: Daemon) -> Objection:
        """A life says what keeps it from quoting."""
        self._wrong.clear()
        self._told.clear()
        self._knows = False
        self._due = dict.fromkeys(self._halts, self.oracle.at + BOUND_NS)
        self._was_late = False
        return None

    def wrote(self, daemon: Daemon, data: bytes) -> Objection:
        """A step is journaled, and what follows from it may be said."""
        for step in steps_about_halts(data):
            self._note(step, daemon.at)
        return None

    def _note(self, step: Step, at: int) -> None:
        if any(isinstance(event, ResumeAsked | HaltsLifted) and event.reason for event in step.events):
            for cause in self._halts:
                self._due.pop(cause, None)  # whoever lifts it knows
            self._halts.clear()
            self._told.clear()
        for command in step.commands:
            if isinstance(command, Halt):
                self._halts[command.cause] = command.reason
                if command.cause not in self._told:
                    self._due.setdefault(command.cause, at + BOUND_NS)

    def received(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """The exchange tells a position."""
        if not is_position(frame):
            return None
        if (named := NAME.search(frame)) is None or (sized := SIZE.search(frame)) is None:
            return None  # it was garbled, and tells of no position
        name, told = named[1], Decimal(sized[1])
        true = self.oracle.evidence.positions[name]
        before = self._wrong.pop(name, None)
        if told == true:
            self._knows = False
            self._due.pop(POSITION, None)
            return None
        count = 1 + before[2] if before is not None and before[:2] == (told, true) else 1
        self._wrong[name] = (told, true, count)
        if count == ANSWERS and not self._knows:
            self._due[POSITION] = daemon.at + BOUND_NS
        return None

    def reported(self, daemon: Daemon, verb: str, about: dict[str, Any]) -> Objection:
        """The operator is told something."""
        if verb == "halted":
            self._told.add(about["cause"])
            self._due.pop(about["cause"], None)
        if verb in ("position_differs", "halted", "taken_over"):
            self._knows = True
            self._due.pop(POSITION, None)
        return None

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """A moment of its life. Whoever stood still may say it now, so that only the next step finds it missing."""
        late = [what for what, until in self._due.items() if daemon.at > until]
        if late and self._was_late:
            return f"{', '.join(late)}: the operator was not told in {BOUND_NS // SECOND_NS} s"
        self._was_late = bool(late)
        return None

    def ended(self, daemon: Daemon, how: str) -> Objection:
        """Whoever ends by itself has said why."""
        if how.startswith("exit") and self._due:
            return f"{', '.join(self._due)}: life {daemon.number} ended without a word of that"
        self._due.clear()
        return None

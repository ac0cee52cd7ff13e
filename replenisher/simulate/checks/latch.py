"""S17: after a halt no order leaves before an operator has said why it may, in whichever life; and SQL has it."""

from sqlalchemy import select

from replenisher.model.command import Halt
from replenisher.model.event import HaltsLifted, ResumeAsked
from replenisher.model.step import Step
from replenisher.simulate.court import Books, Check, Daemon, Objection, Oracle
from replenisher.simulate.journaled import steps_about_halts
from replenisher.simulate.order_frames import order_frame
from replenisher.store import tables


class HaltIsALatch(Check):
    """Notes what is journaled of halts, and watches the wire."""

    name = "S17"
    follows_one_desk = True

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._halted = ""  # why; empty while nothing is
        self._noted: set[tuple[str, str]] = set()

    def wrote(self, daemon: Daemon, data: bytes) -> Objection:
        """A step is journaled before what it asks for leaves, and watched after that: so the journal tells when."""
        for step in steps_about_halts(data):
            self._note(step)
        return None

    def _note(self, step: Step) -> None:
        """A halt is decided after the facts of its step, so it outlives a resume among them."""
        for event in step.events:
            if isinstance(event, ResumeAsked | HaltsLifted) and event.reason:
                self._halted = ""
        for command in step.commands:
            if isinstance(command, Halt):
                self._halted = command.reason
                self._noted.add((command.cause, command.reason))

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """An order leaves."""
        if not self._halted:
            return None
        request = order_frame(frame)
        if request is not None and (request.is_place or request.verb == "edit"):
            return f"life {daemon.number} sends an order after the halt for {self._halted!r}: {frame}"
        return None

    def closed(self, books: Books) -> Objection:
        """Each halt has its row."""
        columns = tables.halts.c
        query = select(columns.cause, columns.reason).where(columns.kind == "halted")
        rows = books.database.read(lambda connection: {tuple(row) for row in connection.execute(query)})
        lost = self._noted - rows
        return f"halts without a row: {sorted(lost)}" if lost else None

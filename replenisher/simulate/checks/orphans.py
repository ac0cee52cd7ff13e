"""S8: a daemon that has gone leaves no order behind, and none is there when the next one shows its first.

With `on_start: adopt` the next one may go on with what the last one has left, but for what it knows nothing of: an
orphan is an order without an owner. An order that was placed over a connection which has since retired, or which the
exchange has ended for a maintenance that its orders outlive, is the one that no switch of the exchange's covers.

What a life has left is a row, too: no order of its own rested behind one that says flat, nor one that it does not name.
"""

from collections.abc import Iterable

from sqlalchemy import select

from replenisher.core.setup import OnStart
from replenisher.model.units import SECOND_NS
from replenisher.simulate.court import Books, Check, Daemon, Objection, Oracle
from replenisher.simulate.order_frames import order_frame
from replenisher.store import tables

SLACK_NS = SECOND_NS  # the exchange looks now and then
RESTARTING = 1012  # a WebSocket's "service restart" (IANA's registry of close codes)
LOGOUT = '"method":"private/logout"'


class NoOrphans(Check):
    """Looks at what rests at the exchange under our name."""

    name = "S8"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self._has_placed: set[int] = set()  # lives
        self._ends: dict[int, tuple[str, set[str]]] = {}  # by epoch: how, and what of that life rested then
        self._dead: list[tuple[int, str]] = []  # until when the orders of a life may rest, and what they begin with
        self._placed_over: dict[str, str] = {}  # label -> connection, as the exchange calls it
        self._retired: set[str] = set()  # connections

    def ended(self, daemon: Daemon, how: str) -> Objection:
        """A stop that says that it is flat is flat; any other end is the dead-man switch's."""
        left = [order.label for order in self.oracle.evidence.ours()]
        if how == "exit 0" and left:
            return f"life {daemon.number} ended as flat, and {', '.join(left)} still rest"
        until = self.oracle.at + self.oracle.dead_man_ns + SLACK_NS
        own = prefix(self.oracle.namespace, daemon.epoch)
        self._dead.append((until, own))
        self._ends[daemon.epoch] = how, {label for label in left if label.startswith(own)}
        return None

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """The first order of a life."""
        if daemon.number in self._has_placed:
            return None
        request = order_frame(frame)
        if request is None or not request.is_place:
            return None
        self._has_placed.add(daemon.number)
        own = prefix(self.oracle.namespace, daemon.epoch)
        left = [
            order.label
            for order in self.oracle.evidence.ours()
            if not order.label.startswith(own) and not is_adopted(self.oracle, daemon, order.label)
        ]
        return f"life {daemon.number} shows its first order while {', '.join(left)} still rest" if left else None

    def heard(self, link: str, frame: str) -> Objection:
        """Over which connection an order comes, and which one says goodbye."""
        if LOGOUT in frame:
            self._retired.add(link)
        elif (request := order_frame(frame)) is not None and request.is_place:
            self._placed_over[request.label] = link
        return None

    def turned_out(self, link: str, code: int) -> Objection:
        """A venue that shuts cancels what it covers, or keeps it as long as it likes: that is its own to say."""
        if code == RESTARTING:
            self._retired.add(link)
        return None

    def told(self, link: str, frame: str) -> Objection:
        """The exchange is there: a moment like any other."""
        if not self._dead or self.oracle.at < self._dead[0][0]:
            return None
        _, own = self._dead.pop(0)
        left = [order.label for order in self.oracle.evidence.ours() if order.label.startswith(own)]
        left = [label for label in left if self._placed_over[label] not in self._retired]
        passed_s = (self.oracle.dead_man_ns + SLACK_NS) / SECOND_NS
        return f"{', '.join(left)} still rest {passed_s:.0f} s after their daemon's end" if left else None

    def closed(self, books: Books) -> Objection:
        """Each row of how a life ended is true, and there is one of the last life."""
        columns = tables.endings.c
        query = select(columns.epoch, columns.exit_code, columns.is_verified, columns.may_rest)
        rows = books.database.read(lambda connection: list(connection.execute(query)))
        objections = (self._lie(*row) for row in rows if row.epoch in self._ends)
        last = max(self._ends, default=0)
        if last and self._ends[last][0] == "exit 0" and last not in (row.epoch for row in rows):
            return f"the life of epoch {last} ended, and no row says how"
        return next(filter(None, objections), None)

    def _lie(self, epoch: int, exit_code: int, is_verified: bool, may_rest: Iterable[str]) -> Objection:
        how, rested = self._ends[epoch]
        if how not in (f"exit {exit_code}", "exit 1") and how.startswith("exit"):  # 1: there were rows left to write
            return f"the life of epoch {epoch} ended with {how}, and its row says {exit_code}"
        if unnamed := rested if is_verified else rested.difference(may_rest):
            return f"the life of epoch {epoch} has left {', '.join(sorted(unnamed))}, and its row does not say so"
        return None


def is_adopted(oracle: Oracle, daemon: Daemon, label: str) -> bool:
    """Whether an order of an earlier life is this one's now, as it was told that it may be."""
    return oracle.setup.on_start is OnStart.ADOPT and daemon.slot(label) is not None


def prefix(namespace: str, epoch: int) -> str:
    """What the ids of one life begin with: the epoch is written in six digits to base 36."""
    digits = ""
    while epoch:
        epoch, digit = divmod(epoch, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return namespace + digits.rjust(6, "0")

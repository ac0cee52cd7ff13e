"""A story: the whole system on virtual time, in which what goes wrong is placed by hand and not drawn.

A story waits until something is so, spoils the next frames of a kind, lets somebody trade with an order of ours, and
ends in peace, held to every invariant on the way.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select

from replenisher.config import load
from replenisher.exchange.words import OrderRequest, OrderState, OrderView, TimeInForce
from replenisher.model.command import Command
from replenisher.model.event import Event
from replenisher.model.order import Side, Status
from replenisher.model.step import Step
from replenisher.simulate.checks import ALL
from replenisher.simulate.court import Check, Daemon, Objection, Oracle
from replenisher.simulate.frame_faults import Passage, is_answer, is_private
from replenisher.simulate.network import Link
from replenisher.simulate.order_frames import OrderFrame, order_frame
from replenisher.simulate.rows import SimulatedDatabase, database_in
from replenisher.simulate.run import START, live
from replenisher.simulate.world import Scene, World
from replenisher.store import tables
from replenisher.wiring.simulation import SHIPPED, scene_of

WITH_A_TAKER = SHIPPED.read_text().replace(
    '  balances: {BTC: "10"}\n', '  balances: {BTC: "10"}\n  accounts: {taker: {balances: {BTC: "1000"}}}\n'
)
STEP_S = 0.02
BACK_S = 2.0  # after which what has died lives again
MUCH = Decimal(10_000_000)  # dollars: more than rests up to any price that we quote at
LITTLE = Decimal(100)
REQUEST_ID = re.compile(r'"id":(\d+)')
ENDS = ((OrderState.FILLED, Status.FILLED), (OrderState.CANCELLED, Status.CANCELED))
E = TypeVar("E")
About = Callable[[OrderFrame], bool]


class Witness(Check):
    """Objects to nothing; it keeps what a story may want to ask about."""

    name = "witness"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle)
        self.course: defaultdict[str, list[Status]] = defaultdict(
            list
        )  # what each order was for us, one after the other
        self.events: list[Event] = []
        self.commands: list[Command] = []
        self.requests: list[tuple[int, OrderFrame]] = []  # and when each left
        self.dials: list[tuple[int, str]] = []

    def stepped(self, daemon: Daemon, step: Step) -> Objection:
        """Keep it."""
        self.events += step.events
        self.commands += step.commands
        for order in step.orders:
            course = self.course[order.order_id]
            if course[-1:] != [order.status]:
                course.append(order.status)
        return None

    def sent(self, daemon: Daemon, connection: str, frame: str) -> Objection:
        """Keep it."""
        if request := order_frame(frame):
            self.requests.append((self.oracle.at, request))
        return None

    def dialed(self, daemon: Daemon, connection: str) -> Objection:
        """Keep it."""
        self.dials.append((self.oracle.at, connection))
        return None


class Spell:
    """What befalls the next frames of a kind."""

    def __init__(self, fits: Callable[[Link, str], bool], befalls: Callable[[Passage], None], times: int) -> None:
        self.fits = fits
        self.befalls = befalls
        self.left = times
        self.met: list[str] = []  # the frames that it has befallen

    @property
    def is_spent(self) -> bool:
        """Whether it has befallen all that it should."""
        return not self.left


class Story(World):
    """The system, and whoever tells what happens to it."""

    def __init__(self, scene: Scene, directory: Path, database: SimulatedDatabase, seed: int) -> None:
        self._spells: dict[bool, list[Spell]] = {True: [], False: []}  # by whether they are for the way up
        self._asked: dict[tuple[str, str], OrderFrame] = {}  # by connection and number of the request
        self._unheard: set[str] = set()  # labels of orders of which nobody hears
        self._still_unheard = 0  # so many more will be placed
        super().__init__(scene, seed=seed, at=START, directory=directory, database=database, checks=(*ALL, Witness))
        self.witness = next(check for check in self.checks if isinstance(check, Witness))
        self.victims.away_s = (BACK_S, BACK_S)
        self._database = database

    # --- What the story does --------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], object], within_s: float = 60) -> None:
        """Let time pass until something is so."""
        until = self.at + round(within_s * 10**9)
        while not condition():
            assert self.at < until, "it never came to that"
            self.run(STEP_S)
            assert not self.court.violations, self.court.violations

    def spoil(
        self, fits: Callable[[str], bool], befalls: Callable[[Passage], None], *, times: int = 1, up: bool = False
    ) -> Spell:
        """Let this befall the next frames that fit, on their way to the daemon, or up to the exchange."""
        return self._cast(Spell(lambda _, frame: fits(frame), befalls, times), up=up)

    def spoil_answers(self, about: About, befalls: Callable[[Passage], None], *, times: int = 1) -> Spell:
        """Let this befall the answers to the next requests of this kind."""

        def fits(link: Link, frame: str) -> bool:
            request = self._answered(link, frame)
            return request is not None and about(request)

        return self._cast(Spell(fits, befalls, times), up=False)

    def silence(self, orders: int) -> set[str]:
        """Nobody hears of the next places: neither their answers come nor any word; their labels, once they leave."""
        self._still_unheard = orders
        return self._unheard

    def speak(self) -> None:
        """From now on everything is heard."""
        self._still_unheard = 0
        self._unheard = set()

    def lift(self, spell: Spell) -> None:
        """It befalls nothing more."""
        spell.left = 0

    def take(self, *orders: OrderView) -> None:
        """Somebody trades with everything up to the prices of these orders."""
        for order in orders:
            assert order.price is not None, "what rests has a price"
            self.trade(order.side.opposite, order.price)

    def take_some(self, order: OrderView, amount: int) -> None:
        """Somebody trades with so much of this order, and with what stands before it."""
        assert order.price is not None, "what rests has a price"
        while self.theirs(order.label).filled_amount < amount:
            self.trade(order.side.opposite, order.price, LITTLE)

    def trade(self, side: Side, price: Decimal, amount: Decimal = MUCH) -> None:
        """Somebody buys or sells all there is up to a price, or no more than this."""
        request = OrderRequest(
            account="taker",
            connection="taker",
            instrument=self.instruments[0].partition("/")[2],
            side=side,
            amount=amount,
            price=price,
            time_in_force=TimeInForce.IOC,
        )
        assert self.exchange.place(request, self.at).refusal is None

    def end_well(self) -> None:
        """What goes wrong is over; the daemon finds back, quotes, and stops flat, and both books agree."""
        for spell in (*self._spells[True], *self._spells[False]):
            self.lift(spell)
        self.speak()
        live(self, 0)
        assert self.court.violations == []
        assert self.ends[-1] == "exit 0"

    # --- What it sees ---------------------------------------------------------------------------------------------

    def resting(self) -> list[OrderView]:
        """What rests of ours at the exchange, oldest first."""
        return self.exchange.views.open_orders(self.account)

    def link(self, connection: str) -> Link:
        """The daemon's connection of that name."""
        link = self.victims.link(connection)
        assert link is not None, f"{connection} is not connected"
        return link

    def heard(self, kind: type[E], since: int = 0) -> list[E]:
        """The facts of one kind that a daemon was told, from the one of that number on."""
        return [event for event in self.witness.events[since:] if isinstance(event, kind)]

    def theirs(self, label: str) -> OrderView:
        """An order as the exchange has it."""
        (view,) = self.exchange.views.orders_by_label(self.account, label)
        return view

    def order(self, frame: str) -> OrderView:
        """The order that a request is about which names the venue's id."""
        request = order_frame(frame)
        assert request is not None
        view = self.exchange.views.order(self.account, request.order_id)
        assert view is not None
        return view

    def agrees_on(self, label: str) -> bool:
        """Whether an order has ended in the same way on both sides."""
        return (self.theirs(label).state, self.course(label)[-1]) in ENDS

    def course(self, label: str) -> list[Status]:
        """What an order was for us, one after the other."""
        return self.witness.course[label]

    def fills(self, label: str) -> list[str]:
        """What SQL says that an order was filled with: the trades."""
        query = select(tables.fills.c.trade_id).where(tables.fills.c.order_id == label)
        return list(self._database.read(lambda connection: connection.execute(query).scalars().all()))

    def is_quoting(self) -> bool:
        """Whether all levels rest, on both sides."""
        return len(self.resting()) == 6

    # --- What it is told ------------------------------------------------------------------------------------------

    def up(self, link: Link, frame: str) -> Sequence[tuple[int, str]] | None:
        """What becomes of a frame from the daemon."""
        if (request := order_frame(frame)) and (number := REQUEST_ID.search(frame)):
            self._asked[link.name, number[1]] = request
            if request.is_place and self._still_unheard:
                self._still_unheard -= 1
                self._unheard.add(request.label)
        return self._befall(self._spells[True], link, frame)

    def down(self, link: Link, frame: str) -> Sequence[tuple[int, str]] | None:
        """What becomes of one from the exchange."""
        if self._unheard and self._is_unheard(link, frame):
            return ()
        return self._befall(self._spells[False], link, frame)

    def _cast(self, spell: Spell, *, up: bool) -> Spell:
        self._spells[up].append(spell)
        return spell

    def _answered(self, link: Link, frame: str) -> OrderFrame | None:
        """The request about an order that a frame answers."""
        number = REQUEST_ID.search(frame) if is_answer(frame) else None
        return self._asked.get((link.name, number[1])) if number else None

    def _is_unheard(self, link: Link, frame: str) -> bool:
        if is_private(frame):
            return any(label in frame for label in self._unheard)
        request = self._answered(link, frame)
        return request is not None and request.label in self._unheard

    def _befall(self, spells: list[Spell], link: Link, frame: str) -> Sequence[tuple[int, str]] | None:
        for spell in spells:
            if spell.left and spell.fits(link, frame):
                spell.left -= 1
                spell.met.append(frame)
                passage = Passage(frame, link, self.victims.chance, [(0, frame)])
                spell.befalls(passage)
                if passage.ending:
                    self.victims.cut(link, passage.ending)
                return passage.comes
        return None


@contextmanager
def story(room: Path, *, seed: int = 1, config: str = WITH_A_TAKER) -> Iterator[Story]:
    """A story that begins with a daemon that quotes on all levels."""
    room.mkdir(exist_ok=True)
    (room / "desk.yaml").write_text(config)
    with database_in(room) as database:
        told = Story(scene_of(load(room / "desk.yaml")), room / "journal", database, seed)
        told.until(told.is_quoting)
        yield told

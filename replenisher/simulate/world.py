"""The whole: one exchange, one daemon at a time, the network between them, its disk, its database, and the trouble.

Everything that could differ from run to run comes from one seed. A daemon that ends is started again a while later on
the same files, as a supervisor of processes would.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import structs
from sqlalchemy import Connection, select

from replenisher.exchange.exchange import Exchange
from replenisher.exchange.ledger import Record
from replenisher.exchange.words import OrderRequest
from replenisher.model.order import BUY, SELL
from replenisher.model.units import SECOND_NS
from replenisher.simulate.chance import seeded
from replenisher.simulate.court import Books, Check, Court
from replenisher.simulate.disk import SimulatedDisk
from replenisher.simulate.evidence import Evidence
from replenisher.simulate.exchange_end import ExchangeEnd, Open
from replenisher.simulate.faults import is_order, is_order_answer
from replenisher.simulate.life import Life, Making, Place
from replenisher.simulate.network import DELAYS_NS, Link, Network
from replenisher.simulate.new_rows import NewRows
from replenisher.simulate.rows import SimulatedDatabase
from replenisher.simulate.swarm import NO_FAULTS, Plan
from replenisher.simulate.timeline import Stuck, Timeline
from replenisher.simulate.trouble import Trouble
from replenisher.simulate.wiretap import Wiretap
from replenisher.store import tables
from replenisher.store.journal import Fsync

RESTART_S_MEAN, RESTART_S_MAX = 5.0, 60.0
RECORD_EVERY_S = (1.0, 15.0)  # how often the recorder looks, drawn for each run
STOP_S_MAX = 30
BY_HAND_AMOUNT, BY_HAND_AWAY = Decimal(500), Decimal("0.012")  # of the mark


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is simulated."""

    making: Callable[[str], Making]  # told the exchange's id, which is part of the account's key
    open_exchange: Callable[[int], Open]  # told the seed
    account: str  # ours, as the exchange calls it
    secrets: Sequence[str] = ()  # that must be found nowhere
    delays_ns: tuple[int, int] = DELAYS_NS  # the shortest and the longest, one way


class World:
    """One run from one seed."""

    def __init__(
        self,
        scene: Scene,
        *,
        seed: int,
        at: int,
        directory: Path,
        database: SimulatedDatabase | None = None,
        plan: Plan = NO_FAULTS,
        checks: Sequence[type[Check]] = (),
    ) -> None:
        self.chance = seeded(seed, "faults")
        self.account = scene.account
        self.befell: Counter[str] = Counter()  # each fault, whenever it happened
        self.tally: Counter[str] = Counter()  # each fault that could hurt, and what came of them
        self.tap = Wiretap()
        self._timeline = Timeline(at)
        self.evidence = Evidence(self)
        looking = [self.evidence, *(check(self) for check in checks)] if checks else []
        self.court = Court(looking, lambda: (self.at - at) / SECOND_NS)
        self._records = msgspec.json.Decoder(Record)
        self._counter = ExchangeEnd(self._timeline, scene.open_exchange(seed), self._recorded)
        making = scene.making(self.exchange.exchange_id)
        if plan.syncs_always:
            making = replace(making, policy=structs.replace(making.policy, fsync=Fsync.ALWAYS))
        self.setup, self.policy = making.setup, making.policy
        self.namespace = making.setup.namespace
        self.instruments = [setup.instrument for setup in making.setup.strategies]
        self._making = making
        self._secrets = scene.secrets
        self._disk = SimulatedDisk()
        self._lasting: list[Callable[[], None]] = []  # what ends when there are no faults any more
        self._trouble = Trouble(plan, self._timeline, self, seeded(seed, "trouble"), self._struck)
        network_chance = seeded(seed, "network")
        self._network = Network(
            self._timeline,
            self._counter,
            self._trouble,
            self.court,
            self.tap,
            network_chance,
            delays_ns=scene.delays_ns,
        )
        self._counter.answer = self._network.answer
        shortest, longest = RECORD_EVERY_S
        self.record_every_ns = round(shortest * (longest / shortest) ** network_chance.random() * SECOND_NS)
        if database is not None and checks:
            database.committed = NewRows(database.beside, self.court).tell
        self._place = Place(
            timeline=self._timeline,
            network=self._network,
            disk=self._disk,
            database=database,
            directory=directory,
            court=self.court,
            record_every_ns=self.record_every_ns,
        )
        self.by_hand = 0
        self._lives = 0
        self._life_chance = seeded(seed, "lives")
        self._ends: list[str] = []
        self._is_ending = False
        self._start()

    # --- The course of a run --------------------------------------------------------------------------------------

    @property
    def at(self) -> int:
        """The time."""
        return self._timeline.at

    @property
    def exchange(self) -> Exchange:
        """The truth."""
        return self._counter.exchange

    @property
    def is_journal_safe(self) -> bool:
        """Whether power loss could take nothing of what is in the journal's file."""
        return self._disk.synced_writes == self._disk.writes

    @property
    def ends(self) -> Sequence[str]:
        """How each life ended."""
        return self._ends

    def ledger_bytes(self) -> bytes:
        """What the exchange has written down, as it would stand in its file."""
        return self._counter.ledger_bytes()

    def run(self, seconds: float) -> None:
        """Let time pass, unless something is found that must not be."""
        self._let_pass(self.at + round(seconds * SECOND_NS))

    def _let_pass(self, until: int, is_over: Callable[[], bool] = lambda: False) -> None:
        violations = self.court.violations
        try:
            self._timeline.run(until, lambda: bool(violations) or is_over())
        except Stuck as stuck:
            self.court.object("L5", str(stuck))

    def calm(self) -> None:
        """From here on nothing goes wrong any more; what had gone away comes back, and sleepers wake."""
        self._trouble.end()
        while self._lasting:
            self._lasting.pop(0)()  # a life that cannot begin yet waits behind what it waits for
        self._let_pass(self.life.loop.still_until)
        if self.court.calmed:
            self.court.calmed()

    def stop(self) -> str:
        """The operator stops the daemon; how it ended, or why it did not."""
        if self.court.stopping:
            self.court.stopping()
        self._is_ending = True
        self.life.stop()
        self._let_pass(self.at + STOP_S_MAX * SECOND_NS, lambda: self.life.is_over)
        return self._ends[-1] if self.life.is_over else "did not end"

    def close(self) -> None:
        """Everything is written down; the checks read both books, and the rows join the hash."""
        if self._place.database is None:
            return
        if left := self.life.drain():
            self.court.object("L8", f"rows are left when everything works: {left}")
        if self.court.closed:
            self.court.closed(Books(self._place.database, self._counter.ledger(), self._place.directory, self._secrets))
        self._place.database.read(self._tap_rows)

    def _tap_rows(self, connection: Connection) -> None:
        for table in tables.metadata.sorted_tables:
            for row in connection.execute(select(table).order_by(*table.primary_key.columns)):
                self.tap.row(table.name, tuple(row))

    # --- Lives ----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._lives += 1
        self.life = Life(self._lives, self._making, self._place, self._life_chance, self._over)
        self.life.begin()

    def _over(self, life: Life, how: str) -> None:
        self._ends.append(how)
        if self.court.ended:
            self.court.ended(life, how)
        if how != "power lost":
            self._network.abandon(life)
        if not self._is_ending:
            self.for_a_while(self._pause_ns(), lambda: None, self._restart)

    def _restart(self) -> None:
        self.tally["restarts"] += 1
        self._start()

    def _pause_ns(self) -> int:
        return round(min(self.chance.expovariate(1 / RESTART_S_MEAN), RESTART_S_MAX) * SECOND_NS)

    # --- What faults are done to ----------------------------------------------------------------------------------

    def link(self, connection: str) -> Link | None:
        """A connection of the daemon's that is open: that of this name, or whichever."""
        links = [
            link
            for link in self._network.links.values()
            if link.is_open_here and link.is_open_there and connection in ("", link.connection)
        ]
        return self.chance.choice(links) if links else None

    def cut(self, link: Link, reason: str) -> None:
        """Break it."""
        self.tally["disconnects"] += 1
        self._network.cut(link, reason)

    def for_a_while(self, for_ns: int, begins: Callable[[], None], ends: Callable[[], None]) -> None:
        """Let something be so until then, or until there are no faults any more."""
        begins()

        def end() -> None:
            if ends in self._lasting:
                self._lasting.remove(ends)
                ends()

        self._lasting.append(ends)
        self._timeline.put(self.at + for_ns, end)

    def kill(self, *, power_lost: bool = False) -> None:
        """End the daemon."""
        if self.life.is_over:
            return
        if power_lost:
            self._network.fall_silent(self.life)
            self.life.kill("power lost")
            self._disk.lose_power(self.chance)
        else:
            self.life.kill("killed")

    def crash(self, moment: str) -> None:
        """Let it die at the next such moment."""
        self.life.crash_after = (moment, 0)

    def suspend(self, for_ns: int) -> None:
        """Its machine sleeps."""
        if not self.life.is_over:
            self.life.suspend(for_ns)

    def trade_by_hand(self, for_ns: int) -> None:
        """Somebody lets an order of his own rest on our account, too far away to be filled."""
        if not self._counter.is_open:
            return
        exchange, side = self.exchange, self.chance.choice((BUY, SELL))
        instrument = self.setup.strategies[0].instrument.partition("/")[2]
        (tick,) = (each.instrument.tick for each in exchange.views.instruments() if each.instrument.name == instrument)
        self.by_hand += 1
        outcome = exchange.place(
            OrderRequest(
                account=self.account,
                connection="by hand",
                instrument=instrument,
                side=side,
                amount=BY_HAND_AMOUNT,
                price=exchange.views.mark_price(instrument) * (1 - side.sign * BY_HAND_AWAY) // tick * tick,
                label=f"by hand {self.by_hand}",
                post_only=True,
            ),
            self.at,
        )
        if (order := outcome.order) is not None:
            self.for_a_while(for_ns, lambda: None, lambda: self._cancel_by_hand(order.order_id))

    def _cancel_by_hand(self, order_id: str) -> None:
        if self._counter.is_open:
            self.exchange.cancel(self.account, order_id, reason="by hand", method="private/cancel", at=self.at)

    def restart_exchange(self) -> None:
        """The exchange goes away, and comes back a while later."""
        if self._counter.is_open:
            self.for_a_while(self._pause_ns(), self._lose_exchange, self._counter.start)

    def _lose_exchange(self) -> None:
        self.tally["disconnects"] += 1
        self._counter.stop()
        self._network.refuse_all()

    def fill_disk(self, *, is_full: bool) -> None:
        """The journal's disk takes nothing, or takes something again."""
        self._disk.is_full = is_full

    def lock_database(self, *, is_locked: bool) -> None:
        """Somebody holds the database."""
        if self._place.database is not None:
            self._place.database.is_locked = is_locked

    def lose_database(self, when: str) -> None:
        """The connection to it ends at the next COMMIT."""
        if self._place.database is not None:
            self._place.database.goes_away = when

    # --- What is told ---------------------------------------------------------------------------------------------

    def _struck(self, fault: str, frame: str) -> None:
        """A fault hits where it could hurt: while an order of ours works, or is on its way."""
        self.befell[fault] += 1
        if self.exchange.views.open_orders(self.account) or is_order(frame) or is_order_answer(frame):
            self.tally[fault] += 1
        if self.court.struck:
            self.court.struck(fault)

    def _recorded(self, data: bytes) -> None:
        if not self.court.recorded:
            return
        for record in self._records.decode_lines(data):
            self.court.recorded(record)

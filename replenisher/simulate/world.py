"""The whole: one exchange, one daemon at a time, the network between them, its disk, its database, and the trouble.

Everything that could differ from run to run comes from one seed. A daemon that ends is started again a while later on
the same files, as a supervisor of processes would.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Table, select
from sqlalchemy.dialects import sqlite

from replenisher.core.setup import OnStart
from replenisher.errors import ReplenisherError
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.ledger import Record
from replenisher.live.birth import lift
from replenisher.live.supervisor import RISK_HALT
from replenisher.model.units import SECOND_NS
from replenisher.simulate.body import Making
from replenisher.simulate.chance import seeded
from replenisher.simulate.court import OURS, Books, Check, Court
from replenisher.simulate.disk import SimulatedDisk
from replenisher.simulate.evidence import Evidence
from replenisher.simulate.exchange_end import ExchangeEnd, Open
from replenisher.simulate.frame_faults import is_order, is_order_answer
from replenisher.simulate.life import Life, Place
from replenisher.simulate.moments import POWER_LOST, Moments
from replenisher.simulate.network import DELAYS_NS, Link, Network
from replenisher.simulate.new_rows import NewRows
from replenisher.simulate.onlooker import LOOKING_SHARE, Onlooker
from replenisher.simulate.rows import SimulatedDatabase
from replenisher.simulate.second import Second
from replenisher.simulate.swarm import NO_FAULTS, Plan
from replenisher.simulate.tally import Tally
from replenisher.simulate.timeline import Stuck, Timeline
from replenisher.simulate.times import Promise
from replenisher.simulate.trouble import Trouble
from replenisher.simulate.victims import Victims
from replenisher.simulate.wiretap import Wiretap
from replenisher.store import tables
from replenisher.store.journal import Fsync, Journal
from replenisher.venues.deribit.venue import TRADING

RECORD_EVERY_S = (1.0, 15.0)  # how often the recorder looks, drawn for each run
STOP_S_MAX = 30
LOOK_NS = SECOND_NS // 10  # so often it is looked whether what is awaited has come
TAKEN_S_MAX = 120  # for so long is a lease waited for that could not be given back, or not be renewed
RESTART_NS = SECOND_NS  # once nothing goes wrong any more
BOOT_NS = 5 * SECOND_NS  # no machine that had no power is back sooner
LIFTED_SHARE = 1 / 2  # of the halts: an operator looks before the daemon is started again
HALTED = f"exit {RISK_HALT}"
RESUMED = "what went wrong is over"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is simulated."""

    making: Callable[[str], Making]  # told the exchange's id, which is part of the account's key
    open_exchange: Callable[[int], Open]  # told the seed
    account: str  # ours, as the exchange calls it
    secrets: Sequence[str] = ()  # that must be found nowhere
    delays_ns: tuple[int, int] = DELAYS_NS  # the shortest and the longest, one way


Meet = Callable[[Any, Open, Callable[[bytes], None]], ExchangeEnd]  # on this timeline


class World:
    """One run from one seed."""

    life: Life  # that goes on, or ended last

    def __init__(
        self,
        scene: Scene,
        *,
        seed: int,
        at: int,
        directory: Path,
        database: SimulatedDatabase | None = None,
        plan: Plan = NO_FAULTS,
        moments: Moments | None = None,
        checks: Sequence[type[Check]] = (),
        timeline: Timeline | None = None,
        meet: Meet = ExchangeEnd,
    ) -> None:
        self.account = scene.account
        self.befell: Counter[str] = Counter()  # each fault, whenever it happened
        self.tally: Counter[str] = Counter()  # each fault that could hurt, and what came of them
        self.times: dict[str, list[float]] = {}  # how long it took what a time is promised for, in seconds
        self.tap = Wiretap()
        self._timeline = timeline or Timeline(at)
        self.evidence = Evidence(self)
        tally = Tally(self, self.tally, self._is_cut_off)
        self.checks = [self.evidence, tally, *(check(self) for check in checks)] if checks else []
        self.court = Court(self.checks, lambda: (self.at - at) / SECOND_NS, self._timeline.stop)
        self._records = msgspec.json.Decoder(Record)
        self._counter = meet(self._timeline, scene.open_exchange(seed), self._recorded)
        making = _planned(scene.making(self.exchange.exchange_id), plan)
        self.setup, self.policy, self.dead_man_ns = making.setup, making.policy, making.dead_man_ns
        self.namespace = making.setup.namespace
        self.instruments = [setup.instrument for setup in making.setup.strategies]
        self.making = making
        self._secrets = scene.secrets
        self.moments = moments or Moments()
        self._disk = SimulatedDisk(seeded(seed, "disk"))
        self._disk.reach = self._reach
        network_chance = seeded(seed, "network")
        self._network = Network(
            self._timeline,
            self._counter,
            self,
            self.tap,
            network_chance,
            delays_ns=scene.delays_ns,
        )
        self._counter.answer = self._network.answer
        shortest, longest = RECORD_EVERY_S
        self.record_every_ns = round(shortest * (longest / shortest) ** network_chance.random() * SECOND_NS)
        self._new_rows: NewRows | None = None
        if database is not None:
            database.reach = self._reach
        if database is not None and checks:
            self._new_rows = NewRows(lambda: database.beside, self.court)
            database.committed = self._new_rows.tell
        self.place = Place(
            timeline=self._timeline,
            network=self._network,
            disk=self._disk,
            moments=self.moments,
            database=database,
            directory=directory,
            court=self.court,
            record_every_ns=self.record_every_ns,
        )
        self._lives = count(1)
        self._life_chance = seeded(seed, "lives")
        self.second = Second(making, self.place, self._lives, seeded(seed, "second"))
        self.victims = Victims(
            self._timeline,
            self._counter,
            self._network,
            self.place,
            self.second,
            self.account,
            self.instruments,
            seeded(seed, "faults"),
        )
        self.victims.refused = self.evidence.refused
        if self._new_rows is not None:
            self.victims.rows_lost = self._new_rows.rewind
        self._trouble = Trouble(plan, self._timeline, self.victims, seeded(seed, "trouble"), self)
        self._ends: list[str] = []
        self._is_calm = self._is_ending = False
        self._dark_until = at  # until when the machine has no power
        self._start()
        if checks and (looking := seeded(seed, "onlooker")).random() < LOOKING_SHARE:
            Onlooker(self._timeline, lambda look: self.life.show(look), self.instruments[0], looking)

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
    def address(self) -> str:
        """Where the exchange is reached by whoever is no part of the simulation."""
        return self._counter.address

    def next_number(self) -> int:
        """That of one more life."""
        return next(self._lives)

    @property
    def ends(self) -> Sequence[str]:
        """How each life ended."""
        return self._ends

    def ledger_bytes(self) -> bytes:
        """What the exchange has written down, as it would stand in its file."""
        return self._counter.ledger_bytes()

    def books(self) -> Sequence[object]:
        """All that keeps what has happened, and so grows on purpose: the exchange, the checks, files and rows."""
        return [self._counter, *self.checks, self._new_rows, self.place.database, self._disk]

    def run(self, seconds: float) -> None:
        """Let time pass, unless something is found that must not be."""
        self._let_pass(self.at + round(seconds * SECOND_NS))

    def run_until(self, is_so: Callable[[], bool], seconds_max: float) -> bool:
        """Let time pass until something is so; whether it was in time."""
        until = self.at + round(seconds_max * SECOND_NS)
        while not is_so() and self.at < until and not self.court.violations:
            self._let_pass(min(until, self.at + LOOK_NS))
        return is_so()

    def _let_pass(self, until: int) -> None:
        if self.court.violations:
            return
        try:
            self._timeline.run(until)
        except Stuck as stuck:
            self.court.object(OURS, str(stuck))

    def calm(self) -> None:
        """From here on nothing goes wrong: what was away comes back, sleepers wake, and a second daemon leaves."""
        self._trouble.end()
        self._let_pass(self._dark_until)
        self._is_calm = True
        self.victims.recover()
        self._let_pass(self.life.loop.still_until)
        self.run_until(lambda: self.second.is_gone, STOP_S_MAX)
        self.run_until(lambda: self.life.is_tenant, TAKEN_S_MAX)
        self.court.calmed()

    def resume(self) -> None:
        """The operator lets the daemon quote again, whether it lives or not."""
        if not self.life.is_over:
            self.life.ask("resume", reason=RESUMED)
        else:
            self._lift()

    def stop(self) -> str:
        """The operator stops the daemon; how it ended, or why it did not."""
        self.court.stopping()
        self._is_ending = True
        self.life.ask("stop")
        if not self.life.is_over:
            self._let_pass(self.at + STOP_S_MAX * SECOND_NS)
        return self._ends[-1] if self.life.is_over else "did not end"

    def settle(self) -> None:
        """Where a second daemon has left something open, its operator starts it once more, as it had told him to."""
        if not self.second.is_in_doubt:
            return
        self.second.come(lambda: None)
        self.second.leave()
        if not self.run_until(lambda: self.second.is_gone, STOP_S_MAX) or self.second.is_in_doubt:
            self.court.object("L6", f"a second daemon that had left in doubt did not settle: {self.second.ends[-1]}")

    def close(self) -> None:
        """Everything is written down; the checks read both books, and the rows join the hash."""
        if self.place.database is None:
            return
        if left := self.life.drain():
            self.court.object("L8", f"rows are left when everything works: {left}")
        self.court.closed(Books(self.place.database, self._counter.ledger(), self.place.directory, self._secrets))
        somewhere = str(self.place.directory.parent)  # which is called otherwise in each run, and may be in a reason
        for table in tables.metadata.sorted_tables:
            for row in self.place.database.beside.execute(_all_rows(table)):
                self.tap.row(table.name, repr(row).replace(somewhere, ""))

    # --- Lives ----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        number = next(self._lives)
        self.life = self.victims.life = Life(number, self.making, self.place, self._life_chance, self._over)
        self.life.begin()

    def _over(self, life: Life, how: str) -> None:
        self._ends.append(how)
        self.court.ended(life, how)
        if how == POWER_LOST:
            self.victims.lose_power()
            self._dark_until = self.at + BOOT_NS
        else:
            self._network.abandon(life)
        if self._is_ending:
            self._timeline.stop()
            return
        if how == HALTED and self._life_chance.random() < LIFTED_SHARE:
            self._lift()
        self.victims.for_a_while(self._away_ns(how), lambda: None, self._start)

    def _reach(self, moment: str) -> None:
        """A file is written; what is written between two lives is an operator's."""
        if not self.life.is_over:
            self.moments.reach(moment)

    def _away_ns(self, how: str) -> int:
        """How long a daemon is gone that has ended."""
        if self._is_calm:
            return RESTART_NS
        return self.victims.pause_ns() + (BOOT_NS if how == POWER_LOST else 0)

    def _lift(self) -> None:
        """What a life has left that keeps the next one from quoting is lifted, if the disk takes that."""
        place, new_id = self.place, f"{self._life_chance.getrandbits(64):016x}"
        with suppress(ReplenisherError):
            journal = Journal.open(place.directory, new_id=new_id, policy=self.making.policy, disk=place.disk)
            lift(journal, self.setup, self.at, RESUMED)
            journal.close()

    def _is_cut_off(self) -> bool:
        """Whether no living daemon hears at once what happens to its orders."""
        return not any(
            life is not None and not life.is_over and self._network.reaches(life, TRADING)
            for life in (self.life, self.second.life)
        )

    # --- What is told ---------------------------------------------------------------------------------------------

    def befalls(self, fault: str) -> None:
        """A fault happens."""
        self.befell[fault] += 1
        self.court.struck(fault)

    def hit(self, fault: str, frame: str = "") -> bool:
        """A fault changes something. That counts where it could hurt: while an order of ours works, or is under way."""
        orders = self.exchange.views.open_orders(self.account) or self.evidence.under_way
        counts = bool(orders) or is_order(frame) or is_order_answer(frame)
        if counts:
            self.tally[fault] += 1
        return counts

    def took(self, promise: Promise, ns: int) -> None:
        """A check has timed something."""
        self.times.setdefault(promise.name, []).append(round(ns / SECOND_NS, 3))

    def up(self, link: Link, frame: str) -> Sequence[tuple[int, str]] | None:
        """What becomes of a frame from a daemon."""
        return self._trouble.up(link, frame)

    def down(self, link: Link, frame: str) -> Sequence[tuple[int, str]] | None:
        """What becomes of one from the exchange."""
        return self._trouble.down(link, frame)

    def _recorded(self, data: bytes) -> None:
        if not self.court.recorded:
            return
        for record in self._records.decode_lines(data):
            self.court.recorded(record)


def _planned(making: Making, plan: Plan) -> Making:
    """What daemons are made of on such a day."""
    setup, policy = making.setup, making.policy
    if plan.adopts:
        setup = replace(setup, on_start=OnStart.ADOPT)
    if plan.syncs_always:
        policy = structs.replace(policy, fsync=Fsync.ALWAYS)
    if plan.segment_bytes is not None:
        policy = structs.replace(policy, segment_bytes=plan.segment_bytes)
    return replace(making, setup=setup, policy=policy)


@cache
def _all_rows(table: Table) -> str:
    """What reads a table in the order of its key, as SQLite's driver takes it."""
    return str(select(table).order_by(*table.primary_key.columns).compile(dialect=sqlite.dialect()))

"""The state: all that is known. It changes in two ways only: `apply` what happened, and `expect` what we asked for.

Everything that must outlive the process is in `Memory`, with which a segment of the journal begins (`core/memory.py`);
the rest (books, sessions, budgets) is worthless after a restart and is learned anew.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET

from replenisher.core.account import Account
from replenisher.core.book import Book, Touch
from replenisher.core.budget import Budget, RateLimit
from replenisher.core.daily_volume import DailyVolume
from replenisher.core.execution import Executed
from replenisher.core.guarded import Guarded
from replenisher.core.load import Load
from replenisher.core.markouts import Markouts
from replenisher.core.memory import Memory, Present, Snapshot
from replenisher.core.orders import Orders
from replenisher.core.own_size import OwnSize
from replenisher.core.prices import Told
from replenisher.core.reserves import NOTHING, Needs, Reserves, needs
from replenisher.core.risk import Bound, Exposure, Limits, Measure, Stake
from replenisher.core.setup import OnStart, Setup, StrategySetup
from replenisher.core.slots import SlotKey, Slots, slot_of
from replenisher.core.stopping import Stopping, Verdict
from replenisher.core.sync import Sync
from replenisher.core.topic import Topic
from replenisher.core.touch_prices import mark_of
from replenisher.core.turns import Turns
from replenisher.core.watch import Values, Watch
from replenisher.model.command import DayMarked, Halt, HaltCause, Pause, PresenceCounted, TakenOver
from replenisher.model.event import SignalsRemembered, TradePrinted
from replenisher.model.instrument import SPOT, Instrument, venue_of
from replenisher.model.money import why_not_one_money
from replenisher.model.order import BASE36, is_order_id

Basis = tuple[Instrument, int, Decimal, Decimal, int, Needs]  # twice the mid in ticks, position, inventory, cash

IN_OTHER_WORDS = ("orders", "slots", "volumes", "presence", "brought")
REMEMBERED = tuple(name for name in Memory.__struct_fields__ if name not in IN_OTHER_WORDS)  # as they are
AT_PRESENT = tuple(name for name in Present.__struct_fields__ if name != "back")  # likewise


def base36(number: int, width: int) -> str:
    """A number in base 36, fixed width."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = BASE36[digit] + digits
    assert len(digits) <= width, "a client order id has a fixed width"
    return digits.rjust(width, "0")


@lru_cache(maxsize=16)  # one life has one
def _of_life(namespace: str, epoch: int) -> str:
    """How all order ids of a life begin."""
    return namespace + base36(epoch, 6)


@dataclass(slots=True)
class State:
    """All that is known."""

    setup: Setup
    epoch: int = 0
    first_started_at: int = 0
    counter: int = 0
    orders: Orders = field(default_factory=Orders)
    account: Account = field(default_factory=Account)
    slots: Slots = field(default_factory=Slots)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)  # instrument -> why it does not trade
    books: defaultdict[str, Book] = field(default_factory=lambda: defaultdict(Book))
    own_sizes: dict[str, OwnSize] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    granted: dict[str, RateLimit] = field(default_factory=dict)  # by venue, where it has told one
    drawn_on: dict[str, Budget] = field(default_factory=dict)  # those that pay for what may not have left yet
    syncs: dict[str, Sync] = field(default_factory=dict)
    clock_offsets_ns: dict[str, int] = field(default_factory=dict)
    pauses: dict[str, Pause] = field(default_factory=dict)
    halts: dict[HaltCause, Halt] = field(default_factory=dict)
    found: dict[tuple[type, str], Halt | Pause | TakenOver] = field(default_factory=dict)  # to be recorded next
    executed: list[Executed] = field(default_factory=list)  # in this step
    let_in: dict[str, None] = field(default_factory=dict)  # venues that have taken our key in this life
    links_heard: dict[str, int] = field(default_factory=dict)  # venue -> when its link last proved alive
    lags: list[int] = field(default_factory=list)  # when we looked at what happens too late, lately
    mixed: dict[str, str] = field(default_factory=dict)  # venue -> why no limit holds on all that is traded there
    skews: dict[str, int] = field(default_factory=dict)  # venue -> how often in a row its clock was too far from ours
    journal_blocked: str = ""  # why the journal cannot be written; empty while it can
    lease_lost: str = ""  # why somebody else may trade on our accounts; empty while nobody may
    strays: dict[str, tuple[str, str]] = field(default_factory=dict)  # venue order id -> (label, instrument)
    stopping: Stopping | None = None
    refusals: dict[str, list[int]] = field(default_factory=dict)  # strategy -> when, for no known reason
    day_marks: dict[str, DayMarked] = field(default_factory=dict)
    brought: dict[str, TakenOver] = field(default_factory=dict)  # by instrument, of which no mark of a day knows yet
    presence: dict[str, PresenceCounted] = field(default_factory=dict)  # how each one that is obliged stands
    unwatched_since: int = 0  # since when nobody has looked at what happens; 0 once `presence` has heard of it
    to_revisit: dict[str, None] = field(default_factory=dict)  # instruments that need a new decision
    to_look_at: dict[str, None] = field(default_factory=dict)  # instruments whose market has moved, and nothing else
    touches: dict[str, Touch | None] = field(default_factory=dict)  # of the others, as of the last step that looked
    stand_ins: dict[str, Touch] = field(default_factory=dict)  # where there is none, for who quotes on all the same
    recalled: dict[str, SignalsRemembered] = field(default_factory=dict)  # for the signals of markets yet to be defined
    watches: dict[str, Watch] = field(default_factory=dict)  # the signals in use, by instrument
    withheld: dict[str, str] = field(default_factory=dict)  # strategy -> why its last plan shows less than it wants
    untold: dict[str, str] = field(default_factory=dict)  # strategy -> why its signals let nothing be shown, when asked
    volumes: dict[str, DailyVolume] = field(default_factory=dict)  # by strategy, of those that have a cap
    guarded: dict[str, Guarded] = field(default_factory=dict)  # the strategies that have guards
    markouts: Markouts = field(default_factory=Markouts)
    told: dict[str, Told] = field(default_factory=dict)  # prices from elsewhere, by source
    earlier_lives: dict[str, None] = field(default_factory=dict)  # orders that were live when this life began
    left_alone_until: dict[str, int] = field(default_factory=dict)  # venue -> until when those are, see `starting`
    objection: str = ""  # why this life must end before it has touched anything
    known_bounds: dict[str, tuple[Basis, tuple[Bound, ...]]] = field(default_factory=dict)  # by strategy, and of what
    measures: dict[tuple[str, str], Measure] = field(default_factory=dict)  # by strategy, "" is the account
    reserves: Reserves = field(default_factory=Reserves)  # where several instruments share our money
    uncounted: dict[str, None] = field(default_factory=dict)  # instruments that may need more, or less, than is kept
    turns: Turns = field(default_factory=Turns)  # who waits for credits

    def __post_init__(self) -> None:
        for setup in self.setup.strategies:
            if (guards := setup.guards) is not None:
                volume = self.volumes.setdefault(setup.id, DailyVolume()) if guards.has_caps else DailyVolume()
                self.guarded[setup.id] = Guarded(guards, volume)

    # --- What outlives the process -------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """Everything that must outlive the process."""
        return msgspec.msgpack.encode(Memory(**self._remembered()))

    def snapshot(self) -> bytes:
        """The same, and what the later steps of this life need besides."""
        present = Present(back=list(self.orders.back), **{name: getattr(self, name) for name in AT_PRESENT})
        return msgspec.msgpack.encode(Snapshot(present=present, **self._remembered()))

    @classmethod
    def load(cls, setup: Setup, snapshot: bytes | None) -> "State":
        """The state as of a snapshot, or a blank one."""
        if snapshot is None:
            return cls(setup)
        memory = msgspec.msgpack.decode(snapshot, type=Snapshot)
        self = cls(setup, volumes=memory.volumes or {})
        for name in REMEMBERED:
            setattr(self, name, getattr(memory, name))
        for name in AT_PRESENT:
            setattr(self, name, getattr(memory.present, name))
        self.orders = Orders.load(memory.orders, memory.present.back)
        self.slots = Slots(memory.slots)
        self.presence = memory.presence or {}
        self.brought = memory.brought or {}
        for instrument in self.instruments.values():
            self._weigh(instrument)
        return self

    def _remembered(self) -> dict[str, Any]:
        as_it_is = {name: getattr(self, name) for name in REMEMBERED}
        in_other_words = {
            "orders": self.orders.dump(),
            "slots": self.slots.dump(),
            "volumes": self.volumes or UNSET,  # what few have is not written for the others
            "presence": self.presence or UNSET,
            "brought": self.brought or UNSET,
        }
        return in_other_words | as_it_is

    # --- What there is -------------------------------------------------------------------------------------------

    def forget_the_present(self) -> None:
        """A life begins: what only an earlier life could see (books, sessions, its own stop) is void."""
        blank = State(self.setup, volumes=self.volumes)
        for each in fields(self):
            if each.name not in Memory.__struct_fields__ and each.name not in ("to_revisit", "to_look_at"):
                setattr(self, each.name, getattr(blank, each.name))

    def own_size(self, instrument: str) -> OwnSize:
        """Our own orders on the book of one instrument."""
        own = self.own_sizes.get(instrument)
        if own is None:
            own = self.own_sizes[instrument] = OwnSize(self.setup.venue(venue_of(instrument)).own_echo_ns_max)
        return own

    def rate_limit(self, venue: str) -> RateLimit:
        """How often a venue is asked at most: as configured, or less where it grants us less."""
        return self.granted.get(venue) or self.setup.venue(venue).rate_limit

    def grant(self, venue: str, per_s: float, burst: float, at: int) -> None:
        """A venue has said how often it may be asked: what was spent lately is missing of that, too."""
        ours, before, budget = self.setup.venue(venue).rate_limit, self.rate_limit(venue), self.budget(venue, at)
        now = self.granted[venue] = RateLimit(min(ours.per_s, per_s), min(ours.burst, burst))
        budget.shrink(max(0.0, before.burst - now.burst))

    def budget(self, venue: str, at: int) -> Budget:
        """The rate budget of one venue, as of now."""
        limit = self.rate_limit(venue)
        budget = self.budgets.get(venue)
        if budget is None:
            budget = self.budgets[venue] = Budget(limit.burst, at)
        budget.refill(limit, at)
        self.drawn_on[venue] = budget
        return budget

    def all_has_left(self, at: int) -> None:
        """A later step begins: whatever was asked for before it is on its way."""
        for venue, budget in self.drawn_on.items():
            budget.all_has_left(self.rate_limit(venue), at)
        self.drawn_on.clear()

    def sync(self, venue: str) -> Sync:
        """The sync of one venue; closed until its session opens."""
        if venue not in self.syncs:
            self.syncs[venue] = Sync(venue)
        return self.syncs[venue]

    def sync_of(self, instrument: str) -> Sync:
        """The sync of the venue an instrument belongs to."""
        return self.sync(venue_of(instrument))

    def ask(self, topic: Topic, instrument: str, at: int) -> None:
        """Have the venue of an instrument asked about it: alone, or with all others where that is one question."""
        self.sync_of(instrument).ask(topic, self.setup.scope(topic, instrument), at)

    def sync_anew(self, venue: str, at: int) -> None:
        """Believe nothing of what a venue has of ours before it has told all of it."""
        orders, trades = self.setup.scopes(Topic.OPEN_ORDERS, venue), self.setup.scopes(Topic.TRADES, venue)
        self.sync(venue).open(orders, trades, at)

    def read_until(self, scope: str) -> int:
        """Up to which venue time our trades, or our cash in `venue/currency`, were read."""
        return min(self.account.cursors[key] for key in self.setup.covered_by(scope))

    def trades_are_read(self, scope: str, since: int) -> None:
        """All trades of a scope were told that there were at `since`: those of instruments where none was, too."""
        cursors = self.account.cursors
        covered = [key for key in self.setup.covered_by(scope) if key in cursors]  # an earlier life may have had others
        asked = since + self.clock_offsets_ns.get(venue_of(scope), 0)
        newest = max((cursors[key] for key in covered), default=0)
        for key in covered:
            self.account.caught_up(key, min(newest, asked))

    @property
    def is_flat(self) -> bool:
        """Whether a stop was verified: every venue has said that nothing of ours rests."""
        return self.stopping is not None and self.stopping.verdict is Verdict.FLAT

    @property
    def may_rest(self) -> list[str]:
        """The orders that may rest when this life ends."""
        return [] if self.is_flat else sorted(order.order_id for order in self.orders.all_live())

    def touch_of(self, instrument: str, at: int) -> Touch | None:
        """The others' best bid and ask; None where there is no trusted two-sided book."""
        book = self.books[instrument]
        return None if book.distrust else self.own_size(instrument).touch(book, at)

    def market(self, instrument: str) -> Touch | None:
        """What marks an instrument: the others' touch as of the last step that looked, or what stands in for it."""
        touch = self.touches.get(instrument)
        return self.stand_ins.get(instrument) if touch is None else touch

    def stood(self, instrument: str, at: int) -> Touch | None:
        """Their touch when somebody last looked; None where there was none, or it was too old by `at` to rely on it."""
        touch, oldest = self.touches.get(instrument), at - self.setup.data_age_ns_max
        if touch is None or self.books[instrument].heard_at >= oldest:
            return touch
        return touch if self.links_heard.get(venue_of(instrument), 0) >= oldest else None

    def look(self, instrument: str, at: int) -> Touch | None:
        """See where the market of an instrument stands, and have those of its signals that are in use see it, too."""
        before, touch = self.touches.get(instrument), self.touch_of(instrument, at)
        self.touches[instrument] = touch
        if self.guarded:
            self._have_guards_look(instrument, before, at)
        if (watch := self.watches.get(instrument)) is not None:
            book = self.books[instrument]
            if book.distrust:
                watch.lost()
            elif touch is not None:
                if touch != before:
                    watch.saw_touch(touch, book.venue_time)
                if watch.looks_below:
                    watch.saw_book(book, self.own_size(instrument), at)
        return touch

    def _have_guards_look(self, key: str, before: Touch | None, at: int) -> None:
        """Those of an instrument's strategies see where its market was until now, and where it has come to."""
        if (instrument := self.instruments.get(key)) is None:
            return
        book, own = self.books[key], self.own_size(key)
        for setup in self.setup.watching(key):
            if (guarded := self.guarded.get(setup.id)) is not None:
                guarded.saw_market(before, instrument, at)
                guarded.saw_book(book, own, self.orders.of(setup.ladder))

    def have_guards_see(self, trade: TradePrinted) -> None:
        """A trade brings forward who stands in a queue."""
        for setup in self.setup.watching(trade.instrument):
            if (guarded := self.guarded.get(setup.id)) is not None:
                guarded.saw_trade(trade, self.orders.of(setup.ladder))

    def define(self, instrument: Instrument, at: int) -> None:
        """The venue has said what an instrument is. Signals count in its ticks and lots, so others start anew."""
        before = self.instruments.get(instrument.key)
        self.instruments[instrument.key] = instrument
        self._weigh(instrument)
        if before is not None and not instrument.counts_as(before) and self.account.position(instrument.key).size:
            reason = f"an amount of {instrument.key} is worth something else than when what is held was traded"
            self.halt(HaltCause.UNEXPLAINED_POSITION, reason, instrument.key)
        if (wanted := self.setup.signals.get(instrument.key)) is None:
            return
        is_same = before is not None and (before.tick, before.lot) == (instrument.tick, instrument.lot)
        if not is_same or instrument.key not in self.watches:
            watch = self.watches[instrument.key] = Watch(wanted, instrument)
            if (recalled := self.recalled.pop(instrument.key, None)) is not None:
                watch.recall(recalled.dumps, instrument, at)

    def _weigh(self, instrument: Instrument) -> None:
        """Whether limits hold on all that is traded at the venue of an instrument, as far as it is known."""
        venue, setups = instrument.venue, self.setup.strategies
        known = [self.instruments.get(setup.instrument) for setup in setups if setup.venue == venue]
        why = why_not_one_money(each.quote_currency for each in known if each is not None)
        if why != self.mixed.get(venue, ""):
            self.mixed[venue] = why
            self.revisit_all()

    def signals(self, setup: StrategySetup) -> Values:
        """What the signals of a strategy say now."""
        watch = self.watches.get(setup.instrument)
        if watch is None or not setup.signals:
            return dict.fromkeys(setup.signals)
        return watch.values(setup.id, self.books[setup.instrument].venue_time)

    def bounds(self, setup: StrategySetup, touch: Touch) -> tuple[Bound, ...]:
        """How far the account's limits, and a strategy's own for its share, let that strategy go at this mid."""
        instrument = self.instruments[setup.instrument]
        position = self.account.position(setup.instrument).size
        inventory = self.account.inventory(setup.instrument, setup.id)
        kept, base_kept = elsewhere = self._kept_elsewhere(instrument) if self.setup.shares_money else NOTHING
        basis = (instrument, touch.bid + touch.ask, position, inventory, self.account.cash_moves, elsewhere)
        known = self.known_bounds.get(setup.id)
        if known is not None and known[0] == basis:
            return known[1]
        pause = self.pauses.get("")
        cash = self.account.funds(instrument.venue, instrument.settlement_currency)
        base_cash = self.available(instrument)
        stake = Stake(
            position=position,
            cash=None if cash is None else cash - kept,
            base_cash=None if base_cash is None else base_cash - base_kept,
            mark=mark_of(touch, instrument),
            reduces=pause is not None and pause.reduces,
        )
        bounds: tuple[Bound, ...] = (Bound(self.measure("", self.setup.limits, instrument), stake),)
        # A share that holds all there is, within the same limits, is bound already.
        if setup.id in self.setup.tighter or inventory != position:
            own = self.measure(setup.id, setup.limits, instrument)
            bounds = (*bounds, Bound(own, msgspec.structs.replace(stake, position=inventory, reduces=False)))
        self.known_bounds[setup.id] = (basis, bounds)
        return bounds

    def count_anew(self, instruments: Iterable[str]) -> None:
        """Note whose orders or position may have changed, if anything else is paid from the same purse."""
        if self.setup.shares_money:
            self.uncounted.update(dict.fromkeys(instruments))

    def _kept_elsewhere(self, instrument: Instrument) -> Needs:
        """What of the money for an instrument stands behind others."""
        for key in self.uncounted:
            other = self.instruments.get(key)
            if other is not None and (needed := self._needs(other)) is not None:
                self.reserves.keep(other, needed)
        self.uncounted.clear()
        return self.reserves.elsewhere(instrument)

    def _needs(self, instrument: Instrument) -> Needs | None:
        """What an instrument needs now; None if that cannot be told, so that what is kept for it stays."""
        position, load = self.account.position(instrument.key), self.orders.load_on(instrument.key)
        if not position.size and not load.orders:
            return NOTHING
        touch = self.market(instrument.key)
        mark = position.entry_price(instrument) if touch is None else mark_of(touch, instrument)
        return None if mark is None else needs(instrument, position.size, load, mark, self.setup.limits.max_leverage)

    def available(self, instrument: Instrument) -> Decimal | None:
        """What of the base currency is there to be sold; None but for spot, and until the venue has told it."""
        return self.account.balance(instrument.venue, instrument.base_currency) if instrument.kind is SPOT else None

    def exposures(self, setup: StrategySetup, bounds: Sequence[Bound], *, with_ladder: bool) -> list[Exposure]:
        """What counts towards these bounds: the account's orders and the strategy's; with its own ladder, or beside it.

        With it, the loads are those that are kept: they have in them what is sent meanwhile.
        """
        load, own = self.orders.load_on(setup.instrument), self.orders.load_in(setup.ladder)
        elsewhere = self.orders.open - load.orders
        if not with_ladder:
            load, own = load.minus(own), Load()
        exposures = [Exposure(bounds[0], load, elsewhere)] if bounds else []
        if len(bounds) > 1:
            exposures.append(Exposure(bounds[1], own))
        return exposures

    def measure(self, strategy: str, limits: Limits, instrument: Instrument) -> Measure:
        """Limits in the numbers of an instrument, worked out once for each definition of it."""
        measure = self.measures.get((strategy, instrument.key))
        if measure is None or measure.instrument is not instrument:
            measure = self.measures[strategy, instrument.key] = Measure(limits, instrument)
        return measure

    def eaten_slot(self, key: SlotKey) -> SlotKey | None:
        """The slot that a place in `key` refills: itself, or one whose own refill has moved in from here."""
        if self.slots.known(key).was_eaten:
            return key
        strategy, instrument, side, _ = key
        for order in self.orders.of((strategy, instrument)):
            if order.side is side and self.slots.known(slot_of(order)).was_eaten:
                return slot_of(order)
        return None

    @property
    def is_anything_to_do(self) -> bool:
        """Whether a step has noted anything that it must look after. Most do not: a trade is news to few."""
        return bool(self.to_revisit or self.to_look_at or self.found or self.strays or self.earlier_lives)

    def revisit(self, instrument: str) -> None:
        """Note that an instrument needs a new decision."""
        self.to_revisit[instrument] = None

    def look_at(self, instrument: str) -> None:
        """Note that the market of an instrument has moved, and nothing of ours."""
        self.to_look_at[instrument] = None

    def revisit_all(self) -> None:
        """Note that every strategy needs a new decision, perhaps within other bounds."""
        self.known_bounds.clear()
        for setup in self.setup.strategies:
            self.to_revisit[setup.instrument] = None

    def halt(self, cause: HaltCause, reason: str, instrument: str = "") -> None:
        """Have everything halted, once for each cause; the engine records it before it decides anything else."""
        if cause not in self.halts:
            self.found.setdefault((Halt, cause), Halt(cause=cause, reason=reason, instrument=instrument))

    def pause(self, strategy: str, reason: str) -> None:
        """Have one strategy paused until an operator resumes, recorded in the same way."""
        if strategy not in self.pauses:
            self.found.setdefault((Pause, strategy), Pause(reason=reason, until=0, strategy=strategy))

    def next_order_id(self) -> str:
        """Namespace 3, epoch 6, counter 6: fixed width, never used before."""
        return _of_life(self.setup.namespace, self.epoch) + base36(self.counter + 1, 6)

    def is_ours(self, order_id: str) -> bool:
        """Whether a label at the venue is a client order id of our namespace."""
        return is_order_id(order_id, self.setup.namespace)

    def has_earlier_lives(self, instrument: str) -> bool:
        """Whether an order that an earlier life of ours left live is live still."""
        by_id, adopted = self.orders.by_id, self.setup.ladders if self.setup.on_start is OnStart.ADOPT else ()
        for order_id in list(self.earlier_lives):
            if (order := by_id.get(order_id)) is None or order.status.is_terminal:
                del self.earlier_lives[order_id]
            elif order.instrument == instrument and (order.strategy, instrument) not in adopted:
                return True
        return False

"""Scopes: a venue that tells of all we trade there in one answer is asked once, however many instruments there are."""

from decimal import Decimal

import msgspec
import pytest

from replenisher.core.comparison import READS
from replenisher.core.engine import Engine
from replenisher.core.replay import fold
from replenisher.core.setup import Setup, StrategySetup
from replenisher.core.state import State
from replenisher.core.stopping import Verdict
from replenisher.core.sync import OVERLAP_NS
from replenisher.core.topic import Topic
from replenisher.model.command import (
    AskBalance,
    AskOpenOrders,
    AskPosition,
    AskTrades,
    CancelOrder,
    Command,
    PlaceOrder,
    Question,
)
from replenisher.model.event import (
    BalanceReported,
    BookSnapshot,
    Event,
    InstrumentDefined,
    OpenOrdersReported,
    OrderCanceled,
    OrderFilled,
    OrderReport,
    OrderWorking,
    PositionReported,
    SessionOpened,
    Started,
    StopAsked,
    TradesReported,
    Woke,
)
from replenisher.model.order import Request, Side, Status
from replenisher.model.step import Step
from tests.core.world import ASK, BID, LINEAR, MS, SECOND, T0, VENUE, Wishes, buy, filled, limits, one_strategy, policy

AT_ONCE = frozenset({Topic.OPEN_ORDERS, Topic.TRADES, Topic.POSITION})
ROUND = 15 * SECOND
HUNDRED = [f"I{number:02d}" for number in range(100)]


class Crowd:
    """An engine with one quote on each of many instruments, and a venue that answers what it is asked."""

    def __init__(self, names: list[str], memory: bytes | None = None, at: int = T0) -> None:
        one = one_strategy(Wishes((buy(0, BID - 10),)), tells_at_once=AT_ONCE, sync_every_ns=ROUND)
        strategies = tuple(
            StrategySetup(
                id=name,
                strategy=Wishes((buy(0, BID - 10),)),
                venue=VENUE,
                instrument=f"{VENUE}/{name}",
                policy=policy(),
                limits=limits(),
            )
            for name in names
        )
        constants = Setup(namespace="tst", venues=one.venues, strategies=strategies, limits=limits())
        self.engine = Engine(State.load(constants, memory))
        self.instruments = {name: msgspec.structs.replace(LINEAR, name=name) for name in names}
        self.at = at
        self.asked: list[Command] = []
        self.fills: list[OrderFilled] = []  # that the venue tells when it is asked
        self.resting: dict[str, OrderReport] = {}
        self.steps: list[Step] = []

    @property
    def state(self) -> State:
        return self.engine.state

    def tell(self, *facts: Event) -> Step:
        """The engine learns this; what it asks or wishes waits to be answered."""
        self.at += MS
        step = self.engine.step([msgspec.structs.replace(fact, at=self.at) for fact in facts])
        self.asked += step.commands
        self.steps.append(step)
        return step

    def answers(self) -> list[Event]:
        """What the venue answers to all that it was asked."""
        asked, self.asked = self.asked, []
        return [fact for command in asked for fact in self.answer(command)]

    def answer(self, command: Command) -> list[Event]:
        """What the venue answers to one command."""
        match command:
            case PlaceOrder(order_id=order_id, instrument=key, price=price, quantity=quantity):
                report = OrderReport(
                    order_id=order_id,
                    venue_order_id=f"v{order_id}",
                    instrument=key,
                    side=command.side,
                    price=price,
                    quantity=quantity,
                    filled=Decimal(0),
                    status=Status.WORKING,
                    venue_time=self.at,
                )
                self.resting[order_id] = report
                return [
                    OrderWorking(
                        at=0,
                        order_id=order_id,
                        venue_order_id=report.venue_order_id,
                        venue_time=self.at,
                        price=price,
                        quantity=quantity,
                        answers=Request.PLACE,
                    )
                ]
            case CancelOrder(order_id=order_id):
                self.resting.pop(order_id, None)
                return [OrderCanceled(at=0, order_id=order_id, venue_time=self.at, reason="asked")]
            case AskOpenOrders(scope=scope, asked_at=asked_at):
                return [OpenOrdersReported(at=0, scope=scope, asked_at=asked_at, orders=tuple(self.resting.values()))]
            case AskTrades(scope=scope):
                return [TradesReported(at=0, scope=scope, fills=tuple(self.fills), has_more=False)]
            case AskPosition():
                position = self.state.account.position
                keys = [each.key for each in self.instruments.values()]
                return [PositionReported(at=0, instrument=key, amount=position(key).size) for key in keys]
            case AskBalance(currency=currency):
                return [BalanceReported(at=0, venue=VENUE, currency=currency, balance=Decimal(1_000_000))]
            case _:
                return []

    def settle(self) -> list[Command]:
        """Everything is answered until nobody has anything to say; what was asked and wished on the way."""
        wishes: list[Command] = [*self.asked]
        while facts := self.answers():
            wishes += self.tell(*facts).commands
        return wishes

    def open(self, epoch: int = 1) -> list[Command]:
        """A life begins, up to the first quotes."""
        self.tell(Started(at=0, epoch=epoch, namespace="tst", config_version="1", accounts={VENUE: "a"}))
        for each in self.instruments.values():
            self.tell(InstrumentDefined(at=0, instrument=each))
            bids, asks = ((BID, 50),), ((ASK, 50),)
            self.tell(BookSnapshot(at=0, instrument=each.key, venue_time=self.at, bids=bids, asks=asks))
        self.tell(SessionOpened(at=0, venue=VENUE))
        return self.settle()

    def wait(self, ns: int) -> list[Command]:
        """Let time pass; the venue answers at once."""
        until, wishes = self.at + ns, list[Command]()
        while (deadline := self.engine.next_deadline) is not None and deadline < until:
            self.at = max(deadline, self.at)
            self.tell(Woke(at=0))
            wishes += self.settle()
        self.at = until
        return wishes


def quoting(*names: str) -> Crowd:
    """A crowd in sync that shows all its quotes."""
    crowd = Crowd(list(names))
    crowd.open()
    assert len(crowd.resting) == len(names)
    return crowd


def questions(commands: list[Command]) -> list[type]:
    return [type(command) for command in commands if isinstance(command, Question)]


def test_the_sync_of_a_hundred_instruments_takes_as_many_questions_as_that_of_two() -> None:
    asked = [questions(Crowd(names).open()) for names in (HUNDRED[:2], HUNDRED)]

    positions = [AskPosition] * (READS - 1)  # once more than was enough, the first time
    assert asked[0] == asked[1] == [AskOpenOrders, AskTrades, AskTrades, AskPosition, AskBalance, *positions]


def test_one_instrument_alone_is_asked_for_by_itself() -> None:
    asked = [
        command for command in Crowd(["I00"]).open() if isinstance(command, AskOpenOrders | AskTrades | AskPosition)
    ]

    assert {question.scope for question in asked} == {f"{VENUE}/I00"}


def test_a_round_in_which_all_is_as_we_believe_touches_no_order_and_no_plan() -> None:
    crowd = quoting(*HUNDRED)
    kept: list[Step] = []

    crowd.at += ROUND
    asked = crowd.tell(Woke(at=0)).commands
    while facts := crowd.answers():
        kept.append(crowd.tell(*facts))

    assert questions([*asked]) == [AskOpenOrders, AskTrades, AskBalance]
    assert [questions([*step.commands]) for step in kept] == [[AskPosition], []]
    assert [(step.orders, step.decisions) for step in kept] == [((), ()), ((), ())]


def test_an_order_that_does_not_rest_as_we_believe_is_the_only_one_that_is_touched() -> None:
    crowd = quoting("I00", "I01", "I02")
    lost, *_ = crowd.resting
    del crowd.resting[lost]

    crowd.at += ROUND
    crowd.tell(Woke(at=0))
    asked = crowd.tell(*crowd.answers()).commands

    assert next(command.subject for command in asked if isinstance(command, Question)) == lost


def test_trades_are_known_up_to_the_newest_of_all_instruments() -> None:
    crowd = quoting("I00", "I01")
    traded_at = crowd.at + 5 * SECOND
    crowd.fills = [filled(crowd.instruments["I01"], "", "T1", Side.BUY, BID, 10, venue_time=traded_at)]

    crowd.wait(ROUND + SECOND)
    crowd.fills = []
    (next_time,) = (command for command in crowd.wait(ROUND + SECOND) if isinstance(command, AskTrades))

    assert next_time.since == traded_at - OVERLAP_NS
    assert crowd.state.account.position(f"{VENUE}/I01").size == Decimal("0.010")


def test_what_happened_after_a_reading_began_may_have_an_older_neighbour_that_it_did_not_show() -> None:
    crowd = quoting("I00", "I01")
    crowd.at += ROUND
    crowd.tell(Woke(at=0))
    began = crowd.at
    late = filled(crowd.instruments["I01"], "", "T1", Side.BUY, BID, 10, venue_time=began + 5 * SECOND)

    crowd.at += 6 * SECOND
    crowd.tell(TradesReported(at=0, scope=VENUE, fills=(late,), has_more=True))
    crowd.tell(TradesReported(at=0, scope=VENUE, fills=(), has_more=False))

    assert crowd.state.read_until(VENUE) == began


def test_an_instrument_that_is_new_is_read_from_its_own_beginning() -> None:
    crowd = quoting("I00", "I01")
    first_started_at = crowd.state.first_started_at
    crowd.fills = [filled(crowd.instruments["I01"], "", "T1", Side.BUY, BID, 10, venue_time=crowd.at + SECOND)]
    crowd.wait(ROUND + SECOND)

    later = Crowd(["I00", "I01", "NEW"], memory=crowd.state.dump(), at=crowd.at)
    first, *_ = (command for command in later.open(epoch=2) if isinstance(command, AskTrades))

    assert first.since == first_started_at - OVERLAP_NS


@pytest.mark.parametrize(("before", "now"), [(["I00"], ["NEW"]), (["I00", "I01"], ["I00", "NEW"])])
def test_what_a_life_did_is_read_by_a_configuration_that_trades_something_else(
    before: list[str], now: list[str]
) -> None:
    crowd = quoting(*before)
    crowd.wait(ROUND + SECOND)
    later = Crowd(now, at=crowd.at)

    fold(later.state, crowd.steps)
    first, *_ = (command for command in later.open(epoch=2) if isinstance(command, AskTrades))

    assert first.since == crowd.state.first_started_at - OVERLAP_NS


def test_a_stop_is_flat_by_one_answer_that_was_asked_for_after_the_last_order_was_gone() -> None:
    crowd = quoting(*HUNDRED)
    crowd.at += ROUND
    crowd.tell(Woke(at=0))
    under_way, crowd.asked = crowd.asked, []  # the round's own question

    canceled = crowd.tell(StopAsked(at=0, reason="operator")).commands
    asked = crowd.tell(*crowd.answers()).commands
    stopping = crowd.state.stopping
    assert stopping is not None
    crowd.tell(*(fact for command in under_way for fact in crowd.answer(command)))
    before = stopping.verdict
    crowd.tell(*crowd.answers())

    assert [type(command) for command in canceled] == [CancelOrder] * 100
    assert questions([*asked]) == [AskOpenOrders]
    assert (before, stopping.verdict) == (Verdict.OPEN, Verdict.FLAT)


def test_a_stop_does_not_count_what_was_asked_before_the_last_order_was_gone() -> None:
    crowd = quoting("I00", "I01")
    crowd.at += ROUND
    crowd.tell(Woke(at=0))
    crowd.asked = []

    crowd.tell(StopAsked(at=0, reason="operator"))
    crowd.tell(OpenOrdersReported(at=0, scope=VENUE, asked_at=crowd.at, orders=()))
    assert crowd.state.stopping is not None

    assert crowd.state.stopping.verdict is Verdict.OPEN


def test_nothing_is_compared_any_more_once_we_stop() -> None:
    crowd = quoting("I00", "I01")
    crowd.tell(StopAsked(at=0, reason="operator"))
    crowd.settle()

    later = crowd.wait(3 * ROUND)

    assert not questions(later)

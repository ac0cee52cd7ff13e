"""A small world for the core: an instrument, an engine with one or two strategies, and a toy venue of pure values.

The toy venue answers commands with facts and keeps them in two queues, private and public, until the test lets them
arrive: in order, late, twice, or never.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from replenisher.core.budget import RateLimit
from replenisher.core.engine import Engine
from replenisher.core.look import QuotingPolicy
from replenisher.core.orders import Order
from replenisher.core.risk import Limits
from replenisher.core.setup import OnStart, Setup, StrategySetup, VenueSetup
from replenisher.core.slots import RefillPolicy
from replenisher.core.state import State
from replenisher.core.strategy import NO_QUOTES, Quotes, Strategy, View
from replenisher.model.command import (
    AmendOrder,
    AskBalance,
    AskOpenOrders,
    AskOrder,
    AskPosition,
    AskTrades,
    CancelOrder,
    Command,
    Denied,
    Halt,
    LocalCommand,
    MoveSlot,
    Pause,
    PlaceOrder,
    PresenceCounted,
    SignalsDumped,
    TakenOver,
)
from replenisher.model.event import (
    BalanceReported,
    BookChanged,
    BookSnapshot,
    Event,
    InstrumentDefined,
    Level,
    OpenOrdersReported,
    OrderCanceled,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderReport,
    OrderReported,
    OrderWorking,
    PositionReported,
    RejectReason,
    RequestRejected,
    SessionOpened,
    Started,
    TradesReported,
    Woke,
)
from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.order import Liquidity, Request, Side, Status
from replenisher.model.step import Quote, Step

MS = 1_000_000
SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
VENUE = "toy"
KEY = "toy/BTC-PERPETUAL"
BID, ASK = 99_990, 100_010  # the others' touch, in ticks
ECHO = 500 * MS
TIMEOUT = 2 * SECOND
FORGETS = 2 * SECOND

LINEAR = Instrument(
    venue=VENUE,
    name="BTC-PERPETUAL",
    kind=Kind.PERPETUAL,
    tick_steps=(TickStep(Decimal(0), Decimal("0.1")),),
    lot=Decimal("0.001"),
    amount_unit=AmountUnit.BASE,
    base_currency="BTC",
    quote_currency="USDT",
    settlement_currency="USDT",
    min_amount=Decimal("0.001"),
)
INVERSE = msgspec.structs.replace(
    LINEAR,
    tick_steps=(TickStep(Decimal(0), Decimal("0.5")),),
    lot=Decimal(10),
    amount_unit=AmountUnit.QUOTE,
    inverse=True,
    quote_currency="USD",
    settlement_currency="BTC",
    min_amount=Decimal(10),
)


def limits(**tighter: object) -> Limits:
    """Limits that nothing here reaches, but for those named."""
    wide: dict[str, object] = {
        "max_position_quote": Decimal(10_000_000),
        "max_order_quote": Decimal(10_000_000),
        "max_open_orders": 1_000,
        "max_daily_loss_quote": Decimal(10_000_000),
        "price_collar_bps": 10_000.0,
        "max_data_age_ns": 3_600 * SECOND,
        "max_leverage": Decimal(100),
    }
    return Limits(**(wide | tighter))


def policy(refill: RefillPolicy | None = None, **other: object) -> QuotingPolicy:
    """Quotes must match to the tick, unless told otherwise."""
    return QuotingPolicy(**({"refill": refill or RefillPolicy(), "tolerance_bps": 0.0} | other))


@dataclass
class Wishes:
    """A strategy whose wishes the test writes down."""

    quotes: tuple[Quote, ...] = ()
    seen: list[View] = field(default_factory=list)

    def quote(self, view: View) -> Quotes:
        """What was written down."""
        self.seen.append(view)
        if not self.quotes:
            return NO_QUOTES
        fair = (view.touch.bid + view.touch.ask) / 2 * float(view.instrument.tick)
        return Quotes(fair_value=fair, quotes=self.quotes, terms={})


def buy(level: int, price: int, quantity: int = 10) -> Quote:
    """A wanted bid."""
    return Quote(Side.BUY, level, price, quantity)


def sell(level: int, price: int, quantity: int = 10) -> Quote:
    """A wanted offer."""
    return Quote(Side.SELL, level, price, quantity)


def ladder(levels: int, quantity: int = 10, step: int = 10, centre: int = 100_000) -> tuple[Quote, ...]:
    """Bids and offers at equal distances around the centre, outside the others' touch."""
    distances = [20 + step * level for level in range(levels)]
    bids = [buy(level, centre - distance, quantity) for level, distance in enumerate(distances)]
    return (*bids, *(sell(level, centre + distance, quantity) for level, distance in enumerate(distances)))


def one_strategy(strategy: Strategy, **other: object) -> Setup:
    """The constants of a life with one strategy; `limits`, `policy`, `rate_limit`, `amends_price` may be chosen."""
    return setup([("core", strategy)], **other)


def setup(strategies: Iterable[tuple[str, Strategy]], instrument: str = KEY, **other: object) -> Setup:
    """The constants of a life."""
    all_limits = other.pop("limits", limits())
    quoting = other.pop("policy", policy())
    on_start = other.pop("on_start", OnStart.CANCEL)
    guards = other.pop("guards", None)
    obligations = other.pop("obligations", None)
    venue = {
        "name": VENUE,
        "rate_limit": RateLimit(per_s=1_000.0, burst=10_000.0),
        "request_timeout_ns": TIMEOUT,
        "own_echo_ns_max": ECHO,
        "amends_price": True,
        "forgets_ns": FORGETS,
        "sync_every_ns": 3_600 * SECOND,
    }
    return Setup(
        namespace="tst",
        venues=(VenueSetup(**(venue | other)),),
        strategies=tuple(
            StrategySetup(
                id=name,
                strategy=strategy,
                venue=VENUE,
                instrument=instrument,
                policy=quoting,
                limits=all_limits,
                guards=guards,
                obligations=obligations,
            )
            for name, strategy in strategies
        ),
        limits=all_limits,
        on_start=on_start,
    )


@dataclass
class Resting:
    """An order as the toy venue has it."""

    order_id: str
    venue_order_id: str
    side: Side
    price: int
    quantity: int
    filled: int = 0
    status: Status = Status.WORKING

    @property
    def remaining(self) -> int:
        """Lots that rest."""
        return self.quantity - self.filled if self.status is Status.WORKING else 0


class ToyVenue:
    """A venue of pure values: commands in, facts out, in two queues."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.orders: dict[str, Resting] = {}
        self.others: dict[Side, dict[int, int]] = {Side.BUY: {BID: 50}, Side.SELL: {ASK: 50}}
        self.fills: list[OrderFilled] = []
        self.position = Decimal(0)
        self.average_price = Decimal(0)
        self.balance = Decimal(1_000_000)
        self.private: list[Event] = []
        self.public: list[Event] = []

    # --- What is asked of it -------------------------------------------------------------------------------------

    def take(self, command: Command, now: int) -> None:
        """A command arrives."""
        match command:
            case PlaceOrder():
                self._place(command, now)
            case AmendOrder():
                self._amend(command, now)
            case CancelOrder():
                self._cancel(command, now)
            case AskOpenOrders():
                resting = tuple(self.report(order, now) for order in self.resting())
                self.private.append(
                    OpenOrdersReported(at=now, scope=command.scope, asked_at=command.asked_at, orders=resting)
                )
            case AskOrder():
                known = [order for order in self.orders.values() if order.order_id == command.order_id]
                if known:
                    self.private.append(OrderReported(at=now, venue_time=now, order=self.report(known[0], now)))
                else:
                    self.private.append(OrderNotFound(at=now, order_id=command.order_id, venue_time=now))
            case AskTrades():
                page = tuple(fill for fill in self.fills if fill.venue_time >= command.since)
                self.private.append(TradesReported(at=now, scope=self.instrument.key, fills=page, has_more=False))
            case AskPosition():
                self.private.append(
                    PositionReported(
                        at=now,
                        instrument=self.instrument.key,
                        amount=self.position,
                        average_price=self.average_price,
                    )
                )
            case AskBalance():
                self.private.append(
                    BalanceReported(at=now, venue=VENUE, currency=command.currency, balance=self.balance)
                )
            case MoveSlot() | Denied() | Pause() | Halt() | TakenOver() | PresenceCounted() | SignalsDumped():
                raise AssertionError(f"{command} is no business of a venue")

    def _place(self, command: PlaceOrder, now: int) -> None:
        if now > command.valid_until:
            self.private.append(self._refusal(command.order_id, RejectReason.TOO_LATE, now))
            return
        against = self.best(command.side.opposite)
        if against is not None and (command.price - against) * command.side.sign >= 0:
            self.private.append(self._refusal(command.order_id, RejectReason.POST_ONLY, now))
            return
        venue_order_id = f"V{len(self.orders) + 1}"
        order = Resting(command.order_id, venue_order_id, command.side, command.price, command.quantity)
        self.orders[venue_order_id] = order
        self.private.append(self._working(order, Request.PLACE, now))
        self.publish(order.side, order.price, now)

    def _amend(self, command: AmendOrder, now: int) -> None:
        order = self.orders.get(command.venue_order_id)
        if order is None or order.status is not Status.WORKING or now > command.valid_until:
            late = order is not None and order.status is Status.WORKING
            reason = RejectReason.TOO_LATE if late else RejectReason.NOT_OPEN
            self.private.append(
                RequestRejected(at=now, order_id=command.order_id, request=Request.AMEND, reason=reason, message="")
            )
            return
        before = order.price
        order.price, order.quantity = command.price, command.quantity
        if order.quantity <= order.filled:
            self.end(order, Status.CANCELED, now)
            return
        self.private.append(self._working(order, Request.AMEND, now))
        self.publish(order.side, before, now)
        if before != order.price:
            self.publish(order.side, order.price, now)

    def _cancel(self, command: CancelOrder, now: int) -> None:
        # Without its id, by our own: each is used once.
        label = command.order_id
        named = (order for order in self.orders.values() if order.order_id == label)
        order = self.orders.get(command.venue_order_id) if command.venue_order_id else next(named, None)
        if order is None or order.status is not Status.WORKING:
            self.private.append(
                RequestRejected(
                    at=now,
                    order_id=command.order_id,
                    request=Request.CANCEL,
                    reason=RejectReason.NOT_OPEN,
                    message="",
                )
            )
            return
        self.end(order, Status.CANCELED, now)

    # --- What happens there --------------------------------------------------------------------------------------

    def end(self, order: Resting, status: Status, now: int) -> None:
        """An order leaves the book."""
        order.status = status
        self.private.append(OrderCanceled(at=now, order_id=order.order_id, venue_time=now, reason="asked"))
        self.publish(order.side, order.price, now)

    def fill(self, order: Resting, lots: int, now: int) -> OrderFilled:
        """Somebody trades with an order of ours."""
        lots = min(lots, order.remaining)
        assert lots > 0, "nothing is left to fill"
        order.filled += lots
        if order.filled == order.quantity:
            order.status = Status.FILLED
        fill = filled(
            self.instrument,
            order.order_id,
            f"T{len(self.fills) + 1}",
            order.side,
            order.price,
            lots,
            venue_time=now,
            venue_order_id=order.venue_order_id,
        )
        self.fills.append(fill)
        self.position += order.side.sign * fill.amount
        self.private.append(fill)
        self.publish(order.side, order.price, now)
        return fill

    def publish(self, side: Side, price: int, now: int) -> None:
        """The public feed shows a level."""
        level = ((price, self.shown(side, price)),)
        bids, asks = (level, ()) if side is Side.BUY else ((), level)
        self.public.append(BookChanged(at=now, instrument=self.instrument.key, venue_time=now, bids=bids, asks=asks))

    def set_others(self, side: Side, price: int, quantity: int, now: int) -> None:
        """The others' size at a level changes."""
        if quantity:
            self.others[side][price] = quantity
        else:
            self.others[side].pop(price, None)
        self.publish(side, price, now)

    # --- What it shows -------------------------------------------------------------------------------------------

    def resting(self) -> list[Resting]:
        """Our orders on its book."""
        return [order for order in self.orders.values() if order.status is Status.WORKING]

    def shown(self, side: Side, price: int) -> int:
        """Everybody's size at a level."""
        ours = sum(order.remaining for order in self.resting() if (order.side, order.price) == (side, price))
        return self.others[side].get(price, 0) + ours

    def best(self, side: Side) -> int | None:
        """The best price of one side of the others."""
        prices = self.others[side]
        return (max(prices) if side is Side.BUY else min(prices)) if prices else None

    def snapshot(self, now: int) -> BookSnapshot:
        """The whole book."""
        sides: dict[Side, tuple[Level, ...]] = {}
        for side in Side:
            prices = {order.price for order in self.resting() if order.side is side} | set(self.others[side])
            best_first = sorted(prices, reverse=side is Side.BUY)
            sides[side] = tuple((price, self.shown(side, price)) for price in best_first)
        return BookSnapshot(
            at=now, instrument=self.instrument.key, venue_time=now, bids=sides[Side.BUY], asks=sides[Side.SELL]
        )

    def report(self, order: Resting, now: int) -> OrderReport:
        """An order as the venue shows it when asked."""
        return OrderReport(
            order_id=order.order_id,
            venue_order_id=order.venue_order_id,
            instrument=self.instrument.key,
            side=order.side,
            price=order.price,
            quantity=order.quantity,
            filled=self.instrument.amount(order.filled),
            status=order.status,
            venue_time=now,
        )

    def _working(self, order: Resting, answers: Request | None, now: int) -> OrderWorking:
        return OrderWorking(
            at=now,
            order_id=order.order_id,
            venue_order_id=order.venue_order_id,
            venue_time=now,
            price=order.price,
            quantity=order.quantity,
            answers=answers,
        )

    def _refusal(self, order_id: str, reason: RejectReason, now: int) -> OrderRejected:
        return OrderRejected(at=now, order_id=order_id, reason=reason, message="")


def filled(
    instrument: Instrument,
    order_id: str,
    trade_id: str,
    side: Side,
    price: int,
    lots: int,
    *,
    venue_time: int,
    venue_order_id: str = "",
    fee: str = "0",
) -> OrderFilled:
    """One execution of ours."""
    return OrderFilled(
        at=venue_time,
        instrument=instrument.key,
        order_id=order_id,
        venue_order_id=venue_order_id,
        venue_time=venue_time,
        trade_id=trade_id,
        side=side,
        price=instrument.price(price),
        amount=instrument.amount(lots),
        fee=Decimal(fee),
        fee_currency=instrument.settlement_currency,
        liquidity=Liquidity.MAKER,
    )


def stamped(fact: Event, at: int) -> Event:
    """The fact as it is learned of now."""
    if isinstance(fact, TradesReported):
        fact = msgspec.structs.replace(fact, fills=tuple(msgspec.structs.replace(fill, at=at) for fill in fact.fills))
    return msgspec.structs.replace(fact, at=at)


class World:
    """An engine and its toy venue, and a session time that the test moves."""

    def __init__(self, constants: Setup, instrument: Instrument = LINEAR, venue: ToyVenue | None = None) -> None:
        self.setup = constants
        self.engine = Engine(State.load(constants, None))
        self.venue = venue or ToyVenue(instrument)
        self.at = T0
        self.steps: list[Step] = []
        self.wanted: list[tuple[Quote, ...]] = []  # what the strategy wished at each step
        self.outgoing: list[Command] = []  # sent, not arrived yet

    @property
    def state(self) -> State:
        """All that the engine knows."""
        return self.engine.state

    # --- Telling -------------------------------------------------------------------------------------------------

    def tell(self, *facts: Event, at: int | None = None) -> tuple[Command, ...]:
        """The engine learns these facts at once, now; its wishes."""
        self.at = at if at is not None else self.at + MS
        step = self.engine.step([stamped(fact, self.at) for fact in facts])
        self.steps.append(step)
        self.wanted.append(wishes_of(self).quotes if self.setup.strategies else ())
        self.outgoing += [wish for wish in step.commands if not isinstance(wish, LocalCommand)]
        return step.commands

    def wake(self, at: int | None = None) -> tuple[Command, ...]:
        """Nothing but time has come."""
        return self.tell(Woke(at=0), at=at)

    def wait(self, duration_ns: int) -> list[Command]:
        """Let time pass; the engine is woken whenever it asked for it, and the venue stays silent."""
        until, wishes = self.at + duration_ns, list[Command]()
        while (deadline := self.engine.next_deadline) is not None and deadline <= until:
            wishes += self.wake(at=max(deadline, self.at))
        wishes += self.wake(at=until)
        return wishes

    def arrive(self, *commands: Command) -> None:
        """These commands reach the venue; all that are on their way if none is named."""
        for command in commands or tuple(self.outgoing):
            self.outgoing.remove(command)
            self.venue.take(command, self.at)

    def hear(self) -> tuple[Command, ...]:
        """Everything the venue has said arrives in one batch; what the engine wishes then."""
        facts = [*self.venue.public, *self.venue.private]
        self.venue.public.clear()
        self.venue.private.clear()
        return self.tell(*facts) if facts else ()

    def settle(self) -> list[Command]:
        """Commands arrive and are answered until nobody has anything to say; every wish on the way."""
        wishes: list[Command] = []
        for _ in range(100):
            self.arrive()
            if not (self.venue.private or self.venue.public):
                return wishes
            wishes += self.hear()
        raise AssertionError("the engine and the venue never come to rest")

    # --- Beginnings ----------------------------------------------------------------------------------------------

    def open(self, epoch: int = 1) -> list[Command]:
        """A life begins: instrument, session and book, up to the first quotes."""
        wishes = list(self.tell(Started(at=0, epoch=epoch, namespace="tst", config_version="1", accounts={VENUE: "a"})))
        wishes += self.tell(InstrumentDefined(at=0, instrument=self.venue.instrument))
        wishes += self.tell(self.venue.snapshot(self.at))
        wishes += self.tell(SessionOpened(at=0, venue=VENUE))
        return wishes + self.settle()

    def reborn(self, constants: Setup | None = None) -> "World":
        """The next life: the same venue, and a new engine that has only the snapshot of the old one."""
        world = World(constants or self.setup, venue=self.venue)
        world.engine = Engine(State.load(world.setup, self.state.dump()))
        world.at = self.at + SECOND
        world.venue.private.clear()
        world.venue.public.clear()
        return world

    # --- Looking -------------------------------------------------------------------------------------------------

    def live(self) -> list[Order]:
        """The orders that may be live, as the engine sees it."""
        return list(self.state.orders.all_live())

    def ask_again(self) -> None:
        """Have the strategies asked again whatever they see: those of this world may change their mind on their own."""
        self.engine.planner.at_rest.clear()

    def order(self, side: Side, level: int = 0) -> Order:
        """The one order in a slot."""
        (order,) = (order for order in self.live() if (order.side, order.level) == (side, level))
        return order

    def at_venue(self, order: Order) -> Resting:
        """The same order as the venue has it."""
        (resting,) = (resting for resting in self.venue.orders.values() if resting.order_id == order.order_id)
        return resting

    def shown(self) -> set[Quote]:
        """What the venue shows of ours, by the engine's slots."""
        return {Quote(order.side, order.level, order.price, order.remaining) for order in self.live()}


def quoting(quotes: Iterable[Quote] = (), instrument: Instrument = LINEAR, **other: object) -> World:
    """A world in sync that shows these quotes."""
    wishes = Wishes(tuple(quotes))
    world = World(one_strategy(wishes, **other), instrument)
    world.open()
    return world


def wishes_of(world: World) -> Wishes:
    """The strategy of a world with one."""
    strategy = world.setup.strategies[0].strategy
    assert isinstance(strategy, Wishes), "this world has another strategy"
    return strategy


def want(world: World, quotes: Iterable[Quote]) -> tuple[Command, ...]:
    """The strategy changes its mind; the engine learns of it with the next word of the market."""
    wishes_of(world).quotes = tuple(quotes)
    world.ask_again()
    best = world.venue.best(Side.BUY) or BID
    world.venue.publish(Side.BUY, best, world.at)
    return world.hear()


def cancels(wishes: tuple[Command, ...] | list[Command]) -> int:
    return sum(isinstance(wish, CancelOrder) for wish in wishes)

"""The loop as a story: a ladder is shown, moved, eaten and put back."""

from decimal import Decimal

import msgspec

from replenisher.core.engine import Engine
from replenisher.core.state import State
from replenisher.model.command import AmendOrder, CancelOrder, Intent, PlaceOrder
from replenisher.model.event import BalanceReported, CashKind, CashMoved, ClockStepped, TradePrinted
from replenisher.model.instrument import Kind
from replenisher.model.order import Side
from tests.core.world import KEY, LINEAR, SECOND, T0, VENUE, Wishes, ladder, policy, quoting, setup, want, wishes_of


def test_a_ladder_is_shown_once_everything_is_in_sync() -> None:
    world = quoting(ladder(3))

    assert world.shown() == set(ladder(3))
    assert len(world.venue.resting()) == 6


def test_a_moved_ladder_is_amended_in_place() -> None:
    world = quoting(ladder(2))

    commands = want(world, ladder(2, centre=100_003))
    world.settle()

    assert [type(command) for command in commands] == [AmendOrder] * 4
    assert world.shown() == set(ladder(2, centre=100_003))


def test_a_venue_that_cannot_amend_gets_cancels_first_and_places_after_their_confirmation() -> None:
    world = quoting(ladder(2), amends_price=False)

    commands = want(world, ladder(2, centre=100_003))
    later = world.settle()

    assert [type(command) for command in commands] == [CancelOrder] * 4
    assert [type(command) for command in later] == [PlaceOrder] * 4
    assert world.shown() == set(ladder(2, centre=100_003))


def test_an_eaten_level_is_put_back_at_once_and_nothing_else_is_touched() -> None:
    world = quoting(ladder(3))
    eaten = world.at_venue(world.order(Side.BUY, 1))

    world.venue.fill(eaten, 10, world.at)
    commands = world.hear()

    (place,) = commands
    assert isinstance(place, PlaceOrder)
    assert (place.side, place.level, place.intent) == (Side.BUY, 1, Intent.REFILL)


def test_a_step_of_the_wall_clock_is_nothing_to_us() -> None:
    world = quoting(ladder(1))

    assert world.tell(ClockStepped(at=0, step_ns=-3_600 * SECOND)) == ()


def test_session_time_never_goes_back() -> None:
    world = quoting(ladder(1))

    world.tell(ClockStepped(at=0, step_ns=1), at=world.at - SECOND)

    assert world.steps[-1].at == world.steps[-2].at


def test_a_print_is_told_to_the_strategy() -> None:
    world = quoting(ladder(1))

    world.tell(
        TradePrinted(at=0, instrument=KEY, venue_time=T0, trade_id="1", price=99_999, quantity=3, taker=Side.BUY)
    )

    strategy = world.setup.strategies[0].strategy
    assert isinstance(strategy, Wishes)
    assert strategy.seen[-1].last_trade == 99_999


def test_a_strategy_is_told_what_there_is_to_sell_of_spot_and_of_nothing_else() -> None:
    spot, perpetual = quoting(ladder(1), msgspec.structs.replace(LINEAR, kind=Kind.SPOT)), quoting(ladder(1))

    spot.venue.fill(spot.venue.resting()[0], 10, spot.at)
    spot.hear()

    assert wishes_of(spot).seen[-1].available == Decimal("1000000.01")
    assert wishes_of(perpetual).seen[-1].available is None


def test_money_moves_without_fills_too() -> None:
    world = quoting(ladder(1))
    before = world.state.account.balance(VENUE, "USDT")
    funding = CashMoved(
        at=0, venue=VENUE, kind=CashKind.FUNDING, currency="USDT", amount=Decimal("-1.5"), venue_time=T0, venue_id="F1"
    )

    world.tell(funding)
    world.tell(funding)  # the venue's book is read again

    assert before is not None
    assert world.state.account.balance(VENUE, "USDT") == before - Decimal("1.5")
    world.tell(msgspec.structs.replace(funding, currency="XYZ"))
    assert world.state.account.balance(VENUE, "XYZ") is None, "a balance nobody has told is not known"


def test_what_moved_before_the_venue_told_our_balance_is_in_it() -> None:
    world = quoting(ladder(1))
    for _ in range(3):
        world.tell(BalanceReported(at=0, venue=VENUE, currency="USDT", balance=Decimal(500), venue_time=T0))
    about = {"at": 0, "venue": VENUE, "kind": CashKind.TRANSFER, "currency": "USDT", "amount": Decimal(7)}

    world.tell(CashMoved(**about, venue_time=T0 - 1, venue_id="1"))
    world.tell(CashMoved(**about, venue_time=T0 + 1, venue_id="2"))

    assert world.state.account.balance(VENUE, "USDT") == 507


def test_an_old_order_is_replaced_when_its_time_has_come() -> None:
    world = quoting(ladder(1), policy=policy(max_order_age_ns=60 * SECOND))
    first = {order_.order_id for order_ in world.live()}

    early = world.wait(59 * SECOND)
    world.wait(SECOND)
    world.settle()

    assert early == []
    assert len(world.live()) == 2
    assert not first & {order_.order_id for order_ in world.live()}


def test_an_engine_that_knows_nothing_waits_for_nothing() -> None:
    assert Engine(State.load(setup([]), None)).next_deadline is None

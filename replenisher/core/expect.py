"""What we asked for: the state notes a wish before it leaves, so that nobody wishes the same twice."""

from replenisher.core.orders import Order, Pending
from replenisher.core.slots import slot_of
from replenisher.core.state import State
from replenisher.model.command import (
    AmendOrder,
    CancelOrder,
    Command,
    DayMarked,
    Denied,
    Halt,
    Intent,
    MoveSlot,
    Pause,
    PlaceOrder,
    PositionMarked,
    PresenceCounted,
    SignalsDumped,
    TakenOver,
    addressee,
)
from replenisher.model.instrument import venue_of
from replenisher.model.order import AMEND, CANCEL, PLACE

QUOTE, REFILL = Intent.QUOTE, Intent.REFILL


def expect(state: State, command: Command, at: int) -> None:
    """Note a wish that is about to leave, or that we decided to record; what is wished most often stands first."""
    if isinstance(command, AmendOrder):
        expect_amend(state, command, at)
        return
    match command:
        case PlaceOrder():
            _expect_place(state, command, at)
        case CancelOrder():
            _expect_cancel(state, command, at)
        case MoveSlot():
            order = state.orders.by_id[command.order_id]
            order.level = command.level
            state.orders.file(order)
        case Denied():
            key = (command.strategy, command.instrument, command.side, command.level)
            state.slots.denials[key] = command.reason
        case Pause():
            state.pauses[command.strategy] = command
            state.revisit_all()
        case Halt():
            state.halts[command.cause] = command
            state.revisit_all()
        case TakenOver():
            state.account.take_over(state.instruments[command.instrument], command.amount, command.price)
            state.brought[command.instrument] = command
            state.revisit(command.instrument)
        case DayMarked():
            state.day_marks[command.venue] = command
            state.brought = {key: each for key, each in state.brought.items() if venue_of(key) != command.venue}
        case SignalsDumped() | PositionMarked():
            pass  # the one is for the next life, the other for reports
        case PresenceCounted():
            state.presence[command.strategy] = command
        case _:
            state.sync(addressee(command)).asked(command, at)


def _expect_place(state: State, command: PlaceOrder, at: int) -> None:
    state.counter += 1
    order = Order(
        order_id=command.order_id,
        instrument=command.instrument,
        instrument_version=state.instruments[command.instrument].version,
        strategy=command.strategy,
        side=command.side,
        level=command.level,
        intent=command.intent,
        price=command.price,
        quantity=command.quantity,
        created_at=at,
        updated_at=at,
        valid_until=command.valid_until,
        pending=Pending(PLACE, command.deadline, command.price, command.quantity),
    )
    key = slot_of(order)
    slot = state.slots.of(key)
    if command.intent is REFILL:
        if (eaten := state.eaten_slot(key)) is not None:
            state.slots.of(eaten).was_eaten = False
        if (setup := state.setup.strategy(command.strategy)) is not None:
            slot.refill(setup.policy.refill, at)
    slot.fill_with_order()
    state.slots.denials.pop(key, None)
    state.orders.add(order)
    state.own_size(order.instrument).sent(
        order.order_id, order.side, order.price, order.quantity, state.books[order.instrument], at
    )


def expect_amend(state: State, command: AmendOrder, at: int) -> None:
    """Note an amend that is about to leave."""
    orders, instrument = state.orders, command.instrument
    order = orders.by_id[command.order_id]
    order.pending = Pending(AMEND, command.deadline, command.price, command.quantity, command.valid_until)
    if state.slots.denials:
        state.slots.denials.pop(slot_of(order), None)
    if command.price != order.price and (guarded := state.guarded.get(order.strategy)) is not None:
        guarded.saw_moved(order)
    lots = command.quantity - order.filled_lots
    state.own_size(instrument).sent(order.order_id, order.side, command.price, lots, state.books[instrument], at)
    if order.intent is command.intent is QUOTE:
        orders.count(order)  # it is what it was until the venue answers
    else:
        order.intent = command.intent
        orders.file(order)


def _expect_cancel(state: State, command: CancelOrder, at: int) -> None:
    order = state.orders.get(command.order_id)
    if order is None or order.status.is_terminal:
        # A stray: the venue shows it, but we know no live order by its name. It is canceled once a report of it.
        state.strays.pop(command.venue_order_id, None)
        return
    doubt = order.pending
    if doubt is None:
        order.pending = Pending(CANCEL, command.deadline, order.price, order.quantity)
    else:
        order.pending = Pending(CANCEL, command.deadline, doubt.price, doubt.quantity, doubt=doubt)
    order.cancels += 1
    state.slots.of(slot_of(order)).was_eaten = False  # What served it is not wanted: nothing is missing now.
    state.own_size(order.instrument).leaving(order.order_id)
    state.orders.file(order)

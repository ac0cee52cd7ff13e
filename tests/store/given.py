"""A small daemon's facts and wishes, for tests that need a journal with something in it."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select

from bench.small_exchange import BTC_PERPETUAL
from replenisher.model.command import Command, Intent, PlaceOrder
from replenisher.model.event import (
    BookChanged,
    Event,
    InstrumentDefined,
    OrderFilled,
    Started,
)
from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Side, Status
from replenisher.model.step import Decision, OrderState, Quote, Step
from replenisher.store import tables
from replenisher.store.database import Database
from replenisher.store.journal import Journal, Policy
from replenisher.store.rows import Row

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
KEY = "deribit/BTC-PERPETUAL"
ACCOUNT = "main@00112233aabbccdd"
JOURNAL_ID = "0123456789abcdef"


def started(epoch: int = 1, at: int = T0, account: str = ACCOUNT) -> Started:
    return Started(at=at, epoch=epoch, namespace="tst", config_version="c1", accounts={"deribit": account})


def defined(at: int = T0, instrument: Instrument = BTC_PERPETUAL) -> InstrumentDefined:
    return InstrumentDefined(at=at, instrument=instrument)


def book_changed(at: int = T0) -> BookChanged:
    return BookChanged(at=at, instrument=KEY, venue_time=at, bids=((100_000, 5),), asks=((100_001, 0),))


def place(
    order_id: str, *, side: Side = Side.BUY, price: int = 100_000, quantity: int = 10, **other: object
) -> PlaceOrder:
    fields = {"strategy": "core", "level": 0, "intent": Intent.QUOTE, "valid_until": T0, "deadline": T0} | other
    return PlaceOrder(order_id=order_id, instrument=KEY, side=side, price=price, quantity=quantity, **fields)


def order(order_id: str, status: Status, **other: object) -> OrderState:
    fields = {
        "venue_order_id": "",
        "instrument": KEY,
        "instrument_version": 1,
        "strategy": "core",
        "side": Side.BUY,
        "level": 0,
        "intent": Intent.QUOTE,
        "price": 100_000,
        "quantity": 10,
        "filled": Decimal(0),
        "reason": "",
        "created_at": T0,
        "updated_at": T0,
    } | other
    return OrderState(order_id=order_id, status=status, **fields)


def filled(order_id: str, trade_id: str, *, at: int = T0, **other: object) -> OrderFilled:
    fields = {
        "venue_order_id": f"v-{order_id}",
        "venue_time": at,
        "side": Side.BUY,
        "price": Decimal(50_000),
        "amount": Decimal(100),
        "fee": Decimal("-0.0000002"),
        "fee_currency": "BTC",
        "liquidity": Liquidity.MAKER,
    } | other
    return OrderFilled(at=at, instrument=KEY, order_id=order_id, trade_id=trade_id, **fields)


def decision() -> Decision:
    quotes = (Quote(Side.BUY, 0, 100_000, 10), Quote(Side.SELL, 0, 100_010, 10))
    terms = {"mid": 50_000.25, "skew": float("-inf")}
    return Decision(
        strategy="core", instrument=KEY, fair_value=50_000.25, terms=terms, wanted=quotes, permitted=quotes, withheld=""
    )


def step(
    number: int,
    events: Sequence[Event] = (),
    commands: Sequence[Command] = (),
    orders: Sequence[OrderState] = (),
    decisions: Sequence[Decision] = (),
) -> Step:
    return Step(
        number=number,
        at=T0 + number * SECOND,
        events=tuple(events),
        commands=tuple(commands),
        orders=tuple(orders),
        decisions=tuple(decisions),
    )


def an_order_that_fills(first_step: int, order_id: str, trade_id: str) -> list[Step]:
    """Placed in one step, filled in the next."""
    return [
        step(first_step, [book_changed()], [place(order_id)], [order(order_id, Status.PENDING)], [decision()]),
        step(
            first_step + 1,
            [filled(order_id, trade_id)],
            orders=[order(order_id, Status.FILLED, filled=Decimal(100), venue_order_id=f"v-{order_id}")],
        ),
    ]


def a_day(orders: int = 5, *, account: str = ACCOUNT, namespace: str = "tst") -> list[Step]:
    """One life: an instrument, and some orders that each fill."""
    steps = [step(1, [started(account=account), defined()])]
    for i in range(orders):
        steps += an_order_that_fills(2 * i + 2, f"{namespace}000001{i:06d}", f"{i + 1}")
    return steps


def write_journal(
    directory: Path, steps: Sequence[Step], *, epoch: int = 1, rotate_every: int = 0, journal_id: str = JOURNAL_ID
) -> None:
    """A whole life of a daemon, in one go."""
    journal = Journal.open(directory, new_id=journal_id, policy=Policy())
    journal.begin(epoch, b"the state", T0)
    for count, each in enumerate(steps, start=1):
        journal.append(each)
        if rotate_every and count % rotate_every == 0:
            journal.rotate(b"the state", each.at)
    journal.close()


def balance(index: int, amount: str = "1") -> Row:
    """A row of our cash, told apart by its index."""
    places = {"journal_id": JOURNAL_ID, "epoch": 1, "step": 1, "at": T0, "venue": "deribit", "account": ACCOUNT}
    return {**places, "index": index, "currency": "BTC", "balance": Decimal(amount)}


def balances(database: Database) -> list[Decimal]:
    """Our cash in every row, by index."""
    query = select(tables.balances.c.balance).order_by("index")
    return list(database.read(lambda connection: connection.execute(query).scalars()))

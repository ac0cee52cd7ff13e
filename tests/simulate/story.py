"""A small world in which a test says what happens: a real exchange and its ledger, and any frame and step it likes.

The check that is tried, and the evidence that it relies on, are told what the simulation would tell them.
"""

import json
import struct
import zlib
from collections.abc import Callable
from decimal import Decimal
from functools import cache

import msgspec

from replenisher.config import load
from replenisher.core.book import Book
from replenisher.core.slots import SlotKey
from replenisher.core.state import base36
from replenisher.exchange.ledger import NO_PAST, Record
from replenisher.exchange.words import OrderRequest
from replenisher.model.command import Command, Intent
from replenisher.model.event import Event
from replenisher.model.order import BUY, SELL, Status
from replenisher.model.step import OrderState, Step
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.court import Check, Court
from replenisher.simulate.evidence import Evidence
from replenisher.simulate.run import START
from replenisher.simulate.times import Promise
from replenisher.simulate.world import Scene
from replenisher.store.segments import Header
from replenisher.wiring.simulation import SHIPPED, scene_of

NAME = "BTC-PERPETUAL"
KEY = f"deribit/{NAME}"
TRADING, MARKET = "trading", "market"


@cache
def _scene() -> Scene:
    return scene_of(load(SHIPPED))


class Somebody:
    """One life of a daemon, as a check sees it."""

    def __init__(self, number: int, now: Callable[[], int]) -> None:
        self.number = number
        self.epoch = 1000 + number
        self.stands_until = 0
        self.trusted: int | None = None  # the change of its book, if it trusts it
        self.own_book = Book()
        self.things: list[object] = []
        self.slots: dict[str, SlotKey] = {}  # of the orders that it believes to be live
        self.remembers: tuple[int, bytes] = (0, b"")
        self._now = now

    @property
    def at(self) -> int:
        return max(self._now(), self.stands_until)

    def change_id(self, instrument: str) -> int | None:
        return self.trusted

    def book(self, instrument: str) -> Book:
        return self.own_book

    def parts(self) -> list[object]:
        return self.things

    def slot(self, label: str) -> SlotKey | None:
        return self.slots.get(label)

    def memory(self) -> tuple[int, bytes]:
        return self.remembers


class Story:
    """Everything that a check may ask, and the court that tells it what happens."""

    def __init__(self, check: type[Check]) -> None:
        self.at = START
        scene = _scene()
        self._records = msgspec.json.Decoder(Record)
        self._written: list[bytes] = []
        self.exchange, _ = scene.open_exchange(1)(self.at, NO_PAST, self._written.append)
        making = scene.making(self.exchange.exchange_id)
        self.account = scene.account
        self.setup, self.policy, self.dead_man_ns = making.setup, making.policy, making.dead_man_ns
        self.namespace = making.setup.namespace
        self.instruments = [KEY]
        self.record_every_ns = SECOND_NS
        self.is_journal_safe = True
        self.times: list[tuple[Promise, float]] = []
        self.evidence = Evidence(self)
        self.check = check(self)
        self.court = Court([self.evidence, self.check], lambda: (self.at - START) / SECOND_NS, lambda: None)
        self.step = 0
        self.daemon = self.born()
        self._tell()

    @property
    def found(self) -> list[str]:
        """What was objected to."""
        assert {each.invariant for each in self.court.violations} <= {self.check.name}
        return [each.sentence for each in self.court.violations]

    def took(self, promise: Promise, ns: int) -> None:
        self.times.append((promise, ns / SECOND_NS))

    # --- Time and lives

    def passes(self, seconds: float) -> None:
        """Time does, and the market moves."""
        self.at += round(seconds * SECOND_NS)
        self.exchange.advance(self.at)
        self.exchange.reports()
        self._tell()

    def born(self, number: int = 1, **slots: SlotKey) -> Somebody:
        """Another life begins, and remembers these orders."""
        self.daemon = Somebody(number, lambda: self.at)
        self.daemon.slots = slots
        self.court.began(self.daemon)
        return self.daemon

    def label(self, counter: int = 1, life: int | None = None) -> str:
        """An id of ours."""
        epoch = self.daemon.epoch if life is None else 1000 + life
        return self.namespace + base36(epoch, 6) + base36(counter, 6)

    # --- What the daemon does

    def mark(self, away_bps: int = 0) -> Decimal:
        """The mark price, or one so far from it; on the grid."""
        tick = Decimal("0.5")
        return self.exchange.views.mark_price(NAME) * (10_000 + away_bps) / 10_000 // tick * tick

    def sends(self, method: str, connection: str = TRADING, **params: object) -> str:
        """A frame leaves."""
        request = {"jsonrpc": "2.0", "id": 1, "method": f"private/{method}", "params": params}
        frame = json.dumps(request, separators=(",", ":"), default=float)
        self.court.sent(self.daemon, connection, frame)
        return frame

    def asks_for(self, label: str, side: str = "buy", **other: object) -> str:
        """A place leaves, which is fine but for what is said otherwise."""
        away = -20 if side == "buy" else 20
        fine: dict[str, object] = {"instrument_name": NAME, "amount": 1000, "type": "limit", "label": label}
        fine |= {"price": self.mark(away), "post_only": True, "reject_post_only": True}
        fine |= {"valid_until": (self.at + 2 * SECOND_NS) // MS_NS}
        return self.sends(side, **(fine | other))

    def steps(self, *events: Event, commands: tuple[Command, ...] = (), orders: tuple[OrderState, ...] = ()) -> Step:
        """A step was taken."""
        self.step += 1
        step = Step(number=self.step, at=self.at, events=events, commands=commands, orders=orders)
        self.court.stepped(self.daemon, step)
        return step

    # --- What the exchange does

    def takes(self, label: str, side: str = "buy", *, amount: int = 1000, price: Decimal | None = None) -> str:
        """An order of this label rests on our account; the exchange's id of it."""
        away = -20 if side == "buy" else 20
        request = OrderRequest(
            account=self.account,
            connection="somewhere",
            instrument=NAME,
            side=BUY if side == "buy" else SELL,
            amount=Decimal(amount),
            price=self.mark(away) if price is None else price,
            label=label,
            post_only=True,
        )
        outcome = self.exchange.place(request, self.at)
        assert outcome.order is not None, outcome
        self.exchange.reports()
        self._tell()
        return outcome.order.order_id

    def trades(self, label: str = "", amount: int = 1000) -> None:
        """We buy something at the market."""
        request = OrderRequest(
            account=self.account,
            connection="somewhere",
            instrument=NAME,
            side=BUY,
            amount=Decimal(amount),
            price=self.mark(50),
            label=label,
        )
        self.exchange.place(request, self.at)
        self.exchange.reports()
        self._tell()

    def takes_off(self, order_id: str, reason: str = "user_request") -> None:
        """An order is canceled."""
        self.exchange.cancel(self.account, order_id, reason=reason, method="private/cancel", at=self.at)
        self.exchange.reports()
        self._tell()

    def speaks(self, frame: str = "") -> None:
        """It lets a frame go: a moment like any other."""
        self.court.told("somewhere", frame)

    def arrives(self, frame: object, connection: str = TRADING) -> None:
        """A frame reaches the daemon."""
        self.court.received(self.daemon, connection, json.dumps(frame, separators=(",", ":")))

    def _tell(self) -> None:
        written, self._written[:] = self._written.copy(), []
        for record in self._records.decode_lines(b"".join(written)):
            self.court.recorded(record)


def record(what: Step | Header) -> bytes:
    """A step, or a snapshot, as it stands in the journal."""
    payload = msgspec.msgpack.encode(what)
    return struct.pack("<II", len(payload), zlib.crc32(payload)) + payload


def order_state(label: str, status: Status) -> OrderState:
    """What a step writes down of an order."""
    return OrderState(
        order_id=label,
        venue_order_id="",
        instrument=KEY,
        instrument_version=1,
        strategy="core",
        side=BUY,
        level=0,
        intent=Intent.QUOTE,
        price=1,
        quantity=1,
        filled=Decimal(0),
        status=status,
        reason="",
        created_at=0,
        updated_at=0,
    )

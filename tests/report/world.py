"""A small world with two books in it: an exchange's ledger file, and the SQL that our journal became."""

import json
import random
from decimal import Decimal
from pathlib import Path

from bench.small_exchange import BTC_PERPETUAL
from replenisher.exchange.accounts import Account, Contract, fee
from replenisher.model.command import AmendOrder, Intent
from replenisher.model.event import (
    BalanceReported,
    CashKind,
    CashMoved,
    CashReported,
    Event,
    OrderFilled,
    TradesReported,
)
from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Side, Status
from replenisher.model.step import OrderState, Step
from replenisher.store.database import Database
from replenisher.store.recorder import Recorder
from tests.store.given import KEY, SECOND, T0, defined, order, place, started, step, write_journal

EXCHANGE_ID = "00112233aabbccdd"
ACCOUNT = f"main@{EXCHANGE_ID}"
MAKER_RATE = Decimal("-0.0001")


class World:
    """Plays the exchange and the daemon at once, and lets both keep their books, ours in a ledger with no rows."""

    def __init__(
        self, directory: Path, url: str, *, orders: int = 12, seed: int = 7, instrument: Instrument = BTC_PERPETUAL
    ) -> None:
        self._instrument = instrument
        self._currency = instrument.settlement_currency
        self.ledger = directory / "exchange.jsonl"
        self.database = Database(url)
        self._random = random.Random(seed)
        self._records: list[dict[str, object]] = []
        self._steps: list[Step] = []
        self._account = Account("main")
        self._trades = 0
        self._orders = 0
        self._lives = 0
        self._paid = 0
        for _ in range(2):
            self._live(orders // 2)
        self.ledger.write_text("".join(json.dumps(record) + "\n" for record in self._records))
        write_journal(directory / "journal", self._steps, rotate_every=9)
        Recorder(directory / "journal", self.database).record_all()

    def close(self) -> None:
        self.database.close()

    @property
    def _at(self) -> int:
        return T0 + (len(self._steps) + 1) * SECOND

    def _live(self, orders: int) -> None:
        """One life of both: the cash is told, orders come and go."""
        self._lives += 1
        opened = {"exchange_id": EXCHANGE_ID, "seed": 7, "market": "synthetic", "life": self._lives}
        self._write("opened", at=self._at, **opened)
        if self._lives == 1:
            self._write("deposit", account="main", currency=self._currency, amount="10", at=self._at)
            self._write("deposit", account="someone", currency=self._currency, amount="5", at=self._at)
            self._account.deposit(self._currency, Decimal(10))
        told = BalanceReported(
            at=self._at, venue="deribit", currency=self._currency, balance=self._account.balance(self._currency)
        )
        self._tell([started(epoch=self._lives, account=ACCOUNT), defined(instrument=self._instrument), told])
        for number in range(orders):
            self._trade_one_order()
            if number % 3 == 1:
                self._pay("funding", Decimal("0.00000123") * self._random.choice([1, -1]))
            if number % 4 == 2:
                self._pay("settlement")

    def _trade_one_order(self) -> None:
        """An order rests, is amended now and then, fills in up to two pieces, and is canceled if something is left."""
        number, self._orders = self._orders, self._orders + 1
        order_id, side = f"tst000001{number:06d}", self._random.choice(list(Side))
        fields = {"side": side, "price": self._random.randint(90_000, 110_000), "quantity": self._random.randint(2, 30)}
        intent = self._random.choice(list(Intent))
        price, amount = self._instrument.price(fields["price"]), self._instrument.amount(fields["quantity"])
        taken = {"account": "main", "order_id": f"v-{order_id}", "label": order_id, "instrument": "BTC-PERPETUAL"}
        self._write("request", account="main", method="private/buy", label=order_id, at=self._at)
        self._write("order", **taken, side=side, price=str(price), amount=str(amount), order_type="limit", at=self._at)
        pending = order(order_id, Status.PENDING, intent=intent, **fields)
        self._tell([], [place(order_id, intent=intent, **fields)], [pending])
        if number % 3 == 0:
            fields["price"] -= side.sign
            price = self._instrument.price(fields["price"])
            self._amend(order_id, intent, fields)
        filled = Decimal(0)
        for _ in range(self._random.randint(0, 2)):
            piece = self._instrument.lot * self._random.randint(1, int((amount - filled) / self._instrument.lot) or 1)
            if filled + piece > amount:
                break
            filled += piece
            self._fill(taken, side, price, piece, fields, filled)
        is_filled = filled == amount
        state = "filled" if is_filled else "cancelled"
        self._write("closed", order_id=f"v-{order_id}", state=state, reason="", filled_amount=str(filled), at=self._at)
        status = Status.FILLED if is_filled else Status.CANCELED
        self._tell([], [], [_known(order_id, status, filled, fields)])

    def _pay(self, kind: str, amount: Decimal = Decimal(0)) -> None:
        """Money moves on the position: told by the exchange, and heard."""
        contract = Contract("BTC-PERPETUAL", self._instrument.inverse, self._instrument.contract_value, self._currency)
        position = self._account.position("BTC-PERPETUAL")
        if not position.size:
            return
        size, price = position.size, self._instrument.price(self._random.randint(90_000, 110_000))
        about = {"account": "main", "instrument": "BTC-PERPETUAL", "currency": self._currency}
        if kind == "funding":
            position.fund(amount)
            self._write("funded", **about, amount=str(amount), price=str(price), size=str(size), at=self._at)
            return
        self._paid += 1
        realized, funding = position.realized, position.funded
        amount = position.settle(contract, price)
        self._account.deposit(self._currency, amount)
        record = {
            "type": "cash",
            "cash_id": f"9{self._paid}",
            "kind": kind,
            **about,
            "amount": str(amount),
            "realized": str(realized),
            "funding": str(funding),
            "price": str(price),
            "size": str(size),
            "balance": str(self._account.balance(self._currency)),
            "position": str(position.size),
            "at": self._at,
        }
        self._records.append(record)
        facts = [
            CashMoved(
                at=self._at,
                venue="deribit",
                kind=part,
                currency=self._currency,
                amount=paid,
                realized=made,
                venue_time=self._at,
                venue_id=f"9{self._paid}",
                instrument=KEY,
            )
            for part, paid, made in (
                (CashKind.FUNDING, funding, Decimal(0)),
                (CashKind.SETTLEMENT, amount - funding, realized - funding),
            )
            if paid or made
        ]
        look = CashReported(at=self._at, venue="deribit", currency=self._currency, venue_time=self._at)
        self._tell([*facts, look])

    def _amend(self, order_id: str, intent: Intent, fields: dict[str, object]) -> None:
        price, amount = self._instrument.price(fields["price"]), self._instrument.amount(fields["quantity"])
        self._write("amended", order_id=f"v-{order_id}", price=str(price), amount=str(amount), at=self._at)
        wish = AmendOrder(
            order_id=order_id,
            venue_order_id=f"v-{order_id}",
            instrument=KEY,
            price=fields["price"],
            quantity=fields["quantity"],
            intent=intent,
            valid_until=T0,
            deadline=T0,
        )
        self._tell([], [wish], [_known(order_id, Status.WORKING, Decimal(0), fields)])

    def _fill(
        self,
        taken: dict[str, str],
        side: Side,
        price: Decimal,
        amount: Decimal,
        fields: dict[str, object],
        filled: Decimal,
    ) -> None:
        self._trades += 1
        contract = Contract("BTC-PERPETUAL", self._instrument.inverse, self._instrument.contract_value, self._currency)
        cost = fee(contract, side, amount, price, MAKER_RATE)
        realized = self._account.fill(contract, side, amount, price, cost)
        cause = {"trade_id": f"tape-{self._trades}", "price": str(price), "amount": str(amount + 10)}
        self._write(
            "trade",
            trade_id=str(self._trades),
            trade_seq=self._trades,
            **taken,
            side=side,
            price=str(price),
            amount=str(amount),
            fee=str(cost),
            fee_currency=self._currency,
            liquidity="M",
            realized=str(realized),
            balance=str(self._account.balance(self._currency)),
            position=str(self._account.position("BTC-PERPETUAL").size),
            at=self._at,
            cause=cause,
        )
        fact = OrderFilled(
            at=self._at,
            instrument=KEY,
            order_id=taken["label"],
            venue_order_id=taken["order_id"],
            venue_time=self._at // 1_000_000_000_000 * 1_000_000_000_000,  # a coarse clock: many fills share one tick
            trade_id=str(self._trades),
            side=side,
            price=price,
            amount=amount,
            fee=cost,
            fee_currency=self._currency,
            liquidity=Liquidity.MAKER,
        )
        page = TradesReported(at=self._at, scope=KEY, fills=(fact,), has_more=False)
        self._tell(
            [page if self._trades % 4 == 0 else fact], [], [_known(fact.order_id, Status.WORKING, filled, fields)]
        )

    def _write(self, kind: str, **fields: object) -> None:
        self._records.append({"type": kind, **fields})

    def _tell(
        self, events: list[Event], commands: list[object] | None = None, orders: list[OrderState] | None = None
    ) -> None:
        self._steps.append(step(len(self._steps) + 1, events, commands or [], orders or []))


def _known(order_id: str, status: Status, filled: Decimal, fields: dict[str, object]) -> OrderState:
    return order(order_id, status, venue_order_id=f"v-{order_id}", filled=filled, **fields)

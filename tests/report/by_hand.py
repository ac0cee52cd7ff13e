"""A ledger whose rows are written by hand, so that what a report says of it can be worked out on paper."""

from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Table, insert

from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.mandate import Owed
from replenisher.model.order import Liquidity, Side
from replenisher.model.units import HOUR_NS, SECOND_NS
from replenisher.store import tables
from replenisher.store.database import Database
from replenisher.store.queries import AccountKey
from replenisher.store.rows import Row, instrument_row

T0 = 1_700_000_000 * SECOND_NS
KEY = AccountKey("venue", "main")
JOURNAL_ID = "0123456789abcdef"


def instrument(name: str, **other: Any) -> Instrument:
    """A linear perpetual, settled in USDT, unless it is told otherwise."""
    fields: dict[str, Any] = {
        "kind": Kind.PERPETUAL,
        "tick_steps": (TickStep(Decimal(0), Decimal("0.01")),),
        "lot": Decimal("0.1"),
        "amount_unit": AmountUnit.BASE,
        "base_currency": "ETH",
        "quote_currency": "USDT",
        "settlement_currency": "USDT",
        "min_amount": Decimal("0.1"),
    }
    return Instrument(venue=KEY.venue, name=name, **fields | other)


LINEAR = instrument("ETH-PERP")
INVERSE = instrument("BTC-PERP", inverse=True, base_currency="BTC", quote_currency="USD", settlement_currency="BTC")
SPOT = instrument("ETH_USDT", kind=Kind.SPOT)


class Rows:
    """Writes rows, each a second after the one before unless it is told when; `number` is how many there are."""

    def __init__(self, *instruments: Instrument) -> None:
        self.number = 0
        self._second = T0 // SECOND_NS
        self._rows: list[tuple[Table, Row]] = []
        self._names = [each.name for each in instruments]
        self._epoch = 0
        self._config_version = ""
        for each in instruments:
            self._add(tables.instruments, instrument_row(each, T0))

    def write(self, database: Database) -> None:
        """All of them, into a database that has none."""

        def work(connection: Any) -> None:
            for table, row in self._rows:
                connection.execute(insert(table).values(row))

        database.write(work)

    def life(self, config_version: str, journal_id: str = JOURNAL_ID) -> None:
        """A life begins."""
        self._epoch += 1
        self._config_version = config_version
        life = {"journal_id": journal_id, "epoch": self._epoch, "started_at": self._next(), "namespace": "abc"}
        self._add(tables.lives, life | {"config_version": config_version, "accounts": {KEY.venue: KEY.account}})

    def ended(self, exit_code: int, reason: str, *may_rest: str) -> None:
        """It ends."""
        end: Row = {"journal_id": JOURNAL_ID, "epoch": self._epoch, "ended_at": self._next(), "exit_code": exit_code}
        self._add(tables.endings, end | {"reason": reason, "is_verified": not may_rest, "may_rest": may_rest})

    def mandate(self, owed: Owed | None, *, strategy: str = "core", venue: str = KEY.venue) -> None:
        """What this life asks of a strategy."""
        whose: Row = {"journal_id": JOURNAL_ID, "epoch": self._epoch, "strategy": strategy, "venue": venue}
        told: Row = {"instrument": self._names[0], "idea": "pure_mm", "fair_value": "mid", "policy": {}, "limits": {}}
        self._add(tables.mandates, whose | told | {"obligations": msgspec.to_builtins(owed)})

    def move_to(self, second: int) -> None:
        """The next row is so many seconds after T0."""
        self._second = T0 // SECOND_NS + second - 1

    def wait(self, seconds: int) -> None:
        """Nothing happens for so long."""
        self._second += seconds

    def mid(self, price: str) -> None:
        """What is held is marked."""
        self._add(
            tables.marks, self._origin() | self._account() | {"instrument": self._names[0], "mid": Decimal(price)}
        )

    def fill(self, side: str, amount: str, price: str, mid: str, fee: str, **other: Any) -> None:
        """One fill, `fee` with its currency."""
        about: Row = {"instrument": self._names[0], "strategy": "core", "liquidity": Liquidity.MAKER, "order_id": "a"}
        about |= {"config_version": self._config_version, "mid": Decimal(mid) if mid else None} | other
        told, origin = fee.split(), self._origin()
        row = {"side": Side(side), "amount": Decimal(amount), "price": Decimal(price)}
        row |= {"fee": Decimal(told[0]), "fee_currency": told[1], "venue_order_id": "v", "trade_id": f"{self.number}"}
        origin["index"] = self.number  # several may be of one step
        self._add(tables.fills, origin | self._account() | about | row | {"venue_time": origin["at"]})

    def after(self, *mids: float | None) -> None:
        """The others' mid after the fill that was the last row, after each of the horizons."""
        _, fill = self._rows[-1]
        whose = {column.name: fill[column.name] for column in tables.markouts.c if column.name not in tables.MIDS}
        self._add(tables.markouts, whose | dict(zip(tables.MIDS, mids, strict=True)))

    def cash(self, kind: str, amount: str, currency: str = "USDT", realized: str = "0", name: str = "") -> None:
        """Money that moved without a fill."""
        origin = self._origin()
        row: Row = {"kind": kind, "currency": currency, "amount": Decimal(amount), "realized": Decimal(realized)}
        row |= {"venue_id": f"{self.number}", "instrument": name, "venue_time": origin["at"]}
        self._add(tables.cash_moves, origin | self._account() | row)

    def taken(self, amount: str, price: str) -> None:
        """A position that was taken over."""
        row: Row = {"kind": "take_over", "instrument": self._names[0]}
        row |= {"amount": Decimal(amount), "price": Decimal(price)}
        self._add(tables.requests, self._origin() | self._account() | row)

    def order(self, order_id: str, filled: str, config_version: str) -> None:
        """An order as it was last known."""
        origin = self._origin()
        row: Row = {"order_id": order_id, "venue_order_id": "v", "instrument": self._names[0], "strategy": "core"}
        row |= {"side": Side.BUY, "level": 0, "intent": "quote", "price_ticks": 1, "quantity_lots": 1, "reason": ""}
        row |= {"price": Decimal(1), "amount": Decimal(2), "filled": Decimal(filled), "status": "canceled"}
        row |= {"instrument_version": 1, "created_at": origin["at"], "updated_at": origin["at"]}
        row |= {"journal_id": JOURNAL_ID, "epoch": self._epoch, "config_version": config_version}
        self._add(tables.orders, self._account() | row | {"updated_epoch": self._epoch, "updated_step": self.number})

    def request(self, kind: str, order_id: str = "", intent: str | None = None) -> None:
        """Something that was asked of the venue; an amend and a cancel do not say whose order it is."""
        row: Row = {"kind": kind, "instrument": self._names[0], "order_id": order_id, "intent": intent}
        row["strategy"] = "core" if kind in ("place", "denied") else None
        self._add(tables.requests, self._origin() | self._account() | row)

    def answer(self, request: str, intent: str, outcome: str, took_ns: int) -> None:
        """The venue's word on a request, so long after the news that led to it."""
        origin = self._origin()
        row: Row = {"order_id": "a", "strategy": "core", "config_version": self._config_version, "request": request}
        row |= {"intent": intent, "asked_at": origin["at"] - took_ns, "outcome": outcome, "message": ""}
        self._add(tables.answers, origin | {"venue": KEY.venue, "account": KEY.account} | row)

    def paused(self, reason: str, *, for_s: int = 0, strategy: str = "") -> None:
        """The daemon paused all, or a strategy, for so long or until an operator resumes."""
        origin = self._origin()
        until = origin["at"] + for_s * SECOND_NS if for_s else 0
        self._add(tables.requests, origin | {"kind": "pause", "reason": reason, "strategy": strategy, "until": until})

    def halted(self, cause: str, reason: str) -> None:
        """It halted."""
        self._add(tables.halts, self._origin() | {"kind": "halted", "cause": cause, "reason": reason})

    def resumed(self, reason: str = "") -> None:
        """An operator resumed."""
        self._add(tables.halts, self._origin() | {"kind": "resumed", "cause": "", "reason": reason})

    def recorded(self) -> None:
        """Up to here the journal is recorded."""
        origin = {name: value for name, value in self._origin().items() if name != "index"}
        self._add(tables.cursor, origin | {"segment": 1, "offset": 0})

    def presence(self, hour: int, traded_ns: int, met_ns: int) -> None:
        """How obligations were met in one hour."""
        row: Row = {"instrument": self._names[0], "strategy": "core", "hour": hour, "at": hour + HOUR_NS}
        self._add(tables.presence, self._origin() | self._account() | row | {"traded_ns": traded_ns, "met_ns": met_ns})

    def breach(self, since: int, until: int) -> None:
        """A time in which they were not."""
        row: Row = {"instrument": self._names[0], "strategy": "core", "since": since, "until": until}
        told: Row = {"reason": "spread", "held_ns": {"spread": until - since}}
        origin = {name: value for name, value in self._origin().items() if name != "at"}
        self._add(tables.breaches, origin | self._account() | row | told)

    def sweep(self, band_bps: float, **told: Any) -> None:
        """A sweep of the book, and what became of it."""
        origin = self._origin()
        row: Row = {"instrument": self._names[0], "side": Side.BUY, "band_bps": band_bps, "loss": 1.0}
        self._add(tables.sweeps, origin | self._account() | row | {"venue_time": origin["at"]} | told)

    def balance(self, amount: str, currency: str = "USDT") -> None:
        """The venue's word on our cash."""
        row = {"currency": currency, "balance": Decimal(amount)}
        self._add(tables.balances, self._origin() | self._account() | row)

    def position(self, amount: str) -> None:
        """And on what we hold."""
        row = {"instrument": self._names[0], "amount": Decimal(amount)}
        self._add(tables.positions, self._origin() | self._account() | row)

    def midnight(self) -> None:
        """The next day begins; the row that follows is a second into it."""
        self._second = (self._second // 86_400 + 1) * 86_400

    def _account(self) -> Row:
        return {"venue": KEY.venue, "account": KEY.account}

    def _origin(self) -> Row:
        at = self._next()
        return {"journal_id": JOURNAL_ID, "epoch": self._epoch, "step": self.number, "index": 0, "at": at}

    def _next(self) -> int:
        self.number += 1
        self._second += 1
        return self._second * SECOND_NS

    def _add(self, table: Table, row: Row) -> None:
        self._rows.append((table, row))


def columns(table: str) -> list[list[str]]:
    """The rows of a table that is written as text; a rule of dashes and the heading above it are no rows."""
    lines = [line.split() for line in table.strip().splitlines()]
    start = next(number for number, line in enumerate(lines) if set(line[0]) == {"-"}) + 1
    return lines[start:]

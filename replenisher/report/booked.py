"""What the ledger has booked: an account's P&L by the daemon's own rules, position by position, at average cost.

This is what the parts of `pnl` must come to. It is found another way: by what each fill realized and what is left open,
as `core.account` books it, and not by where the middle of the book was.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal

from replenisher.core.account import Position, booked, coins_taken
from replenisher.model.event import CashKind
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side
from replenisher.report.pnl import as_traded, coins_charged
from replenisher.store.history import Fill, Paid, Taken

ZERO = Decimal(0)


class Booked:
    """One account's positions, and what came and went besides."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = dict(instruments)  # each as it was last traded
        self._positions: dict[str, Position] = defaultdict(Position)
        self._besides: dict[str, Decimal] = defaultdict(Decimal)  # fees and payments, by currency
        self._before: Mapping[str, Decimal] = {}  # worth of what does not count

    def value(self, fill: Fill) -> Decimal:
        """What a fill was worth, as it is booked, in the settlement currency."""
        return booked(as_traded(self._instruments[fill.instrument], fill).value(fill.amount, fill.price))

    def fill(self, fill: Fill, value: Decimal) -> Decimal:
        """A fill is booked with this value; what it has realized."""
        instrument, position = as_traded(self._instruments[fill.instrument], fill), self._positions[fill.instrument]
        self._instruments[fill.instrument] = instrument
        realized = position.book(instrument, fill.side, fill.amount, value)
        if taken := coins_taken(instrument, fill.fee, fill.fee_currency):
            position.take_coins(instrument, taken)
        else:
            self._besides[fill.fee_currency] -= fill.fee
        return realized

    def take_over(self, taken: Taken) -> None:
        """So is a position that was taken over."""
        side = Side.BUY if taken.amount > 0 else Side.SELL
        position = self._positions[taken.instrument]
        position.fill(self._instruments[taken.instrument], side, abs(taken.amount), taken.price)

    def pay(self, paid: Paid) -> None:
        """And what was paid; a transfer is no P&L."""
        if taken := coins_charged(self._instruments, paid):
            self._positions[paid.instrument].take_coins(self._instruments[paid.instrument], taken)
            return
        position = self._positions.get(paid.instrument)
        match paid.kind:
            case CashKind.SETTLEMENT if position is not None:
                position.settle(self._instruments[paid.instrument], paid.amount - paid.realized)
            case CashKind.DELIVERY if position is not None:
                position.deliver(paid.amount - paid.realized)
            case CashKind.FUNDING | CashKind.FEE | CashKind.LIQUIDATION:
                self._besides[paid.currency] += paid.amount
            case _:
                pass

    def count_from_now(self, unit_values: Mapping[str, Decimal]) -> None:
        """Only what is added to the worth at these marks counts."""
        self._before = self.worth(unit_values)

    def held(self) -> Iterator[tuple[Instrument, Position]]:
        """Everything that is held, by name."""
        for name, position in sorted(self._positions.items()):
            if position.size:
                yield self._instruments[name], position

    def size(self, name: str) -> Decimal:
        """What is held of an instrument, in the wire amount; negative is short."""
        position = self._positions.get(name)
        return ZERO if position is None else position.size

    def delivered(self, paid: Paid) -> Decimal:
        """What all of a position was worth at the price at which it is being delivered: its entry and its gain."""
        return self._entry(paid.instrument) + paid.amount - paid.realized

    def worth(self, unit_values: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """By currency: what was realized, what is open at these marks, and what came and went besides."""
        worth = dict(self._besides)
        for name, position in self._positions.items():
            currency = self._instruments[name].settlement_currency
            open_now = position.size * unit_values.get(name, ZERO) - self._entry(name)
            worth[currency] = worth.get(currency, ZERO) + position.realized + open_now
        for currency, before in self._before.items():
            worth[currency] -= before
        return worth

    def _entry(self, name: str) -> Decimal:
        """What a position was entered at, with the sign of its worth."""
        position = self._positions[name]
        return (
            position.entry_value
            if (position.size > 0) is not self._instruments[name].inverse
            else -position.entry_value
        )

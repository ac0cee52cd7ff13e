"""P&L in parts: what was made and lost by quoting, by holding, by fees and by funding.

Theory. Let v(m) be what one unit of the wire amount is worth at a price m, in the settlement currency: `c m` for a
linear contract and for spot, `-c / m` for an inverse one, whose worth in coins grows as 1 / m falls (c is the contract
value when it was last traded). With q units held, the P&L of a book changes by

    side (v(m) - v(p)) amount      spread: a fill at p while the middle of the book was m
    q (v(m') - v(m))               inventory: the middle moved while q was held
    - fee, + rebate                in whatever asset it is taken
    + funding, + delivery, ...     what the venue pays and takes without a fill

Every part is added up from its own terms, and none is what the others leave. A fill counts with the value that was
booked for it (half-even to 1e-8, as venues do), and v is one number for each price, so nothing is rounded besides and
the parts come to what the ledger has booked (`booked`), to the last digit.

What takes liquidity is no quote of ours, as quotes are post-only: its spread is the slippage of a hedge. What was held
is told by strategy, and goes to the configuration version that was in force meanwhile (where one followed another
between two marks, as while no daemon ran, to the one that was for longer); a fill and its fee, to the version of its
own. The currency of a line is the settlement currency of its instrument, but for fees that were taken in
another asset: these stand on a line of their own. Spot counts as what was bought and sold since it is traded here, less
the fees that were taken of it: as to the daemon they are coins that are not there to gain or lose, and cost v(m) each.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeVar

import msgspec

from replenisher.core.account import booked, coins_taken
from replenisher.model.event import CashKind
from replenisher.model.instrument import Instrument
from replenisher.store.history import Fill, Paid

K = TypeVar("K")

ZERO = Decimal(0)
SMALLEST = Decimal("1e-18")  # of what a division is rounded to


class Parts(msgspec.Struct, kw_only=True):
    """Where P&L came from; a loss is negative. While it is added up these grow, and a line has a copy."""

    spread: Decimal = ZERO  # of fills that gave liquidity
    hedge_slippage: Decimal = ZERO  # of fills that took it
    inventory: Decimal = ZERO
    fees: Decimal = ZERO
    rebates: Decimal = ZERO
    funding: Decimal = ZERO
    delivery: Decimal = ZERO  # what a contract was delivered at, against the last middle of its book
    liquidation: Decimal = ZERO

    def charge(self, fee: Decimal) -> None:
        """A fee was taken, or a rebate given."""
        if fee > 0:
            self.fees -= fee
        else:
            self.rebates -= fee

    @property
    def sum(self) -> Decimal:
        """All of them together."""
        return sum((getattr(self, name) for name in self.__struct_fields__), ZERO)


class Group(msgspec.Struct, frozen=True):
    """Whose P&L: one strategy on one instrument under one configuration version."""

    venue: str
    account: str
    instrument: str  # empty if it was about none
    strategy: str  # `external` if it was none of ours
    config_version: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The P&L of one group in one currency; a payment is shared by who held the position, else it is `external`'s."""

    group: Group
    currency: str
    parts: Parts
    total: Decimal


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """The P&L of an account in a currency, what is open at the others' last mid, and what is booked."""

    venue: str
    account: str
    currency: str
    parts: Parts
    total: Decimal
    booked: Decimal
    unexplained: Decimal  # what the ledger has and no part explains; never anything else than 0, or the report is wrong


class Pnl(msgspec.Struct, frozen=True, kw_only=True):
    """The P&L of all accounts."""

    lines: tuple[Line, ...]
    totals: tuple[Total, ...]
    fills_without_mid: int  # the middle of the book was not stored, so their own price stands for it

    @property
    def is_explained(self) -> bool:
        """Whether the parts come to what the ledger has booked, in every currency."""
        return not any(total.unexplained for total in self.totals)


def account_totals(venue: str, account: str, lines: Sequence[Line], worth: Mapping[str, Decimal]) -> Iterator[Total]:
    """One account's lines by currency, each next to what the ledger has booked."""
    for currency in sorted({*worth, *(line.currency for line in lines)}):
        parts = summed(line for line in lines if line.currency == currency)
        found, known = parts.sum, worth.get(currency, ZERO)
        yield Total(
            venue=venue,
            account=account,
            currency=currency,
            parts=parts,
            total=found,
            booked=known,
            unexplained=known - found or ZERO,  # a 0 without digits behind it
        )


def unit_value(instrument: Instrument, price: Decimal) -> Decimal:
    """What one unit of the wire amount is worth at a price, in the settlement currency: v(m) of the theory."""
    if instrument.inverse:
        return -(instrument.contract_value / price).quantize(SMALLEST, ROUND_HALF_EVEN)
    return instrument.contract_value * price


def booked_value(instrument: Instrument, amount: Decimal, price: Decimal, *, is_buy: bool) -> Decimal:
    """`side v(p) amount`, as it is booked."""
    value = booked(instrument.value(amount, price))
    return value if is_buy is not instrument.inverse else -value


def as_traded(instrument: Instrument, fill: Fill) -> Instrument:
    """An instrument as it was when this was filled: a contract may be worth something else before or since."""
    if fill.contract_value is None or fill.contract_value == instrument.contract_value:
        return instrument
    return msgspec.structs.replace(instrument, contract_value=fill.contract_value)


def coins_charged(instruments: Mapping[str, Instrument], paid: Paid) -> Decimal:
    """How many coins a fee has taken that was told beside its fill."""
    instrument = instruments.get(paid.instrument) if paid.kind == CashKind.FEE else None
    return ZERO if instrument is None else coins_taken(instrument, -paid.amount, paid.currency)


def shares(amount: Decimal, weights: Mapping[K, Decimal]) -> dict[K, Decimal]:
    """An amount, divided in proportion; what rounding leaves goes to the last one. The weights must not add up to 0."""
    if len(weights) == 1:
        return dict.fromkeys(weights, amount)
    whole, left = sum(weights.values()), amount
    divided: dict[K, Decimal] = {}
    for name, weight in weights.items():
        divided[name] = (amount * weight / whole).quantize(SMALLEST, ROUND_HALF_EVEN)
        left -= divided[name]
    divided[name] += left
    return divided


def summed(lines: Iterable[Line]) -> Parts:
    """The parts of several lines of one currency."""
    parts = Parts()
    for line in lines:
        for name in Parts.__struct_fields__:
            setattr(parts, name, getattr(parts, name) + getattr(line.parts, name))
    return parts

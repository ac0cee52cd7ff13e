"""The money of the exchange's accounts: balances, positions, fees, realized profit and loss.

Theory. Every amount of money is rounded to eight places, half to even, at the moment it arises, and from then on it is
exact. A fill is worth `amount * contract_value / price` in the settlement currency of an inverse contract, and
`amount * contract_value * price` in that of a linear one. A position carries the value at which it was entered;
reducing it releases that value in proportion, and the difference to what the fill is worth is realized.

Profit is not cash until it is settled, as at Deribit: a fill moves the balance by its fee and nothing else. What fills
realize, and what funding pays or costs, waits in the position; a settlement pays it out together with what the position
has gained, which goes on from the settlement's price, and a delivery ends it. What it was built for is remembered as
well, whatever was settled since: that is its average price.

Spot knows no position: what is bought is in the balance, and what it cost is out of it. Its fee is taken from what the
fill brings: from the base currency of who buys, from the quote currency of who sells.

This is the oracle against which a trading daemon's own books are audited, so it shares no arithmetic with anything.
"""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from replenisher.model.order import BUY, Side

ZERO = Decimal(0)
SMALLEST = Decimal("1e-8")


def rounded(money: Decimal) -> Decimal:
    """Money as it is booked: eight places, half to even."""
    return money.quantize(SMALLEST, ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Contract:
    """What an instrument is to an accountant."""

    name: str
    inverse: bool
    contract_value: Decimal
    settlement_currency: str
    spot_of: str = ""  # the base currency of spot; empty for a contract

    def fee_currency(self, side: Side) -> str:
        """What the fee of a fill is paid in."""
        return self.spot_of if self.spot_of and side is BUY else self.settlement_currency

    def other_currency(self, side: Side) -> str:
        """What a fill of spot moves besides; a contract moves one currency only."""
        return self.fee_currency(side.opposite) if self.spot_of else ""

    def base_quantity(self, amount: Decimal, price: Decimal) -> Decimal:
        """An amount in the base currency."""
        units = amount * self.contract_value
        return units / price if self.inverse else units


def value(contract: Contract, amount: Decimal, price: Decimal) -> Decimal:
    """What an amount is worth at a price, in the settlement currency, as it is booked."""
    if contract.inverse:
        return rounded(amount * contract.contract_value / price)
    return rounded(amount * contract.contract_value * price)


def fee(contract: Contract, side: Side, amount: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """What a fill costs at a rate of its value, in `fee_currency`; negative is a rebate."""
    if contract.spot_of and side is BUY:
        return rounded(rate * amount)
    return rounded(rate * value(contract, amount, price))


@dataclass(slots=True)
class Position:
    """What an account holds of one instrument, and at what value it came to hold it."""

    size: Decimal = ZERO  # negative is short
    entry_value: Decimal = ZERO  # since the last settlement; never negative, in the settlement currency
    built_value: Decimal = ZERO  # likewise, but no settlement changes it
    realized: Decimal = ZERO  # since the last settlement, funding included: it waits for the next one
    funded: Decimal = ZERO  # the part of it that is funding

    def apply(self, contract: Contract, side: Side, amount: Decimal, price: Decimal) -> Decimal:
        """Trade, and return what it realized."""
        worth = value(contract, amount, price)
        reduced = min(amount, abs(self.size)) if self.size * side.sign < 0 else ZERO
        realized = ZERO
        if reduced:
            held = abs(self.size)
            released = self.entry_value if reduced == held else rounded(self.entry_value * reduced / held)
            self.built_value -= self.built_value if reduced == held else rounded(self.built_value * reduced / held)
            exit_value = worth if reduced == amount else rounded(worth * reduced / amount)
            # Value in coin of an inverse contract falls as the price rises: what a long gains, it gains the other way.
            gains_upwards = (self.size > 0) != contract.inverse
            realized = exit_value - released if gains_upwards else released - exit_value
            self.entry_value -= released
            worth -= exit_value
        self.size += side.sign * amount
        if amount > reduced:
            self.entry_value += worth
            self.built_value += worth
        self.realized += realized
        return realized

    def unrealized(self, contract: Contract, mark: Decimal) -> Decimal:
        """What closing at the mark would realize."""
        return self._gain(contract, mark, self.entry_value)

    def total(self, contract: Contract, mark: Decimal) -> Decimal:
        """What the open position has gained since it was built, whatever of it was settled."""
        return self._gain(contract, mark, self.built_value)

    def fund(self, amount: Decimal) -> None:
        """Let funding be paid, or cost: it waits as what fills realize does."""
        self.realized += amount
        self.funded += amount

    def settle(self, contract: Contract, price: Decimal) -> Decimal:
        """Pay out all that waits and what closing at a price would realize; the position goes on from that price."""
        paid = self.realized + self.unrealized(contract, price)
        if self.size:
            self.entry_value = value(contract, abs(self.size), price)
        self.realized = self.funded = ZERO
        return paid

    def deliver(self, contract: Contract, price: Decimal) -> Decimal:
        """Pay out the same; nothing is left of the position."""
        paid = self.settle(contract, price)
        self.size = self.entry_value = self.built_value = ZERO
        return paid

    def average_price(self, contract: Contract) -> Decimal:
        """The price at which the open position was built; zero when there is none."""
        if not self.size or not self.built_value:
            return ZERO
        units = abs(self.size) * contract.contract_value
        return rounded(units / self.built_value if contract.inverse else self.built_value / units)

    def _gain(self, contract: Contract, mark: Decimal, paid: Decimal) -> Decimal:
        if not self.size or not mark:
            return ZERO
        now = value(contract, abs(self.size), mark)
        gains_upwards = (self.size > 0) != contract.inverse
        return now - paid if gains_upwards else paid - now


@dataclass(slots=True)
class Account:
    """One client's cash by currency and positions by instrument."""

    name: str
    balances: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)

    def deposit(self, currency: str, amount: Decimal) -> None:
        """Money comes in, or goes out."""
        self.balances[currency] = self.balance(currency) + amount

    def balance(self, currency: str) -> Decimal:
        """Cash: no profit is in it before it is settled."""
        return self.balances.get(currency, ZERO)

    def position(self, instrument: str) -> Position:
        """The position in an instrument, made if there is none."""
        position = self.positions.get(instrument)
        if position is None:
            position = self.positions[instrument] = Position()
        return position

    def fill(self, contract: Contract, side: Side, amount: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Book one fill with what it cost, and return what it realized."""
        self.deposit(contract.fee_currency(side), -fee)
        if contract.spot_of:
            self.deposit(contract.spot_of, side.sign * amount)
            self.deposit(contract.settlement_currency, -side.sign * value(contract, amount, price))
            return ZERO
        return self.position(contract.name).apply(contract, side, amount, price)

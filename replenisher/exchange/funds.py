"""What an account can pay for: its money, what of it is held, and what would be after an order.

Theory. Of contracts the worst position is held: the larger one, had all orders of one side been filled, at the mark,
divided by the leverage. What waits for a settlement counts as money, and what positions would realize at the mark. Of
spot everything is held that resting orders would give away: the quote currency of those that buy, the base currency of
those that sell.

An order is tried out first: what it would trade at once, at the prices and fees it would get, and what would rest. It
is affordable if nothing is missing afterwards, or if it makes what is held no larger. So an order that adds risk never
leaves less than nothing available at the mark at which it was judged.
"""

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from decimal import Decimal

from replenisher.exchange.accounts import ZERO, Contract, fee, value
from replenisher.exchange.register import Client, OrderEntry, Register
from replenisher.exchange.words import AccountView
from replenisher.model.order import BUY, SELL, Side

Marks = Callable[[str], Decimal]  # what an instrument is worth now; zero if nobody knows


@dataclass(frozen=True, slots=True)
class Trial:
    """An order as it would come out: what it would trade at once, and how much more would rest."""

    side: Side
    fills: tuple[tuple[Decimal, Decimal], ...]  # (price, amount)
    taker_rate: Decimal
    rests: Decimal
    price: Decimal | None  # of what rests
    replaces: OrderEntry | None = None  # a resting order that it would stand in for


class Funds:
    """Looks at the accounts of a register; it changes nothing."""

    def __init__(self, register: Register, marks: Marks, max_leverage: int) -> None:
        self._register = register
        self._marks = marks
        self.max_leverage = max_leverage

    def account(self, account: str, currency: str) -> AccountView:
        """An account's cash in one currency, what positions are worth on top of it, and what is held."""
        client = self._register.client(account)
        balance = client.account.balance(currency)
        realized, unrealized, total, margin, reserved = ZERO, ZERO, ZERO, ZERO, ZERO
        for contract in self._touched(client):
            if contract.spot_of:
                reserved += self._reserved(client, contract, currency)
            elif contract.settlement_currency == currency:
                position = client.account.position(contract.name)
                mark = self._marks(contract.name)
                realized += position.realized
                unrealized += position.unrealized(contract, mark)
                total += position.total(contract, mark)
                margin += self._margin(client, contract, position.size)
        return AccountView(
            account=account,
            currency=currency,
            balance=balance,
            realized=realized,
            unrealized=unrealized,
            total=total,
            margin=margin,
            available=balance + realized + unrealized - margin - reserved,
        )

    def margins(self, account: str, contract: Contract) -> tuple[Decimal, Decimal]:
        """What a position holds of its settlement currency, and what the orders that work hold besides."""
        mark, client = self._marks(contract.name), self._register.client(account)
        size = client.account.position(contract.name).size
        if contract.spot_of or not mark:
            return ZERO, ZERO
        held = value(contract, abs(size), mark) / self.max_leverage
        return held, self._margin(client, contract, size) - held

    def affords(self, account: str, contract: Contract, trial: Trial) -> bool:
        """Whether an order may be taken."""
        client = self._register.client(account)
        if contract.spot_of:
            return self._affords_spot(client, contract, trial)
        replaced = trial.replaces.open_amount if trial.replaces else ZERO
        if not trial.fills and trial.rests <= replaced:
            return True  # it holds no more than what it replaces
        position = after = client.account.position(contract.name)
        gained = ZERO
        if trial.fills:
            after, mark = copy(position), self._marks(contract.name)
            for price, amount in trial.fills:
                gained += after.apply(contract, trial.side, amount, price)
                gained -= fee(contract, trial.side, amount, price, trial.taker_rate)
            gained += after.unrealized(contract, mark) - position.unrealized(contract, mark)
        held = self._margin(client, contract, position.size)
        holds = self._margin(client, contract, after.size, trial.side, trial.rests - replaced)
        if holds <= held:
            return True
        available = self.account(client.account.name, contract.settlement_currency).available
        return available + gained - (holds - held) >= 0

    def _affords_spot(self, client: Client, contract: Contract, trial: Trial) -> bool:
        gives = contract.settlement_currency if trial.side is BUY else contract.spot_of
        freed = _cost(contract, trial.replaces) if trial.replaces else ZERO
        bound = _gives(contract, trial.side, trial.rests, trial.price)
        spent = sum((_gives(contract, trial.side, amount, price) for price, amount in trial.fills), ZERO)
        available = self.account(client.account.name, gives).available
        return spent + bound <= freed or available + freed >= spent + bound

    def _margin(
        self, client: Client, contract: Contract, size: Decimal, side: Side = BUY, more: Decimal = ZERO
    ) -> Decimal:
        """What the worst position holds, if `more` worked on `side` than does."""
        mark = self._marks(contract.name)
        buys = client.working[contract.name, BUY] + (more if side is BUY else ZERO)
        sells = client.working[contract.name, SELL] + (more if side is SELL else ZERO)
        worst = max(abs(size), abs(size + buys), abs(size - sells))
        if not worst or not mark:
            return ZERO
        return value(contract, worst, mark) / self.max_leverage

    def _touched(self, client: Client) -> Iterable[Contract]:
        """The contracts in which an account has something, or asks for it."""
        names = dict.fromkeys((*client.account.positions, *(name for name, _ in client.working)))
        return [self._register.contract(name) for name in names]

    def _reserved(self, client: Client, contract: Contract, currency: str) -> Decimal:
        if currency not in (contract.settlement_currency, contract.spot_of):
            return ZERO
        return sum(
            (
                _cost(contract, entry)
                for entry in client.open_on[contract.name].values()
                if currency == (contract.settlement_currency if entry.placed.side is BUY else contract.spot_of)
            ),
            ZERO,
        )


def _cost(contract: Contract, entry: OrderEntry) -> Decimal:
    """What a resting order of spot would give away."""
    return _gives(contract, entry.placed.side, entry.open_amount, entry.price)


def _gives(contract: Contract, side: Side, amount: Decimal, price: Decimal | None) -> Decimal:
    if side is SELL or not amount:
        return amount
    assert price is not None, "what buys spot has a price"
    return value(contract, amount, price)

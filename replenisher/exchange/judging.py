"""What is wrong with a request, before it may touch the book: numbers, the post-only wish, and funds."""

from decimal import Decimal

from replenisher.exchange.accounts import ZERO, Contract, value
from replenisher.exchange.matching import crosses, passive_price
from replenisher.exchange.register import Client
from replenisher.exchange.words import Refusal
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side

LARGEST_NUMBER = Decimal(10**15)  # of a price or an amount; beyond it arithmetic would not be exact


def objection_to_numbers(instrument: Instrument, amount: Decimal, price: Decimal | None) -> Refusal | None:
    """Why an order of this amount and price (None: any) can never be taken, if so."""
    if not amount.is_finite() or not instrument.min_amount <= amount <= LARGEST_NUMBER or amount % instrument.lot:
        return Refusal.INVALID_AMOUNT
    if price is None:
        return None
    if not price.is_finite() or not 0 < price <= LARGEST_NUMBER:
        return Refusal.INVALID_PRICE
    return Refusal.WRONG_TICK if price % instrument.tick_at(price) else None


def post_only_price(side: Side, price: int | None, opposite: int | None, *, reject: bool) -> int | Refusal:
    """Where a post-only order may rest: at its price, or just inside the spread unless it would rather be refused."""
    if price is None or (reject and crosses(side, price, opposite)):
        return Refusal.POST_ONLY
    passive = passive_price(side, price, opposite)
    return passive if passive > 0 else Refusal.INVALID_PRICE


def margin(
    client: Client,
    contract: Contract,
    mark: Decimal,
    *,
    max_leverage: int,
    side: Side = Side.BUY,
    more: Decimal = ZERO,
) -> Decimal:
    """What the worst position holds of the balance: the larger one, had all orders of one side been filled.

    `more` is an amount that would work on `side` in addition.
    """
    size = client.account.position(contract.name).size
    buys = client.working[contract.name, Side.BUY] + (more if side is Side.BUY else ZERO)
    sells = client.working[contract.name, Side.SELL] + (more if side is Side.SELL else ZERO)
    worst = max(abs(size), abs(size + buys), abs(size - sells))
    if not worst or not mark:
        return ZERO
    return value(contract, worst, mark) / max_leverage

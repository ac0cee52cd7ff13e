"""ccxt's structures of what is ours, read: orders, fills, positions and cash. No state, no time of its own."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from replenisher.model.event import OrderFilled, OrderReport
from replenisher.model.instrument import Instrument
from replenisher.model.order import Liquidity, Side, Status
from replenisher.model.units import MS_NS
from replenisher.venues.ccxt.exchanges import CashRows, Traits, found
from replenisher.venues.ccxt.instruments import exact

Structure = Mapping[str, Any]

STATUS = {
    "open": Status.WORKING,
    "closed": Status.FILLED,
    "canceled": Status.CANCELED,
    "expired": Status.EXPIRED,
    "rejected": Status.REJECTED,
}

SIDES = {"buy": Side.BUY, "sell": Side.SELL}

# What reading raises when a structure is not as ccxt promises.
UNREADABLE = (LookupError, AttributeError, TypeError, ValueError, ArithmeticError)


def changed_at(order: Structure, traits: Traits) -> int | None:
    """When an order last changed, by the venue's clock; None where it does not say."""
    told = found(order, traits.changed_path)
    return None if told is None else int(told) * MS_NS


def status_of(order: Structure) -> Status | None:
    """Where an order is in its life; None where the answer leaves it open."""
    return STATUS.get(str(order.get("status")))


def ticks_of(order: Structure, instrument: Instrument) -> int | None:
    """An order's price in ticks; None where the answer leaves it out."""
    price = order.get("price")
    return None if price is None else int((exact(price) / instrument.tick).to_integral_value())


def lots_of(order: Structure, instrument: Instrument) -> int | None:
    """An order's total quantity in lots; None where the answer leaves it out."""
    amount = order.get("amount")
    return None if amount is None else instrument.lots(exact(amount))


def filled_of(order: Structure) -> Decimal | None:
    """What an order has traded in all; None where the answer leaves it out."""
    filled = order.get("filled")
    return None if filled is None else exact(filled)


def report_of(order: Structure, name: str, instrument: Instrument, traits: Traits, venue_time: int) -> OrderReport:
    """An order as the answer to a question; `venue_time` is as of when, if the order itself does not say."""
    changed = changed_at(order, traits)
    return OrderReport(
        order_id=name,
        venue_order_id=str(order["id"]),
        instrument=instrument.key,
        side=SIDES[order["side"]],
        price=ticks_of(order, instrument) or 0,
        quantity=lots_of(order, instrument) or 0,
        filled=filled_of(order) or Decimal(0),
        status=status_of(order) or Status.UNKNOWN,
        venue_time=venue_time if changed is None else changed,
    )


def has_fee(trade: Structure) -> bool:
    """Whether an execution says what it cost. A stream may leave it out; the question for our trades does not."""
    return _fee(trade) is not None


def fill_of(trade: Structure, name: str, instrument: Instrument, at: int) -> OrderFilled:
    """An execution as a fact; `name` is empty if the order is not known to be ours."""
    fee, currency = _fee(trade) or (Decimal(0), instrument.settlement_currency)
    return OrderFilled(
        at=at,
        instrument=instrument.key,
        order_id=name,
        venue_order_id=str(trade.get("order") or ""),
        venue_time=int(trade["timestamp"]) * MS_NS,
        trade_id=str(trade["id"]),
        side=SIDES[trade["side"]],
        price=exact(trade["price"]),
        amount=exact(trade["amount"]),
        fee=fee,
        fee_currency=currency,
        # ccxt leaves it out where the exchange does; an order of ours is post-only and so gives liquidity.
        liquidity=Liquidity.TAKER if trade.get("takerOrMaker") == "taker" else Liquidity.MAKER,
    )


def position_of(position: Structure | None) -> tuple[Decimal, Decimal]:
    """A position's amount, negative if short, and its average price, 0 where it is not said."""
    if not position or not position.get("contracts"):
        return Decimal(0), Decimal(0)
    size = abs(exact(position["contracts"]))
    return (-size if position.get("side") == "short" else size), exact(position.get("entryPrice") or 0)


def cash_of(balances: Structure, currency: str, rows: CashRows | None) -> tuple[Decimal, Decimal]:
    """Our cash in a currency, and what waits for a settlement; 0 where an exchange leaves out what we do not hold."""
    if rows is None:
        total = (balances.get(currency) or {}).get("total")
        return Decimal(0) if total is None else exact(total), Decimal(0)
    told: Any = balances["info"]
    for key in rows.path:
        told = told[key]
    held = next((row for row in told if row[rows.currency] == currency), None)
    if held is None:
        return Decimal(0), Decimal(0)
    cash, unrealized, waits = (exact(held[key]) if key else Decimal(0) for key in (rows.cash, rows.less, rows.waits))
    return cash - unrealized, waits


def _fee(trade: Structure) -> tuple[Decimal, str] | None:
    """The cost of an execution, negative if it is a rebate, and its currency."""
    single = trade.get("fee")
    fees = [single] if single else trade.get("fees") or []
    told = [fee for fee in fees if fee.get("cost") is not None and fee.get("currency")]
    currencies = {str(fee["currency"]) for fee in told}
    if len(currencies) != 1:
        return None
    return sum((exact(fee["cost"]) for fee in told), Decimal(0)), currencies.pop()

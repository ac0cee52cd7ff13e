"""ccxt's structures of what is ours, read: orders, fills, positions and cash. No state, no time of its own."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from replenisher.core.account import fill_key
from replenisher.model.event import CashKind, CashMoved, OrderFilled, OrderReport
from replenisher.model.instrument import Instrument, Kind, venue_of
from replenisher.model.order import SIDES, Liquidity, Status
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

# Words of the exchanges' own that ccxt takes for another end than it is, or for one that is still to come.
WORDS: dict[str, Status | None] = {
    "PENDING_CANCEL": None,  # it can still trade
    "PARTIALLY_CANCELED": Status.CANCELED,
    "PartiallyFilledCanceled": Status.CANCELED,
}
WORD_PATHS = (("info", "state"), ("info", "status"), ("info", "orderStatus"), ("info", "X"))

# What reading raises when a structure is not as ccxt promises.
UNREADABLE = (LookupError, AttributeError, TypeError, ValueError, ArithmeticError)


def changed_at(order: Structure, traits: Traits) -> int | None:
    """When an order last changed, by the venue's clock; None where it does not say."""
    told = found(order, traits.changed_path)
    return None if told is None else int(told) * MS_NS


def status_of(order: Structure) -> Status | None:
    """Where an order is in its life; None where the answer leaves it open, or says it in a word that nobody reads."""
    for path in WORD_PATHS:
        if (word := str(found(order, path))) in WORDS:
            return WORDS[word]
    return STATUS.get(str(order.get("status")))


def ticks_of(order: Structure, instrument: Instrument) -> int | None:
    """An order's price in ticks; None where the answer leaves it out."""
    price = order.get("price")
    return None if price is None else int((exact(price) / instrument.tick).to_integral_value())


def lots_of(order: Structure, instrument: Instrument, traits: Traits) -> int | None:
    """An order's total quantity in lots; None where the answer leaves it out."""
    amount = order.get("amount")
    if amount is None:
        return None
    rest = order.get("remaining") if traits.streams_rest else None
    return instrument.lots(exact(amount) if rest is None else exact(order["filled"]) + exact(rest))


def filled_of(order: Structure, traits: Traits) -> Decimal | None:
    """What an order has traded in all; None where the answer leaves it out."""
    told = found(order, traits.filled_path) if traits.filled_path else None
    filled = order.get("filled") if told is None else told
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
        quantity=lots_of(order, instrument, traits) or 0,
        filled=filled_of(order, traits) or Decimal(0),
        status=status_of(order) or Status.UNKNOWN,
        venue_time=venue_time if changed is None else changed,
    )


def execution_id(trade: Structure) -> tuple[str, str]:
    """What an execution is known by: of one trade of ours with ourselves there are two, on both sides."""
    if not trade["id"]:
        raise ValueError("an execution without an id cannot be told from the next one")
    return str(trade["id"]), str(trade["side"])


def fees_of(trade: Structure) -> dict[str, Decimal]:
    """What an execution cost, by currency, negative if it is a rebate; empty where it is not said.

    A stream may leave it out; the question for our trades does not. Of a few it is an estimate: `estimates_fees`.
    """
    single = trade.get("fee")
    costs: dict[str, Decimal] = {}
    for fee in [single] if single else trade.get("fees") or []:
        if fee.get("cost") is not None and fee.get("currency"):
            currency = str(fee["currency"])
            costs[currency] = costs.get(currency, Decimal(0)) + exact(fee["cost"])
    return {currency: cost for currency, cost in costs.items() if cost} or costs


def fill_of(trade: Structure, name: str, instrument: Instrument, traits: Traits, at: int) -> OrderFilled:
    """An execution as a fact; `name` is empty if the order is not known to be ours.

    Of its fees it has the one that is taken of the coins, if any is: whoever has bought them has so many less.
    """
    fees, settle, base = fees_of(trade), instrument.settlement_currency, instrument.base_currency
    first = (base, settle) if instrument.kind is Kind.SPOT else (settle, base)
    currency = next((each for each in (*first, *fees) if each in fees), settle)
    return OrderFilled(
        at=at,
        instrument=instrument.key,
        order_id=name,
        venue_order_id=str(trade.get("order") or ""),
        venue_time=int(trade["timestamp"]) * MS_NS,
        trade_id=execution_id(trade)[0],
        side=SIDES[trade["side"]],
        price=exact(trade["price"]),
        amount=exact(found(trade, traits.amount_path) if trade["amount"] is None else trade["amount"]),
        fee=fees.get(currency, Decimal(0)),
        fee_currency=currency,
        # ccxt leaves it out where the exchange does; an order of ours is post-only and so gives liquidity.
        liquidity=Liquidity.TAKER if trade.get("takerOrMaker") == "taker" else Liquidity.MAKER,
    )


def charges_of(trade: Structure, fill: OrderFilled) -> list[CashMoved]:
    """What an execution cost in other currencies than the one that a fill has room for."""
    return [
        CashMoved(
            at=fill.at,
            venue=venue_of(fill.instrument),
            kind=CashKind.FEE,
            currency=currency,
            amount=-cost,
            venue_time=fill.venue_time,
            venue_id=fill_key(fill),
            instrument=fill.instrument,
        )
        for currency, cost in fees_of(trade).items()
        if currency != fill.fee_currency
    ]


def position_of(position: Structure | None) -> tuple[Decimal, Decimal]:
    """A position's amount, negative if short, and its average price, 0 where it is not said."""
    if not position or not position.get("contracts"):
        return Decimal(0), Decimal(0)
    size, side = exact(position["contracts"]), position.get("side")
    if side not in ("long", "short"):  # told by the exchange's own word, or by the sign alone
        side = {"BUY": "long", "SELL": "short"}.get(str(found(position, ("info", "side"))), "short" if size < 0 else "")
    return (-abs(size) if side == "short" else abs(size)), exact(position.get("entryPrice") or 0)


def cash_of(balances: Structure, currency: str, rows: CashRows | None) -> tuple[Decimal, Decimal]:
    """Our cash in a currency, and what waits for a settlement; 0 where an exchange leaves out what we do not hold."""
    if rows is None:
        total = (balances.get(currency) or {}).get("total")
        return Decimal(0) if total is None else exact(total), Decimal(0)
    told: Any = balances["info"]
    for key in rows.path:
        told = told[key]
    if rows.currency:
        held = next((row for row in told if row[rows.currency] == currency), None)
    else:
        held = told if currency in balances else None
    if held is None:
        return Decimal(0), Decimal(0)
    # Where there is no position, its profit may be an empty word.
    unrealized, waits = (exact(held[key] or 0) if key else Decimal(0) for key in (rows.less, rows.waits))
    return exact(held[rows.cash]) - unrealized, waits

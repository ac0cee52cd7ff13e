"""The method that tells an account's cash book: every deposit, every fill and what is settled without one.

The last one comes first. `change` is how cash moved. At a fill that is its fee, for profit waits; at a settlement or a
delivery it is all that waited and what the position had gained: `session_rpl` and `session_upl`, and of the first
`total_interest_pl` is funding, which has no row of its own. `cashflow` is what a fill realized, or else the change.
"""

from collections.abc import Callable
from itertools import islice

from replenisher.exchange.dialects.deribit.credits import Pool
from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.errors import refuse_param
from replenisher.exchange.dialects.deribit.holdings import check_subaccount, known_currencies
from replenisher.exchange.dialects.deribit.market_data import period
from replenisher.exchange.dialects.deribit.methods import Call, Method, method
from replenisher.exchange.dialects.deribit.numbers import ZERO, Shape, milliseconds, number
from replenisher.exchange.words import CashChange, CashMove, TradeView
from replenisher.model.instrument import Kind

COUNT = 100  # rows, where a client does not say how many
COUNT_MAX = 250


def get_transaction_log(desk: Desk, call: Call) -> Shape:
    """`private/get_transaction_log`; `continuation` is the number of the row with which the next page begins."""
    params = call.params
    check_subaccount(desk, call)
    currency, (start, end) = params.choice("currency", known_currencies(desk)), period(call)
    count = params.whole("count", COUNT)
    if not 1 <= count <= COUNT_MAX:
        refuse_param("count", "value not in range")
    first = params.whole("continuation") if "continuation" in params else None
    is_meant = _query(params.text("query", default=""))
    changes = (
        change
        for change in desk.views.cash_changes(call.account, currency)
        if (start is None or change.at >= start)
        and (end is None or change.at <= end)
        and (first is None or change.number <= first)
        and is_meant(change)
    )
    page = list(islice(changes, count + 1))
    return {
        "logs": [_row(desk, call, change) for change in page[:count]],
        "continuation": page[count].number if len(page) > count else None,
    }


def _query(text: str) -> Callable[[CashChange], bool]:
    """Which rows are meant: by their kind, or by what a fill did."""
    wanted = text.split()

    def is_meant(change: CashChange) -> bool:
        trade = change.trade
        words = {change.kind} if trade is None else {change.kind, trade.liquidity.value, *_side(change, trade).split()}
        return not wanted or any(word in words for word in wanted)

    return is_meant


def _row(desk: Desk, call: Call, change: CashChange) -> Shape:
    """One row. What positions had gained at the time is not kept, so the equity is told without it."""
    trade = change.trade
    shape: Shape = {
        "id": change.number,
        "user_seq": change.number,
        "user_id": desk.shapes.user_id(call.account),
        "username": call.account,
        "timestamp": milliseconds(change.at),
        "type": change.kind,
        "currency": change.currency,
        "change": number(change.change),
        "cashflow": number(change.change),
        "balance": number(change.balance),
        "equity": number(change.balance + change.realized),
        "commission": ZERO,
        "side": "-",
        "price": None,
        "position": None,
        "trade_id": None,
        "order_id": None,
        "interest_pl": None,
        "instrument_name": None,
        "info": None,
    }
    if change.move is not None:
        return shape | _settled(desk, change, change.move)
    return shape if trade is None else shape | _fill(desk, change, trade)


def _settled(desk: Desk, change: CashChange, move: CashMove) -> Shape:
    instrument = desk.catalogue.instrument(move.instrument)
    gained = number(move.amount - move.realized)
    return {
        "commission": None,
        "side": "long" if move.size > 0 else "short" if move.size else "-",
        "price": number(move.price),
        "price_currency": instrument.quote_currency,
        "amount": number(abs(move.size)),
        "position": number(change.position),
        "interest_pl": number(move.funding),
        "total_interest_pl": number(move.funding),
        "session_upl": gained,
        "session_rpl": number(move.realized),
        "instrument_name": move.instrument,
        "info": {"settlement_price": number(move.price), "floating_pl": gained},
    }


def _fill(desk: Desk, change: CashChange, trade: TradeView) -> Shape:
    instrument = desk.catalogue.instrument(trade.instrument)
    is_spot = instrument.kind is Kind.SPOT
    return {
        "user_role": trade.liquidity.value,
        "cashflow": number(change.change if is_spot else trade.realized),
        "commission": number(trade.fee) if trade.fee_currency == change.currency else ZERO,
        "side": _side(change, trade),
        "price": number(trade.price),
        "price_currency": instrument.quote_currency,
        "amount": number(trade.amount),
        "contracts": number(trade.amount / instrument.lot),
        "position": number(change.position),
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "mark_price": number(trade.mark),
        "interest_pl": ZERO,
        "profit_as_cashflow": not is_spot,
        "instrument_name": trade.instrument,
        "info": "Source: api",
    }


def _side(change: CashChange, trade: TradeView) -> str:
    """What a fill did: one that turns a position over opens."""
    before = change.position - trade.side.sign * trade.amount
    closes = before * trade.side.sign < 0 and abs(change.position) < abs(before)
    return f"{'close' if closes else 'open'} {trade.side}"


METHODS: dict[str, Method] = {
    "private/get_transaction_log": method(
        get_transaction_log,
        "currency* start_timestamp* end_timestamp* query count subaccount_id continuation",
        scope="account:read",
        pool=Pool.CASH_LOG,
    ),
}

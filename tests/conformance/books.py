"""What a client made of what it heard, against the exchange's own ledger: every order, fill, position and balance.

Nothing of the exchange is used here: the ledger is JSON and decimals, and what follows from it is worked out anew.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, NamedTuple

Record = dict[str, Any]

ZERO = Decimal(0)
STATUS = {"filled": "closed", "cancelled": "canceled"}
ROLE = {"M": "maker", "T": "taker"}


class Books(NamedTuple):
    """The ledger of one account, in the words of the client's library."""

    orders: dict[str, Record]
    fills: dict[str, Record]
    positions: dict[str, Record]
    balances: dict[str, Decimal]
    waiting: dict[str, Decimal]  # realized, and no cash before a settlement; by currency
    deposits: dict[str, Decimal]


class Comparison:
    """How much was compared, and what differs."""

    def __init__(self) -> None:
        self.compared: Counter[str] = Counter()
        self.differences: list[str] = []

    def rows(self, what: str, theirs: dict[str, Record], ours: Iterable[Record]) -> None:
        """The same rows on both sides, and the same values in each."""
        told = {row["id"]: row for row in ours}
        self.differences += [f"{what} {name}: only in the ledger" for name in theirs.keys() - told.keys()]
        self.differences += [f"{what} {name}: only at the client" for name in told.keys() - theirs.keys()]
        for name in theirs.keys() & told.keys():
            for member, value in theirs[name].items():
                self.value(f"{what} {name} {member}", value, told[name].get(member), kind=what)

    def value(self, name: str, theirs: object, ours: object, kind: str) -> None:
        """One value; numbers must be the same number, to the last digit."""
        self.compared[kind] += 1
        same = exact(ours) == theirs if isinstance(theirs, Decimal) else ours == theirs
        if not same:
            self.differences.append(f"{name}: {ours} at the client, {theirs} in the ledger")

    def table(self) -> Iterator[str]:
        """For people."""
        for kind, number in self.compared.items():
            yield f"  {kind:<34}{number:>6} values"
        yield f"  {'differences':<34}{len(self.differences):>6}"


def exact(value: object) -> Decimal | None:
    """A number as the client holds it: text, or a float that was printed with all its digits."""
    return None if value is None else Decimal(str(value))


def q8(value: Decimal) -> Decimal:
    """Money is booked to eight places, half to even."""
    return value.quantize(Decimal("1e-8"), ROUND_HALF_EVEN)


def read(ledger: list[Record], account: str, symbols: dict[str, str]) -> Books:
    """The ledger, folded; `symbols` are the client's names of the instruments."""
    listed = {record["name"]: record for record in ledger if record["type"] == "instrument"}
    mine = [record for record in ledger if record.get("account") == account]
    deposits: dict[str, Decimal] = defaultdict(Decimal)
    for record in of_type(mine, "deposit"):
        deposits[record["currency"]] += Decimal(record["amount"])
    moves = [record | decimals(record) for record in mine if record["type"] in ("trade", "funded", "cash")]
    trades = of_type(moves, "trade")
    positions = {
        name: _position(listed[name], [move for move in moves if move["instrument"] == name])
        for name in {trade["instrument"] for trade in trades}
        if not listed[name]["spot_of"]
    }
    waiting: dict[str, Decimal] = defaultdict(Decimal)
    for name, position in positions.items():
        waiting[listed[name]["settlement_currency"]] += position["realizedPnl"]
    return Books(
        orders={order["order_id"]: _order(order, ledger, trades, symbols) for order in of_type(mine, "order")},
        fills={trade["trade_id"]: _fill(trade, symbols) for trade in trades},
        positions={symbols[name]: position for name, position in positions.items()},
        balances=_balances(deposits, moves, listed),
        waiting=dict(waiting),
        deposits=dict(deposits),
    )


def of_type(records: list[Record], kind: str) -> list[Record]:
    return [record for record in records if record["type"] == kind]


def decimals(record: Record) -> Record:
    names = ("price", "amount", "fee", "realized", "balance", "position")
    return {name: Decimal(record[name]) for name in names if name in record}


def _order(order: Record, ledger: list[Record], trades: list[Record], symbols: dict[str, str]) -> Record:
    order_id = order["order_id"]
    for change in of_type(ledger, "amended"):
        if change["order_id"] == order_id:
            order = order | {"price": change["price"], "amount": change["amount"]}
    end = next((record for record in of_type(ledger, "closed") if record["order_id"] == order_id), None)
    fills = [trade for trade in trades if trade["order_id"] == order_id]
    filled = sum((fill["amount"] for fill in fills), ZERO)
    paid = sum((fill["amount"] * fill["price"] for fill in fills), ZERO)
    assert end is None or filled == Decimal(end["filled_amount"]), f"the ledger contradicts itself on {order_id}"
    average = {"average": q8(paid / filled)} if filled else {}
    price = {} if order["price"] is None else {"price": Decimal(order["price"])}
    return {
        "symbol": symbols[order["instrument"]],
        "side": order["side"],
        "type": order["order_type"],
        "amount": Decimal(order["amount"]),
        "filled": filled,
        "remaining": Decimal(order["amount"]) - filled,
        "status": "open" if end is None else STATUS[end["state"]],
        "postOnly": order["post_only"],
        "timestamp": order["at"] // 1_000_000,
        **price,
        **average,
    }


def _fill(trade: Record, symbols: dict[str, str]) -> Record:
    return {
        "symbol": symbols[trade["instrument"]],
        "order": trade["order_id"],
        "side": trade["side"],
        "price": trade["price"],
        "amount": trade["amount"],
        "fee cost": trade["fee"],
        "fee currency": trade["fee_currency"],
        "takerOrMaker": ROLE[trade["liquidity"]],
        "timestamp": trade["at"] // 1_000_000,
    }


def _position(instrument: Record, moves: list[Record]) -> Record:
    """Size and average entry price; the cost of what is left shrinks in proportion when a part is closed."""
    size, entry, realized = ZERO, ZERO, ZERO
    for move in moves:
        if move["type"] == "cash":  # what waited is paid; what a position was built for stays
            size, realized = move["position"], ZERO
            entry = entry if size else ZERO
            continue
        realized += move["amount"] if move["type"] == "funded" else move["realized"]
        if move["type"] == "funded":
            continue
        amount, worth = move["amount"], _worth(instrument, move["amount"], move["price"])
        signed = amount if move["side"] == "buy" else -amount
        closing = min(amount, abs(size)) if size * signed < 0 else ZERO
        if closing:
            entry -= entry if closing == abs(size) else q8(entry * closing / abs(size))
            worth -= worth if closing == amount else q8(worth * closing / amount)
        size, entry = size + signed, entry + worth
        assert size == move["position"], f"the ledger contradicts itself at trade {move['trade_id']}"
    units = abs(size) * Decimal(instrument["contract_value"])
    average = q8(units / entry if instrument["inverse"] else entry / units) if size else ZERO
    return {"contracts": size, "entryPrice": average, "realizedPnl": realized}


def _worth(instrument: Record, amount: Decimal, price: Decimal) -> Decimal:
    """What an amount is worth in the currency in which it settles."""
    units = amount * Decimal(instrument["contract_value"])
    return q8(units / price if instrument["inverse"] else units * price)


def _balances(deposits: Record, moves: list[Record], listed: dict[str, Record]) -> dict[str, Decimal]:
    """Cash by currency: what a contract is settled for, both sides of a trade on spot, less all fees."""
    balances = dict(deposits)
    for move in moves:
        if move["type"] == "funded":  # it waits, as what a contract realizes does
            continue
        instrument = listed[move["instrument"]]
        base, quote = instrument["spot_of"], instrument["settlement_currency"]
        told = move.get("fee_currency", quote)
        if move["type"] == "cash":
            balances[quote] += move["amount"]
        elif base:
            sign = 1 if move["side"] == "buy" else -1
            balances[base] += sign * move["amount"]
            balances[quote] -= sign * q8(move["amount"] * move["price"])
        balances[told] -= move.get("fee", ZERO)
        assert balances[told] == move["balance"], "the ledger contradicts itself on a balance"
    return balances


def compare(books: Books, told: Record) -> Comparison:
    """All that the client was told, in every way in which it asked or listened."""
    found = Comparison()
    for name, amount in books.deposits.items():
        found.value(f"opening balance {name}", amount, told["opening"]["total"].get(name), kind="opening balances")
    orders, fills = defaultdict(list), defaultdict(list)
    for life in told["lives"].values():
        for way in ORDERS:
            orders[way] += life[way]
        for way in FILLS:
            fills[way] += [trade | _fee(trade) for trade in life[way]]
    for way, rows in orders.items():
        found.rows(f"orders, {ORDERS[way]}", books.orders, rows)
    for way, rows in fills.items():
        found.rows(f"fills, {FILLS[way]}", books.fills, rows)
    _compare_holdings(found, books, told["holdings"])
    return found


ORDERS = {"fetched": "one by one", "closed": "history", "watched": "watched"}
FILLS = {"trades": "history", "trades_since": "history since", "watched_trades": "watched", "order_trades": "by order"}


def _fee(trade: Record) -> Record:
    return {"fee cost": trade["fee"]["cost"], "fee currency": trade["fee"]["currency"]}


def _compare_holdings(found: Comparison, books: Books, held: Record) -> None:
    open_positions = {symbol: position for symbol, position in books.positions.items() if position["contracts"]}
    found.rows("positions", open_positions, [place | {"id": place["symbol"]} for place in held["positions"]])
    one_by_one = [place | {"id": symbol} for symbol, place in held["one_by_one"].items()]
    found.rows("positions, one by one", books.positions, one_by_one)
    fetched = {summary["currency"]: summary for summary in held["fetched"]["info"]["summaries"]}
    for name, waits in books.waiting.items():
        found.value(f"session profit {name}", waits, fetched[name]["session_rpl"], kind="session profit")
    for name, balance in books.balances.items():
        found.value(f"balance {name}", balance, fetched[name]["balance"], kind="balances")
        found.value(f"equity {name}", exact(fetched[name]["equity"]), held["fetched"]["total"][name], kind="balances")
        watched = held["watched"][name]["info"]["balance"]
        found.value(f"balance {name} watched", balance, watched, kind="balances, watched")

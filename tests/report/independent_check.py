"""A second opinion on two books, which takes nothing from the program: plain SQL, JSON and decimals.

Run it as `independent_check.py DATABASE_URL exchange.jsonl main@<exchange id>`.
"""

import json
import re
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pg8000.native

q8 = partial(Decimal.quantize, exp=Decimal("1e-8"), rounding=ROUND_HALF_EVEN)
FILL = "instrument, trade_id, side, price, amount, fee, fee_currency"
TRADE = f"{FILL}, label, order_id".split(", ")
PAID = "instrument, kind, venue_id, currency, amount, realized"
QUERIES = (
    f"select {FILL}, order_id, venue_order_id from fills where account = :account",
    "select order_id, status, filled, venue_order_id from orders where account = :account",
    "select currency, balance from balances where account = :account order by epoch, step",
    "select name, contract_value, inverse from instruments where :account != ''",
    f"select {PAID} from cash_moves where account = :account and instrument != ''",
    "select currency, max(venue_time) from cash_looks where account = :account group by currency",
    "select distinct namespace from lives where :account != ''",
)


def moved(fills: list[tuple], contracts: dict[str, tuple[Decimal, int]]) -> tuple[dict, dict, dict]:
    """What fills, and what was paid on positions, did to the cash and to the positions, and what fills realized."""
    cash, books, profits = Counter(), {}, {}
    for event in fills:
        contract_value, inverse = contracts[event[0]]
        size, entry = books.get(event[0], (Decimal(0), Decimal(0)))
        if len(event) == PAID.count(",") + 1:
            name, kind, _, currency, amount, realized = event
            cash[currency] += amount
            gained = amount - realized
            entry += {"settlement": gained if (size > 0) != bool(inverse) else -gained}.get(kind, 0)
            books[name] = (Decimal(0), Decimal(0)) if kind == "delivery" else (size, entry)
            continue
        name, trade_id, side, price, amount, fee, currency, *_ = event
        value = q8(amount * contract_value / price if inverse else amount * contract_value * price)
        signed = amount if side == "buy" else -amount
        closed = min(amount, abs(size)) if size * signed < 0 else Decimal(0)
        leaving = value if closed == amount else q8(value * closed / amount)
        released = (entry if closed == abs(size) else q8(entry * closed / abs(size))) if closed else Decimal(0)
        cash[currency] -= fee  # what is realized waits for a settlement
        profits[name, trade_id, side] = leaving - released if (size > 0) != bool(inverse) else released - leaving
        books[name] = (size + signed, entry - released + value - leaving)
    return cash, {name: size for name, (size, _) in books.items()}, profits


def parts(record: dict) -> list[tuple]:
    """A payment as we book it: what funding brought by itself, and the rest."""
    amount, realized, funding = (Decimal(record[name]) for name in ("amount", "realized", "funding"))
    rest, told = (record["kind"], amount - funding, realized - funding), ("funding", funding, Decimal(0))
    rows = [part for part in (told, rest) if any(part[1:]) or part[0] == "delivery"]
    return [(record["instrument"], kind, record["cash_id"], record["currency"], *numbers) for kind, *numbers in rows]


def asked(url: str, account: str) -> list[list[tuple]]:
    """What the database answers to each of the queries."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        with closing(sqlite3.connect(parts.path[1:])) as sql:
            return [sql.execute(query, {"account": account}).fetchall() for query in QUERIES]
    place = {"host": parts.hostname, "port": parts.port, "database": parts.path[1:], "password": parts.password}
    with closing(pg8000.native.Connection(parts.username, **place)) as sql:
        return [[tuple(row) for row in sql.run(query, account=account)] for query in QUERIES]


def check(database: str, ledger: Path, account: str) -> list[str]:
    """Every complaint; none if the books agree."""
    ours, orders, told, contracts, paid, looks, namespaces = asked(database, account)
    names = tuple(name for (name,) in namespaces)  # an order of another name is somebody else's
    paid = [(*row[:4], *map(Decimal, row[4:])) for row in paid]
    ours = [(*row[:3], *map(Decimal, row[3:6]), *row[6:]) for row in ours]
    records = [json.loads(line) for line in ledger.read_text().splitlines()]
    mine = [r for r in records if r.get("account") == re.split("[@.]", account)[0]]
    unread = [r for r in mine if r["type"] == "cash" and r["cash_id"] not in {row[2] for row in paid}]
    unread = [r for r in unread if r["at"] > dict(looks).get(r["currency"], r["at"])]  # after our last look
    mine = [r for r in mine if r not in unread]
    mine = [r for r in mine if r["type"] != "order" or r["label"].startswith(names)]
    trades = [r for r in mine if r["type"] == "trade"]
    trades = [t if t["label"].startswith(names) else t | {"label": ""} for t in trades]
    there_paid = [part for r in mine if r["type"] == "cash" for part in parts(r)]
    unpaid = [*(Counter(paid) - Counter(there_paid)), *(Counter(there_paid) - Counter(paid))]
    theirs = [tuple(Decimal(t[n]) if n in ("price", "amount", "fee") else t[n] for n in TRADE) for t in trades]
    found = [f"fill {row[:3]}: only here" for row in (Counter(ours) - Counter(theirs))]
    found += [f"fill {row[:3]}: only there" for row in (Counter(theirs) - Counter(ours))]
    found += [f"cash {row}: in one book" for row in unpaid]
    closed = {r["order_id"]: r for r in records if r["type"] == "closed"}
    there = {r["label"]: closed.get(r["order_id"]) for r in mine if r["type"] == "order"}
    ends = {"filled": ("filled",), "cancelled": ("canceled", "expired")}
    found += [f"order {label}: only there" for label in there.keys() - {row[0] for row in orders}]
    for label, status, filled, venue_order_id in orders:
        end = there.get(label)
        if label not in there:
            is_claimed = venue_order_id or status in ("pending", "working", "unknown")
            found += [f"order {label}: only here"] if is_claimed else []
        elif end is None or status not in ends[end["state"]] or Decimal(filled) != Decimal(end["filled_amount"]):
            found.append(f"order {label}: {status} here, {end and end['state']} there")
    left = [r for r in mine if "position" in r]
    order = {(r["instrument"], r["type"], r.get("trade_id", r.get("cash_id"))): i for i, r in enumerate(left)}
    done = [((row[0], "trade", row[1]), row) for row in ours] + [((row[0], "cash", row[2]), row) for row in paid]
    events = [row for _, row in sorted(done, key=lambda each: order.get(each[0], len(mine)))]
    change, positions, profits = moved(events, {name: (Decimal(value), inverse) for name, value, inverse in contracts})
    realized = {(t["instrument"], t["trade_id"], t["side"]): Decimal(t["realized"]) for t in trades}
    found += [f"profit of {key}: {profits.get(key)} here" for key in realized if profits.get(key) != realized[key]]
    for currency in {t["fee_currency"] for t in trades}:
        rows = (r for r in mine if currency in (r.get("currency"), r.get("fee_currency")))
        held = [Decimal(r.get("balance", r.get("amount"))) for r in rows]
        seen = [Decimal(balance) for name, balance in told if name == currency]
        found += [f"balance {each}: never held there" for each in seen if each not in held]
        if not seen or seen[0] + change[currency] != held[-1]:
            found.append(f"balance: {seen[:1]} and {change[currency]} here, {held[-1]} there")
    last = {r["instrument"]: Decimal(r["position"]) for r in left}
    return found + [f"position {n}: {last.get(n)} there" for n, size in positions.items() if size != last.get(n, 0)]


if __name__ == "__main__":
    sys.exit("\n".join(check(sys.argv[1], Path(sys.argv[2]), sys.argv[3])) or 0)

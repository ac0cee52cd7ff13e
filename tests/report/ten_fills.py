"""Ten fills and all that belongs to them, by hand: orders, requests, answers, mids, obligations and sweeps."""

from decimal import Decimal

from replenisher.core.resilience import TAUS_NS, named_time
from replenisher.model.mandate import Owed
from replenisher.model.units import HOUR_NS, MS_NS, SECOND_NS
from tests.report.by_hand import LINEAR, T0, Rows, columns

APART_S = 300

# A linear perpetual: one unit is worth its price. `held` is what was held before the fill, and
#   spread    = side (mid - price) amount        slippage = the same of a fill that took
#   inventory = held (mid - the mid before)
TEN_FILLS = """
 #  side  amount   price  liquidity     mid  held  fee                 spread  slippage  inventory
------------------------------------------------------------------------------------------------
 1  buy   2         99.5  maker         100     0  -0.0199    USDT       1.0       0         0
 2  sell  1        101    maker       100.4     2  -0.0101    USDT       0.6       0         0.8
 3  sell  3        101.5  maker         101     1  -0.03045   USDT       1.5       0         0.6
 4  buy   1        100.9  maker       101.2    -2  -0.01009   USDT       0.3       0        -0.4
 5  sell  1        101.7  maker       101.3    -1   0.0001    BNB        0.4       0        -0.1
 6  buy   4        102    taker       101.9    -2   0.2040    USDT       0        -0.4      -1.2
 7  sell  0.5      102.3  maker       102       2   0.0002    BNB        0.15      0         0.2
 8  sell  1.5      102.2  maker       101.8   1.5  -0.01533   USDT       0.6       0        -0.3
 9  buy   1        101.25 maker       101.5     0  -0.010125  USDT       0.25      0         0
10  buy   1        100.8  maker       101       1  -0.01008   USDT       0.2       0        -0.5
"""
# A fill comes every five minutes. A second after the third, when 2 are held short, 0.02 of funding are received; a
# second after the seventh, 0.015 are paid on 1.5 long. A second after the ninth a life begins under another
# configuration, and a minute after the tenth the middle is at 101.4, with 2 held.
FUNDING = {3: "0.02", 7: "-0.015"}

# The market at the fills that our orders gave: its spread, ours (before the fourth there was no ask), and its mid up to
# 5 s after them, and from 10 s on.
AFTER = """
 #  level  spread  own  soon   late
-----------------------------------
 1  0      0.2     1.2  100.1  100.4
 2  0      0.4     1.4  100.6  101
 3  1      0.2     2.2  101.1  -
 4  0      0.2     -    101.2  101.3
 5  0      0.2     1.1  101.4  101.9
 7  0      0.4     1.3  102    101.8
 8  1      0.2     2.4  101.8  101.5
 9  0      0.2     1.0  101.4  101
10  0      0.2     0.9  100.9  101.4
"""
# What was placed and amended, and after how many milliseconds it was on the book; `order` is how much of it filled.
REQUESTS = """
version  request  id  intent  order  outcome    took
----------------------------------------------------
first    place    a   quote   2      working     5
first    place    b   quote   1      working     7
first    place    c   quote   0      post_only   6
first    place    d   quote   0      -           -
first    place    e   refill  3      working    20
first    place    f   refill  0.5    working    30
first    amend    a   quote   -      working     4
first    amend    b   quote   -      working     9
first    amend    b   quote   -      unknown     8
first    cancel   e   -       -      -           -
second   place    g   quote   1      working     8
second   place    h   quote   0      working    12
"""
# What the first configuration says is owed; what the second says no mandate tells.
OWED = Owed(max_spread_bps=50, min_depth_quote=Decimal(20_000), min_uptime_pct=95)
# Hours, and what part of them the instrument traded and the obligations were met, in seconds.
HOURS = """
hour  traded  met
-----------------
0     3600    3240
1     1800    1800
2     0       0
"""
# Sweeps by band: for how many seconds it was watched, and what share was back by 0.1, 0.5, 1, 2, 5, 10 and 30 s.
SWEEPS = """
band  watched  back                  t50  t90  flow  own
--------------------------------------------------------
0     60       1,1,1,1,1,1,1         0    0.1  0.1   0.75
5     60       0,.25,.5,.5,.75,1,1   1    10   0.2   0.5
5     4        0,.5,.5,.5,-,-,-      0.5  -    0.4   -
"""


def ten_fills() -> Rows:
    """The whole ledger."""
    rows = Rows(LINEAR)
    rows.life("first")
    rows.mandate(OWED)
    send(rows, "first")
    for hour, traded, met in columns(HOURS):
        rows.presence(T0 // HOUR_NS * HOUR_NS + int(hour) * HOUR_NS, int(traded) * SECOND_NS, int(met) * SECOND_NS)
    rows.breach(T0, T0 + 360 * SECOND_NS)
    for sweep in columns(SWEEPS):
        swept(rows, *sweep)
    market = {number: row for number, *row in columns(AFTER)}
    for number, side, amount, price, liquidity, mid, _, fee, currency, *_ in columns(TEN_FILLS):
        rows.move_to(APART_S * int(number))
        level, spread, own, soon, late = market.get(number, "-----")
        told = {
            "level": None if level == "-" else int(level),
            "spread": number_of(spread),
            "own_spread": number_of(own),
        }
        rows.fill(side, amount, price, mid, f"{fee} {currency}", liquidity=liquidity, **told)
        rows.after(*[number_of(soon)] * 4, *[number_of(late)] * 4)
        if paid := FUNDING.get(int(number)):
            rows.cash("funding", paid, name=LINEAR.name)
        if number == "9":
            rows.life("second")
            send(rows, "second")
    rows.move_to(APART_S * 10 + 60)
    rows.mid("101.4")
    return rows


def send(rows: Rows, life: str) -> None:
    """All that was asked for in one life."""
    for version, request, order_id, intent, filled, outcome, took in columns(REQUESTS):
        if version != life:
            continue
        rows.request(request, order_id, "" if intent == "-" else intent)
        if filled != "-":
            rows.order(order_id, filled, version)
        if outcome != "-":
            rows.answer(request, intent, outcome, int(took) * MS_NS)


def swept(rows: Rows, band: str, watched: str, back: str, t50: str, t90: str, flow: str, own: str) -> None:
    """One sweep."""
    shares = dict(zip(map(named_time, TAUS_NS), map(number_of, back.split(",")), strict=True))
    times = {
        name: None if at == "-" else round(float(at) * SECOND_NS) for name, at in (("t50_ns", t50), ("t90_ns", t90))
    }
    told = {"watched_ns": int(watched) * SECOND_NS, "back": shares, "flow_per_s": number_of(flow)}
    rows.sweep(float(band), **told, **times, own_share=number_of(own))


def number_of(text: str) -> float | None:
    """A number of a table, where there is one."""
    return None if text == "-" else float(text)

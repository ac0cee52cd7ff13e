"""The whole report on ten fills, each figure worked out by hand from the rows of `ten_fills.py`.

Sums of money are exact. What is a quotient, a root or a logarithm is written down as such, and is the same but for how
doubles are rounded on the way: eleven digits.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from math import isclose, log, sqrt
from typing import Any

import msgspec

from replenisher.report.report import read_report
from replenisher.store import history
from replenisher.store.database import Database
from replenisher.store.period import ALWAYS
from tests.report.by_hand import LINEAR, T0, columns
from tests.report.ten_fills import AFTER, ten_fills

D = Decimal
SECOND, HOUR = 10**9, 3_600 * 10**9
AT = [T0 + 300 * number * SECOND for number in range(1, 11)]
WHERE = {"venue": "venue", "account": "main"}
NOTHING = dict.fromkeys(
    ("spread", "hedge_slippage", "inventory", "fees", "rebates", "funding", "delivery", "liquidation"), D(0)
)


def group(version: str) -> dict[str, str]:
    return WHERE | {"instrument": LINEAR.name, "strategy": "core", "config_version": version}


# --- P&L ----------------------------------------------------------------------------------------------------------

BNB = NOTHING | {"fees": D("-0.0003")}
FIRST = NOTHING | {
    "spread": D("4.8"),  # 1 + 0.6 + 1.5 + 0.3 + 0.4 + 0.15 + 0.6 + 0.25
    "hedge_slippage": D("-0.4"),
    "inventory": D("-0.4"),  # 0.8 + 0.6 - 0.4 - 0.1 - 1.2 + 0.2 - 0.3
    "fees": D("-0.204"),
    "rebates": D("0.095995"),  # 0.0199 + 0.0101 + 0.03045 + 0.01009 + 0.01533 + 0.010125
    "funding": D("0.005"),  # 0.02 - 0.015
}
SECOND_LIFE = NOTHING | {"spread": D("0.2"), "inventory": D("0.3"), "rebates": D("0.01008")}  # -0.5 + 2 (101.4 - 101)
BOTH = NOTHING | {
    "spread": D("5"),
    "hedge_slippage": D("-0.4"),
    "inventory": D("-0.1"),
    "fees": D("-0.204"),
    "rebates": D("0.106075"),
    "funding": D("0.005"),
}
PNL = {
    "lines": [
        {"group": group("first"), "currency": "BNB", "parts": BNB, "total": D("-0.0003")},
        {"group": group("first"), "currency": "USDT", "parts": FIRST, "total": D("3.896995")},
        {"group": group("second"), "currency": "USDT", "parts": SECOND_LIFE, "total": D("0.51008")},
    ],
    "totals": [
        WHERE | {"currency": "BNB", "parts": BNB, "total": D("-0.0003"), "booked": D("-0.0003"), "unexplained": D(0)},
        # By cash: -199 + 101 + 304.5 - 100.9 + 101.7 - 408 + 51.15 + 153.3 - 101.25 - 100.8 = -198.3, and 2 x 101.4 are
        # held, so 4.5 before fees; less 0.204, and 0.106075 and 0.005 more.
        WHERE
        | {"currency": "USDT", "parts": BOTH, "total": D("4.407075"), "booked": D("4.407075"), "unexplained": D(0)},
    ],
    "fills_without_mid": 0,
}

# --- Performance --------------------------------------------------------------------------------------------------

# What each minute of the first life brought in USDT, where something moved: a fill's spread or slippage, inventory and
# fee, and the funding that came a second after it.
MOVED = (
    *(1.0199, 1.4101, 2.15045),  # 1 + 0.0199; 0.6 + 0.8 + 0.0101; 1.5 + 0.6 + 0.03045 + 0.02
    *(-0.08991, 0.3, -1.804),  # 0.3 - 0.4 + 0.01009; 0.4 - 0.1, its fee is in BNB; -0.4 - 1.2 - 0.204
    *(0.335, 0.31533, 0.260125),  # 0.15 + 0.2 - 0.015; 0.6 - 0.3 + 0.01533; 0.25 + 0.010125
)
# The fills are at 20 s past a whole minute plus their 300 s, the first in minute 5 and the ninth in minute 45.
SAMPLES = 41
MEAN = 3.896995 / SAMPLES
DEVIATION = sqrt((sum((moved - MEAN) ** 2 for moved in MOVED) + (SAMPLES - 9) * MEAN**2) / (SAMPLES - 1))
# Held for 300 s each: 2, 1, -2, -1, -2, 2, 1.5 and 0, and for the second until the next life 1. Over the 2,400 pairs of
# a second (x) and the next (y): x sums to 300 x 1.5 = 450 and y to 450 - 2 + 1 = 449, the squares of x to 300 x 20.25 =
# 6,075, and x y to 299 x 20.25 = 6,054.75 and, where it changes, 2 - 2 + 2 + 2 - 4 + 3 + 0 + 0 = 3.
PHI = (6_057.75 - 450 * 449 / 2_400) / (6_075 - 450 * 450 / 2_400)
PERFORMANCE = [
    {
        "group": group("first"),
        "currency": "USDT",
        "pnl": D("3.896995"),
        "without_fees_in": "BNB",
        "orders": 6,
        "fills": 9,
        "fill_ratio": 4 / 6,
        "requests": 10,  # 6 places, 3 amends, a cancel
        "order_to_trade": 10 / 9,
        "turnover_quote": D("1520.8"),  # 199 + 101 + 304.5 + 100.9 + 101.7 + 408 + 51.15 + 153.3 + 101.25
        "turnover_quote_a_day": 1520.8 * 86_400 / 2_400,
        "drawdown": D("1.804"),  # from 4.79054 after the fifth fill to 2.98654 after the sixth
        "sharpe": {"annualised": MEAN / DEVIATION * sqrt(525_600), "interval_s": 60, "samples": SAMPLES, "refused": ""},
        "inventory_half_life": {"value_s": -log(2) / log(PHI), "samples": 2_400, "refused": ""},
    },
    {
        "group": group("second"),
        "currency": "USDT",
        "pnl": D("0.51008"),
        "without_fees_in": "",
        "orders": 2,
        "fills": 1,
        "fill_ratio": 0.5,
        "requests": 2,
        "order_to_trade": 2.0,
        "turnover_quote": D("100.8"),
        "turnover_quote_a_day": None,  # it is a minute until the middle is looked at
        "drawdown": D("0.5"),  # 1 is held while the middle falls from 101.5 to 101
        "sharpe": {
            "annualised": None,
            "interval_s": None,
            "samples": 2,
            "refused": "too short: 2 of the 30 minutes that it takes",
        },
        # 1 from 2,701 s to 3,000 s
        "inventory_half_life": {"value_s": None, "samples": 298, "refused": "the inventory never changed"},
    },
]

# --- Markouts and spreads -----------------------------------------------------------------------------------------

# What was gained on each fill at once, soon and late, `side (mid - price) amount`. The sixth took, and is no quote.
GAINS = """
 #  notional  once   soon   late
-----------------------------------
 1  199       1.0    1.2    1.8
 2  101       0.6    0.4    0
 3  304.5     1.5    1.2    -
 4  100.9     0.3    0.3    0.4
 5  101.7     0.4    0.3   -0.2
 7  51.15     0.15   0.15   0.25
 8  153.3     0.6    0.6    1.05
 9  101.25    0.25   0.15  -0.25
10  100.8     0.2    0.1    0.6
"""
WORTH = {number: (float(notional), *gains) for number, notional, *gains in columns(GAINS)}
# A unit of these, in basis points of the mid as the fill found it: amount x mid, the market's spread, and our own.
AT_MID = {
    "1": (2 * 100, 0.2 / 100, 1.2 / 100),
    "2": (1 * 100.4, 0.4 / 100.4, 1.4 / 100.4),
    "3": (3 * 101, 0.2 / 101, 2.2 / 101),
    "4": (1 * 101.2, 0.2 / 101.2, None),
    "5": (1 * 101.3, 0.2 / 101.3, 1.1 / 101.3),
    "7": (0.5 * 102, 0.4 / 102, 1.3 / 102),
    "8": (1.5 * 101.8, 0.2 / 101.8, 2.4 / 101.8),
    "9": (1 * 101.5, 0.2 / 101.5, 1.0 / 101.5),
    "10": (1 * 101, 0.2 / 101, 0.9 / 101),
}
TIMES = (("once", [0.0]), ("soon", [0.1, 0.5, 1.0, 5.0]), ("late", [10.0, 30.0, 60.0, 300.0]))
ONCE, SOON, LATE = 1, 2, 3


def curve(version: str, by: str, key: str, fills: str, notional: float, *sums: float) -> dict[str, Any]:
    """A mean is what was gained over what was traded; sums of what was gained at once, soon and late are by hand."""
    points = []
    for column, (_, times) in enumerate(TIMES, start=1):
        known = [WORTH[number] for number in fills.split() if WORTH[number][column] != "-"]
        traded, gained = sum(worth[0] for worth in known), sums[column - 1]
        missing = len(fills.split()) - len(known)
        off = (float(worth[column]) - worth[0] * gained / traded for worth in known)
        error = sqrt(sum(each**2 for each in off)) / traded * 10_000 if len(known) > 1 else None
        told = {"fills": len(known), "missing": missing, "mean_bps": gained / traded * 10_000, "error_bps": error}
        points += [{"after_s": after_s} | told for after_s in times]
    whose = {"config_version": version, "by": by, "key": key, "quote_currency": "USDT"}
    return whose | {"fills": len(fills.split()), "notional_quote": notional, "points": points}


OF_FIRST = ("1 2 3 4 5 7 8 9", 1112.8, 4.8, 4.3, 3.05)
OF_SECOND = ("10", 100.8, 0.2, 0.1, 0.6)
MARKOUTS = [
    curve("first", "all", "", *OF_FIRST),
    curve("second", "all", "", *OF_SECOND),
    curve("first", "strategy", "core", *OF_FIRST),
    curve("second", "strategy", "core", *OF_SECOND),
    curve("first", "level", "0", "1 2 4 5 7 9", 655.0, 2.7, 2.5, 2.0),
    curve("first", "level", "1", "3 8", 457.8, 2.1, 1.8, 1.05),
    curve("second", "level", "0", *OF_SECOND),
    curve("first", "side", "buy", "1 4 9", 401.15, 1.55, 1.65, 1.95),
    curve("first", "side", "sell", "2 3 5 7 8", 711.65, 3.25, 2.65, 1.1),
    curve("second", "side", "buy", *OF_SECOND),
    curve("first", "hour", "22", *OF_FIRST),  # T0 is 22:13:20
    curve("second", "hour", "23", *OF_SECOND),
]


def spread(version: str, level: int, fills: str, two_sided: str) -> dict[str, Any]:
    """Each in basis points of the mid, weighted by what was traded; twice what was gained, as for a way in and out."""
    numbers = fills.split()

    def mean(of: dict[str, float]) -> float:
        return sum(WORTH[number][0] * bps for number, bps in of.items()) / sum(WORTH[number][0] for number in of)

    def gained(column: int) -> dict[str, float]:
        told = {number: WORTH[number][column] for number in numbers}
        return {number: 20_000 * float(each) / AT_MID[number][0] for number, each in told.items() if each != "-"}

    after = []
    for column, (_, times) in enumerate(TIMES[1:], start=SOON):
        realised = gained(column)
        effective = {number: gained(ONCE)[number] for number in realised}
        told = {"fills": len(realised), "effective_bps": mean(effective), "realised_bps": mean(realised)}
        told["impact_bps"] = mean(effective) - mean(realised)
        after += [{"after_s": after_s} | told for after_s in times]
    quoted = mean({number: 10_000 * AT_MID[number][1] for number in numbers})
    own = mean({number: 10_000 * AT_MID[number][2] for number in two_sided.split()})
    whose = {"config_version": version, "strategy": "core", "level": level, "quote_currency": "USDT"}
    whose |= {"fills": len(numbers), "two_sided": len(two_sided.split()), "own_quoted_bps": own}
    return whose | {"with_mid": len(numbers), "quoted_bps": quoted, "effective_bps": mean(gained(ONCE)), "after": after}


SPREADS = [
    spread("first", 0, "1 2 4 5 7 9", two_sided="1 2 5 7 9"),
    spread("first", 1, "3 8", two_sided="3 8"),
    spread("second", 0, "10", two_sided="10"),
]

# --- Latency, obligations, resilience -----------------------------------------------------------------------------


def latency(version: str, request: str, intent: str, times: list[float], refused: int, unanswered: int) -> Any:
    """Of one or two times the median is the shorter, and every higher quantile the longer."""
    whose = {"config_version": version, "strategy": "core", "request": request, "intent": intent}
    high = dict.fromkeys(("p95_ms", "p99_ms", "max_ms"), times[-1])
    told = {"working": len(times), "p50_ms": times[0]}
    return whose | told | high | {"refused": refused, "unanswered": unanswered}


LATENCY = [
    latency("first", "amend", "quote", [4.0, 9.0], 1, 0),
    latency("first", "place", "quote", [5.0, 7.0], 1, 1),
    latency("first", "place", "refill", [20.0, 30.0], 0, 0),
    latency("second", "place", "quote", [8.0, 12.0], 0, 0),
]
OBLIGATIONS = [
    {
        "config_version": "first",
        "strategy": "core",
        "instrument": LINEAR.name,
        "owed": {"max_spread_bps": 50.0, "min_depth_quote": D(20_000), "min_uptime_pct": 95.0},
        "days": 2,  # on the first it was 93.3 %, on the second it did not trade
        "short_days": 1,
        "hours": 3,
        "short_hours": 1,
        "traded_ns": 5_400 * SECOND,
        "met_ns": 5_040 * SECOND,
        "met_pct": 100 * 5_040 / 5_400,
        "is_enough": False,
        "breaches": 1,
        "longest_breach_ns": 360 * SECOND,
    }
]
TAUS = ("0.1s", "0.5s", "1s", "2s", "5s", "10s", "30s")


def swept(band_bps: float, resilience: dict[str, Any]) -> dict[str, Any]:
    whose = {"config_version": "first", "venue": "venue", "instrument": LINEAR.name, "band_bps": band_bps}
    return whose | {"day": T0 // (24 * HOUR) * 24 * HOUR, "resilience": resilience}


def by_time(numbers: list[float]) -> dict[str, float]:
    return dict(zip((*TAUS, "60s"), numbers, strict=False))


def seen(back: list[int], t90_by: list[int]) -> dict[str, int]:
    """On how many sweeps each number rests that is told by time."""
    told = {f"back {time}": count for time, count in zip(TAUS, back, strict=True)}
    return told | {f"t90_by {time}": count for time, count in zip((*TAUS, "60s"), t90_by, strict=True)}


# One minus what is back falls as exp(-rho t). Slope through nothing, over the times at which 5 % to 80 % are back: of
# both sweeps 0.375, 0.5, 0.5, 0.75 after 0.5, 1, 2 and 5 s; of the second alone a half after 0.5, 1 and 2 s; of the
# first alone 0.25, 0.5, 0.5, 0.75.
WEIGHT = 0.5**2 + 1**2 + 2**2 + 5**2
RHO = (-0.5 * log(0.625) + 3 * log(2) + 5 * log(4)) / WEIGHT
RHO_FIRST = (-0.5 * log(0.75) + 3 * log(2) + 5 * log(4)) / WEIGHT
RHO_SECOND = 3.5 * log(2) / 5.25
# Two sweeps are drawn as twice the one, twice the other, or both, so an interval is from the least to the most of that;
# there is none where all of them say the same.
INTERVALS = {
    "back 0.5s": [0.25, 0.5],
    "rho_per_s": [RHO_FIRST, RHO_SECOND],
    "half_life_s": [log(2) / RHO_SECOND, log(2) / RHO_FIRST],
    "flow_per_s": [0.2, 0.4],
    "t50_s": [0.5, 1.0],
    "t90_s": [10.0, None],  # the second was not seen to come back to nine tenths
}
RESILIENCE = [
    swept(
        0.0,
        {
            "sweeps": 1,
            "back": dict.fromkeys(TAUS, 1.0),
            "seen": seen([1] * 7, [1] * 8) | {"flow_per_s": 1, "own_share": 1, "rho_per_s": 0, "t50_s": 1, "t90_s": 1},
            "t50_s": 0.0,
            "t90_s": 0.1,
            "t90_by": by_time([1.0] * 8),
            "never_share": 0.0,
            "rho_per_s": None,  # it was all back at the first look
            "half_life_s": None,
            "flow_per_s": 0.1,
            "own_share": 0.75,
            "intervals": {},
        },
    ),
    swept(
        5.0,
        {
            "sweeps": 2,
            "back": by_time([0.0, 0.375, 0.5, 0.5, 0.75, 1.0, 1.0]),
            "seen": seen([2, 2, 2, 2, 1, 1, 1], [2, 2, 2, 2, 1, 1, 1, 1])
            | {"flow_per_s": 2, "own_share": 1, "rho_per_s": 1, "t50_s": 2, "t90_s": 1},
            "t50_s": 0.5,  # half of the two
            "t90_s": 10.0,  # the second is watched for 4 s, the first comes back after 10 s and is the only one left
            "t90_by": by_time([0.0] * 5 + [1.0] * 3),
            "never_share": 0.0,
            "rho_per_s": RHO,
            "half_life_s": log(2) / RHO,
            "flow_per_s": 0.3,
            "own_share": 0.5,
            "intervals": INTERVALS,
        },
    ),
]

# --- Curves -------------------------------------------------------------------------------------------------------

# After each fill, and once more when the middle is at 101.4, a minute after the last one.
EQUITY_AT = [*AT, AT[-1] + 60 * SECOND]
EQUITY = {
    "total": [1.0199, 2.43, 4.56045, 4.49054, 4.79054, 2.98654, 3.33654, 3.63687, 3.896995, 3.607075, 4.407075],
    "parts": {
        "spread": [1.0, 1.6, 3.1, 3.4, 3.8, 3.8, 3.95, 4.55, 4.8, 5.0, 5.0],
        "hedge_slippage": [0.0] * 5 + [-0.4] * 6,
        "inventory": [0.0, 0.8, 1.4, 1.0, 0.9, -0.3, -0.1, -0.4, -0.4, -0.9, -0.1],
        "fees": [0.0] * 5 + [-0.204] * 6,
        "rebates": [0.0199, 0.03, 0.06045, 0.07054, 0.07054, 0.07054, 0.07054, 0.08587, 0.095995, 0.106075, 0.106075],
        "funding": [0.0, 0.0, 0.0, 0.02, 0.02, 0.02, 0.02, 0.005, 0.005, 0.005, 0.005],
    },
}
# The middle before each fill, after those that our orders gave, and where it was when it was marked.
BEFORE = zip(EQUITY_AT, (100.0, 100.4, 101.0, 101.2, 101.3, 101.9, 102.0, 101.8, 101.5, 101.0, 101.4), strict=True)
MIDS = sorted(
    [
        *BEFORE,
        *(
            (AT[int(number) - 1] + round(after_s * SECOND), float(mid))
            for number, _, _, _, soon, late in columns(AFTER)
            for mid, times in ((soon, (0.1, 0.5, 1, 5)), (late, (10, 30, 60, 300)))
            for after_s in times
            if mid != "-"
        ),
    ]
)
IN_BNB = [-0.0001, -0.0001, -0.0003, -0.0003, -0.0003, -0.0003, -0.0003]
MARKET = WHERE | {"instrument": LINEAR.name}
CURVES = {
    "equity": [
        WHERE | {"currency": "BNB", "at": EQUITY_AT[4:], "total": IN_BNB, "parts": {"fees": IN_BNB}},
        WHERE | {"currency": "USDT", "at": EQUITY_AT} | EQUITY,
    ],
    "fills": [
        MARKET
        | {
            "price_unit": "USDT",
            "amount_unit": "ETH",
            "one_in": 1,
            "at": AT,
            "side": [1, -1, -1, 1, -1, 1, -1, -1, 1, 1],
            "price": [99.5, 101.0, 101.5, 100.9, 101.7, 102.0, 102.3, 102.2, 101.25, 100.8],
            "amount": [2.0, 1.0, 3.0, 1.0, 1.0, 4.0, 0.5, 1.5, 1.0, 1.0],
        }
    ],
    "mids": [
        MARKET
        | {
            "price_unit": "USDT",
            "at": [at for at, _ in MIDS],
            "mid": [mid for _, mid in MIDS],
        }
    ],
    "held": [
        MARKET
        | {
            "amount_unit": "ETH",
            "at": EQUITY_AT,
            "position": [2.0, 1.0, -2.0, -1.0, -2.0, 2.0, 1.5, 0.0, 1.0, 2.0, 2.0],
        }
    ],
    "presence": [
        MARKET
        | {
            "strategy": "core",
            "hour": [T0 // HOUR * HOUR + number * HOUR for number in range(3)],
            "until": [T0 // HOUR * HOUR + number * HOUR for number in range(1, 4)],
            "traded_ns": [HOUR, HOUR // 2, 0],
            "met_pct": [90.0, 100.0, None],
            "owed_pct": [95.0, 95.0, 95.0],
            "is_enough": [False, True, None],
        }
    ],
}

LIFE = {"until": None, "outcome": "", "exit_code": None, "reason": "", "may_rest": ""}
REPORT = {
    "since": T0 + SECOND,  # the first life begins
    "until": EQUITY_AT[-1],
    "fills": 10,
    "sweeps": {"stored": 3, "read": 3},
    "opening": [],
    "pnl": PNL,
    "halts": [],
    "lives": [
        WHERE | LIFE | {"config_version": "first", "since": T0 + SECOND, "outcome": "cut off"},
        WHERE | LIFE | {"config_version": "second", "since": T0 + 2_701 * SECOND},
    ],
    "performance": PERFORMANCE,
    "markouts": MARKOUTS,
    "spreads": SPREADS,
    "latency": LATENCY,
    "obligations": OBLIGATIONS,
    "resilience": RESILIENCE,
    "curves": CURVES,
}


def differences(found: Any, expected: Any, place: str = "") -> Iterator[str]:
    """Where a document is not the one that was expected."""
    match expected:
        case dict():
            if not isinstance(found, dict) or found.keys() != expected.keys():
                yield f"{place}: {found}, and not {expected}"
            else:
                for name, value in expected.items():
                    yield from differences(found[name], value, f"{place}.{name}")
        case list():
            if not isinstance(found, list) or len(found) != len(expected):
                yield f"{place}: {found}, and not {expected}"
            else:
                for number, value in enumerate(expected):
                    yield from differences(found[number], value, f"{place}[{number}]")
        case Decimal():
            if not isinstance(found, str) or D(found) != expected:
                yield f"{place}: {found}, and not {expected}"
        case float():
            if not isinstance(found, float) or not isclose(found, expected, rel_tol=1e-11, abs_tol=0):
                yield f"{place}: {found}, and not {expected}"
        case _:
            if type(found) is not type(expected) or found != expected:
                yield f"{place}: {found}, and not {expected}"


def test_every_figure_of_a_report_on_ten_fills_is_what_was_worked_out_by_hand(ledger_url: str) -> None:
    with closing(Database(ledger_url)) as database:
        ten_fills().write(database)
        report = database.read_beside(lambda one, beside: read_report(one, beside, history.account_keys(one), ALWAYS))

    assert list(differences(json.loads(msgspec.json.encode(report)), REPORT)) == []

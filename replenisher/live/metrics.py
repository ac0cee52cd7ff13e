"""The answer to `status` as Prometheus reads it: what an alarm or a panel is made of, each number under one name.

A count begins at 0 with each life, as a counter of Prometheus' may. What is not known has no sample, and so is never
taken for a zero. Why something is so is a sentence and no label: `status` says it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from replenisher.live.accepted import alarming

PREFIX = "replenisher_"
PERCENTILES = (50, 95, 99)
LADDER = ("strategy", "instrument", "side")
SIDES = {"buy": "bids", "sell": "asks"}
COUNTS = {
    "orders": "Orders placed in this life.",
    "amended": "Orders amended.",
    "canceled": "Orders canceled.",
    "expired": "Orders expired.",
    "rejected": "Orders rejected by the venue, or never sent.",
    "denied": "Orders denied by our own last look.",
    "unknown": "Places that had no answer in time.",
    "fills": "Fills.",
    "refills": "Places and amends sent to put back what a fill had eaten.",
    "slots_refilled": "Slots that a fill had emptied and that are full again.",
}

Answer = Mapping[str, Any]
Samples = Mapping[Any, Any]  # a tuple of what the labels say -> a number, as text or not, or yes or no


def families(answer: Answer) -> Iterator[Metric]:
    """What an answer to `status` says in numbers, single orders and the resilience of books aside."""
    yield up(True)
    yield InfoMetricFamily(PREFIX + "config", "What runs.", value={"version": answer["config_version"]})
    yield from _done(answer)
    yield from _resting(answer)
    yield from _shown(answer)
    yield from _held(answer)
    yield from _not_to_be_overlooked(answer)


def away(halts: int | None) -> Iterator[Metric]:
    """What is told where no daemon answers: that, and how many halts hold, as far as that is known."""
    yield up(False)
    yield halted(halts)


def up(is_up: bool) -> Metric:
    """Whether a daemon answers."""
    return _number("up", "Whether the daemon answers.", is_up)


def halted(halts: int | None) -> Metric:
    """How many halts hold, whether or not the daemon that found them still runs."""
    return _number("halts", "Halts that hold: each ends with a `resume` that says why.", halts)


def _done(answer: Answer) -> Iterator[Metric]:
    """What was done in this life."""
    yield _number("uptime_seconds", "Since this life began.", answer["uptime_s"])
    for count, meaning in COUNTS.items():
        yield CounterMetricFamily(PREFIX + count, meaning, value=answer[count])
    delays_ms = {percentile: answer[f"refill_p{percentile}_ms"] for percentile in PERCENTILES}
    seconds = {(str(each),): round(ms / 1000, 6) for each, ms in delays_ms.items() if ms is not None}
    yield _gauge("refill_seconds", "From a fill to the word that its refill works.", ("percentile",), seconds)
    about = "Refills that the percentiles of replenisher_refill_seconds are of, a thousand at most."
    yield _number("refill_samples", about, answer["refill_samples"])
    share = answer["refilled_5s_share"]
    yield _number("refilled_5s_ratio", "Of emptied slots: full again within five seconds.", share)


def _resting(answer: Answer) -> Iterator[Metric]:
    """What stands on the book."""
    yield _number("live_orders", "Orders that may rest.", answer["live_orders"])
    yield _number("in_flight", "Requests without an answer so far.", answer["in_flight"])
    yield _number("unanswered", "Requests past their deadline, and orders of unknown fate.", answer["unanswered"])
    yield _number("uncovered", "Live orders that the dead-man switch would leave.", answer["uncovered"])
    left: dict[tuple[str, ...], Decimal] = {}
    for order in answer["ladder"]:
        ladder = tuple(order[label] for label in LADDER)
        left[ladder] = left.get(ladder, Decimal(0)) + Decimal(order["amount"]) - Decimal(order["filled"])
    yield _gauge("resting_amount", "What is left of live orders, in the venue's amount.", LADDER, left)
    empty = Counter(tuple(slot[label] for label in LADDER) for slot in answer["empty_slots"])
    yield _gauge("empty_slots", "Slots that a fill has emptied and nothing has refilled yet.", LADDER, empty)
    best = {
        (instrument, side): book[levels][0]["price"]
        for instrument, book in answer["book"].items()
        for side, levels in SIDES.items()
        if book[levels]
    }
    yield _gauge("best_price", "The best of each side of the book, ours included.", ("instrument", "side"), best)
    trusted = {(instrument,): not book["distrust"] for instrument, book in answer["book"].items()}
    yield _gauge("book_trusted", "Whether there is a book to go by.", ("instrument",), trusted)


def _shown(answer: Answer) -> Iterator[Metric]:
    """What each strategy shows, and why."""
    strategy = ("strategy",)
    quoting = {(name,): not why for name, why in answer["not_quoting"].items()}
    yield _gauge("quoting", "Whether nothing keeps a strategy from quoting.", strategy, quoting)
    withheld = {(name,): bool(why) for name, why in answer["withheld"].items()}
    yield _gauge("withheld", "Whether a strategy may show less than it wants.", strategy, withheld)
    terms = {(name, term): number for name, told in answer["terms"].items() for term, number in told.items()}
    yield _gauge("term", "A number of a strategy's last decision, by its name.", ("strategy", "term"), terms)
    for family, key, meaning in (
        ("obligation_met", "is_met", "Whether a strategy's obligations are met now."),
        ("obligation_owed_pct", "min_uptime_pct", "How much of the time a strategy's obligations are to be met."),
        ("obligation_hour_pct", "hour_pct", "How much of this hour a strategy's obligations were met."),
        ("obligation_day_pct", "today_pct", "How much of today (UTC) a strategy's obligations were met."),
    ):
        met = {(name,): due[key] for name, due in answer["obligations"].items()}
        yield _gauge(family, meaning, strategy, met)


def _held(answer: Answer) -> Iterator[Metric]:
    """What is held, and what it is worth."""
    instruments = answer["instruments"]
    positions = {(name,): held["position"] for name, held in instruments.items()}
    about = "What we have of an instrument, in the venue's amount; negative is short."
    yield _gauge("position", about, ("instrument",), positions)
    owned = {(name, of): amount for name, held in instruments.items() for of, amount in held["inventory"].items()}
    about = "What a strategy has of an instrument, in the venue's amount; negative is short."
    yield _gauge("inventory", about, ("instrument", "strategy"), owned)
    marks = {(name,): held["mark"] for name, held in instruments.items()}
    yield _gauge("mark", "The price that a position is valued at.", ("instrument",), marks)
    for family, currency, meaning in (
        ("realized", "settlement_currency", "Realized P&L before fees."),
        ("fees", "settlement_currency", "Fees; negative is a rebate."),
        ("unrealized", "settlement_currency", "Unrealized P&L at the mark."),
        ("pnl", "settlement_currency", "P&L after fees, at the mark."),
        ("pnl_quote", "quote_currency", "P&L after fees, at the mark, in quote currency."),
    ):
        money = {(name, held[currency]): held[family] for name, held in instruments.items()}
        yield _gauge(family, meaning, ("instrument", "currency"), money)
    elsewhere = {(name, of): fees for name, held in instruments.items() for of, fees in held["fees_elsewhere"].items()}
    yield _gauge("fees_elsewhere", "Fees that no P&L counts.", ("instrument", "currency"), elsewhere)
    balances = {tuple(key.split("/", 1)): amount for key, amount in answer["balances"].items()}
    yield _gauge("balance", "A balance, by the venue's word.", ("venue", "currency"), balances)


def _not_to_be_overlooked(answer: Answer) -> Iterator[Metric]:
    """What an operator should be woken for."""
    yield halted(len(answer["halts"]))
    yield _number("pauses", "Pauses that hold.", len(answer["pauses"]))
    synced = {(venue,): stage == "synced" for venue, stage in answer["sync"].items()}
    yield _gauge("synced", "Whether the session with a venue is in sync.", ("venue",), synced)
    armed = {(venue,): switch == "armed" for venue, switch in answer["dead_man_switch"].items()}
    yield _gauge("dead_man_switch_armed", "Whether the venue cancels when we are gone.", ("venue",), armed)
    lease, rows = answer["lease"], answer["rows"]
    yield _number("lease_held", "Whether the accounts are ours to trade on.", lease["is_held"])
    yield _number(
        "lease_left_seconds", "For how long the accounts are ours, unless the lease is renewed.", lease["left_s"]
    )
    yield _number("rows_wait", "Whether rows wait for the database.", bool(rows["error"]))
    yield _number("rows_behind_bytes", "Bytes of the journal that are no rows yet.", rows["behind_bytes"])
    about = "Days whose statement leaves something, and that nobody has accepted."
    yield _number("statements_not_explained", about, len(alarming(answer["statements"])))
    yield _number("lines_lost", "Lines of the log that found no room.", answer["lines_lost"])
    yield _number("stopping", "Whether a stop was asked for.", answer["stop"] is not None)


def _number(name: str, meaning: str, value: Any) -> Metric:
    """One sample without labels."""
    return _gauge(name, meaning, (), {(): value})


def _gauge(name: str, meaning: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    """Samples by what their labels say; of what is None there is none."""
    metric = GaugeMetricFamily(PREFIX + name, meaning, labels=labels)
    for said, value in samples.items():
        if value is not None:
            metric.add_metric(said, float(value))
    return metric

"""The answer to `status` as Prometheus reads it: what an alarm or a panel is made of, each number under one name.

A count begins at 0 with each life, as a counter of Prometheus' may. What is not known has no sample, and so is never
taken for a zero. Why something is so is a sentence and no label: `status` says it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from replenisher.live.stated import Outcome

PREFIX = "replenisher_"
PERCENTILES = (50, 95, 99)
STRATEGY, INSTRUMENT, VENUE = ("strategy",), ("instrument",), ("venue",)
LADDER = ("strategy", "instrument", "side")
SIDES = {"buy": "bids", "sell": "asks"}

Answer = Mapping[str, Any]
Samples = Iterable[tuple[tuple[str, ...], Any]]  # what the labels say, and a number, as text or not, or yes or no
Reader = Callable[[Answer], Samples]


class Family(NamedTuple):
    """One name, and how its samples are found in an answer to `status`; None is what is not known."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Reader
    kind: type[GaugeMetricFamily | CounterMetricFamily] = GaugeMetricFamily

    def read(self, answer: Answer) -> Metric:
        """All its samples as of this answer."""
        metric = self.kind(PREFIX + self.name, self.help, labels=self.labels)
        for labels, value in self.samples(answer):
            if value is not None:
                metric.add_metric(labels, float(value))
        return metric


def families(answer: Answer) -> Iterator[Metric]:
    """What an answer to `status` says in numbers, single orders and the resilience of books aside."""
    yield up(True)
    yield InfoMetricFamily(PREFIX + "config", "What runs.", value={"version": answer["config_version"]})
    for family in FAMILIES:
        yield family.read(answer)


def up(is_up: bool) -> Metric:
    """Whether a daemon answers: all that is told of one that does not."""
    return GaugeMetricFamily(PREFIX + "up", "Whether the daemon answers.", value=float(is_up))


# --- Where the samples are ---------------------------------------------------------------------------------------


def _only(of: Callable[[Answer], Any]) -> Reader:
    return lambda answer: [((), of(answer))]


def _at(key: str) -> Reader:
    return _only(lambda answer: answer[key])


def _each(key: str, of: Callable[[Any], Any]) -> Reader:
    """One sample for each name under `key`."""
    return lambda answer: [((name,), of(told)) for name, told in answer[key].items()]


def _inner(key: str, of: Callable[[Any], Mapping[str, Any]]) -> Reader:
    """One sample for each name under each name under `key`."""
    return lambda answer: [
        ((name, inner), value) for name, told in answer[key].items() for inner, value in of(told).items()
    ]


def _money(key: str, currency: str = "settlement_currency") -> Reader:
    return lambda answer: [((name, told[currency]), told[key]) for name, told in answer["instruments"].items()]


def _refill_seconds(answer: Answer) -> Samples:
    for percentile in PERCENTILES:
        delay_ms = answer[f"refill_p{percentile}_ms"]
        yield (str(percentile),), None if delay_ms is None else round(delay_ms / 1000, 6)


def _resting(answer: Answer) -> Samples:
    left: dict[tuple[str, ...], Decimal] = {}
    for order in answer["ladder"]:
        ladder = tuple(order[label] for label in LADDER)
        left[ladder] = left.get(ladder, Decimal(0)) + Decimal(order["amount"]) - Decimal(order["filled"])
    return left.items()


def _eaten(answer: Answer) -> Samples:
    return Counter(tuple(slot[label] for label in LADDER) for slot in answer["empty_slots"]).items()


def _best_prices(book: Answer) -> dict[str, str]:
    return {side: book[levels][0]["price"] for side, levels in SIDES.items() if book[levels]}


def _balances(answer: Answer) -> Samples:
    return [(tuple(key.split("/", 1)), amount) for key, amount in answer["balances"].items()]


def _alarms(answer: Answer) -> int:
    return sum(day["outcome"] == Outcome.NOT_EXPLAINED and not day["accepted"] for day in answer["statements"])


def _count(name: str, help: str) -> Family:
    return Family(name, help, (), _at(name), CounterMetricFamily)


FAMILIES = (
    # What was done in this life.
    Family("uptime_seconds", "Since this life began.", (), _at("uptime_s")),
    _count("orders", "Orders placed in this life."),
    _count("amended", "Orders amended."),
    _count("canceled", "Orders canceled."),
    _count("expired", "Orders expired."),
    _count("rejected", "Orders rejected by the venue, or never sent."),
    _count("denied", "Orders denied by our own last look."),
    _count("unknown", "Places that had no answer in time."),
    _count("fills", "Fills."),
    _count("refills", "Places and amends sent to put back what a fill had eaten."),
    _count("slots_refilled", "Slots that a fill had emptied and that are full again."),
    Family("refill_seconds", "From a fill to the word that its refill works.", ("percentile",), _refill_seconds),
    Family("refilled_5s_ratio", "Of emptied slots: full again within five seconds.", (), _at("refilled_5s_share")),
    # What stands.
    Family("live_orders", "Orders that may rest.", (), _at("live_orders")),
    Family("in_flight", "Requests without an answer so far.", (), _at("in_flight")),
    Family("unanswered", "Requests past their deadline, and orders of unknown fate.", (), _at("unanswered")),
    Family("uncovered", "Live orders that the dead-man switch would leave.", (), _at("uncovered")),
    Family("resting_amount", "What is left of live orders, in the venue's amount.", LADDER, _resting),
    Family("empty_slots", "Slots that a fill has emptied and nothing has refilled yet.", LADDER, _eaten),
    Family(
        "best_price",
        "The best of each side of the book, ours included.",
        (*INSTRUMENT, "side"),
        _inner("book", _best_prices),
    ),
    Family("book_trusted", "Whether there is a book to go by.", INSTRUMENT, _each("book", lambda b: not b["distrust"])),
    # What each strategy shows, and why.
    Family(
        "quoting", "Whether nothing keeps a strategy from quoting.", STRATEGY, _each("not_quoting", lambda why: not why)
    ),
    Family("withheld", "Whether a strategy may show less than it wants.", STRATEGY, _each("withheld", bool)),
    Family(
        "term",
        "A number of a strategy's last decision, by its name.",
        (*STRATEGY, "term"),
        _inner("terms", lambda terms: terms),
    ),
    Family(
        "obligation_met",
        "Whether a strategy's obligations are met now.",
        STRATEGY,
        _each("obligations", lambda due: due["is_met"]),
    ),
    Family(
        "obligation_hour_pct",
        "How much of this hour they were met.",
        STRATEGY,
        _each("obligations", lambda due: due["hour_pct"]),
    ),
    Family(
        "obligation_day_pct",
        "How much of today (UTC) they were met.",
        STRATEGY,
        _each("obligations", lambda due: due["today_pct"]),
    ),
    # What is held.
    Family(
        "position",
        "What we have of an instrument, in the venue's amount; negative is short.",
        INSTRUMENT,
        _each("instruments", lambda told: told["position"]),
    ),
    Family(
        "inventory",
        "What of that belongs to a strategy.",
        (*INSTRUMENT, *STRATEGY),
        _inner("instruments", lambda told: told["inventory"]),
    ),
    Family(
        "mark", "The price that a position is valued at.", INSTRUMENT, _each("instruments", lambda told: told["mark"])
    ),
    Family("realized", "Realized P&L before fees.", (*INSTRUMENT, "currency"), _money("realized")),
    Family("fees", "Fees; negative is a rebate.", (*INSTRUMENT, "currency"), _money("fees")),
    Family("unrealized", "Unrealized P&L at the mark.", (*INSTRUMENT, "currency"), _money("unrealized")),
    Family("pnl", "P&L after fees, at the mark.", (*INSTRUMENT, "currency"), _money("pnl")),
    Family(
        "pnl_quote", "The same in quote currency.", (*INSTRUMENT, "currency"), _money("pnl_quote", "quote_currency")
    ),
    Family("balance", "A balance, by the venue's word.", (*VENUE, "currency"), _balances),
    # What must not be overlooked.
    Family(
        "halts",
        "Halts that hold: each ends with a `resume` that says why.",
        (),
        _only(lambda answer: len(answer["halts"])),
    ),
    Family("pauses", "Pauses that hold.", (), _only(lambda answer: len(answer["pauses"]))),
    Family(
        "synced", "Whether the session with a venue is in sync.", VENUE, _each("sync", lambda stage: stage == "synced")
    ),
    Family(
        "dead_man_switch_armed",
        "Whether the venue cancels when we are gone.",
        VENUE,
        _each("dead_man_switch", lambda switch: switch == "armed"),
    ),
    Family(
        "lease_held", "Whether the accounts are ours to trade on.", (), _only(lambda answer: answer["lease"]["is_held"])
    ),
    Family(
        "lease_left_seconds",
        "For how long they are, unless that is renewed.",
        (),
        _only(lambda answer: answer["lease"]["left_s"]),
    ),
    Family("rows_wait", "Whether rows wait for the database.", (), _only(lambda answer: bool(answer["rows"]["error"]))),
    Family(
        "rows_behind_bytes",
        "Bytes of the journal that are no rows yet.",
        (),
        _only(lambda answer: answer["rows"]["behind_bytes"]),
    ),
    Family(
        "statements_not_explained",
        "Days whose statement leaves something, and that nobody has accepted.",
        (),
        _only(_alarms),
    ),
    Family("lines_lost", "Lines of the log that found no room.", (), _at("lines_lost")),
    Family("stopping", "Whether a stop was asked for.", (), _only(lambda answer: answer["stop"] is not None)),
)

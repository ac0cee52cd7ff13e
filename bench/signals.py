"""What each signal costs: `python -m bench.signals [--json]`.

The machines are told a recorded market, touches, trades and the book, as an engine would tell them, and asked for their
value after every event. An event is one change of the book or one trade, whether a machine hears of it or not. Orders
of ours rest near the touch, three a side as the shipped `glft` has, so a machine that looks at the book also pays for
their being left out of it. Each cost is the best of many short rounds, in the time of the processor, less that of the
same loop with a machine that does nothing, and 0 where it cannot be told from that; the rounds of all machines
alternate, so that nobody has the quiet moments for himself. What looks below the touch costs more the more levels it
looks at: of multi-level order flow, all of whose components are read off one machine, the cost of each further level is
printed by itself.

The recording is Binance's BTCUSDT perpetual below REPLENISHER_TEST_DATA; without it a seeded market takes its place.
What the shipped `glft` uses is told and asked as one set, as an engine has it: that is to be under 3 us an event, and
the exit code says whether it was.

What is printed, with `--json` as one document:
    {"market", "events", "touches", "trades": what was told, "rounds",
     "signals": {specification: {"told_ns", "asked_ns": for each event}},
     "vector": {"levels", "told_ns", "asked_ns": for all components of multi-level order flow, "level_ns": told,
                for each level beyond the first},
     "glft_us": for each event of all that glft uses, told and asked, "glft_us_max": what was asked for, "is_reached",
     "values": what each signal says at the end, "hash": of these; one market has one}
"""

import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.fingerprint import fingerprint
from bench.progress import Progress
from bench.tape import parser, read
from replenisher.config import load
from replenisher.core.book import Book, Touch
from replenisher.core.own_size import OwnSize
from replenisher.core.signals.depth import DepthImbalance, PriceBehind, Vamp, VampOfSize, WeightedDepth
from replenisher.core.signals.flow import LevelFlow, OrderFlowImbalance, TradeImbalance, Vpin
from replenisher.core.signals.intensity import ArrivalDecay, ArrivalRate
from replenisher.core.signals.ranges import GarmanKlassVolatility, ParkinsonVolatility, RogersSatchellVolatility
from replenisher.core.signals.signal import SignalSpec
from replenisher.core.signals.spreads import EffectiveSpread, RealizedSpread
from replenisher.core.signals.stoikov import StoikovTable
from replenisher.core.signals.touch import Microprice, Mid, WeightedMid
from replenisher.core.signals.volatility import BipowerVolatility, TwoScaleVolatility, Volatility
from replenisher.core.watch import Watch
from replenisher.exchange.recorded import recorded_instrument
from replenisher.model.event import BookChanged, BookSnapshot, Level, TradePrinted
from replenisher.model.instrument import AmountUnit, Instrument
from replenisher.model.order import BUY, SELL
from replenisher.model.units import MS_NS, SECOND_NS, US_NS
from replenisher.wiring.setup import setup_of

GLFT = Path(__file__).parent.parent / "configs" / "glft.yaml"
ASKING = "bench"  # what asks for all of them
TABLE = StoikovTable(edges=(0.2, 0.4, 0.6, 0.8), adjustments=((-0.3, -0.1, 0.0, 0.1, 0.3),))
SIGNALS: tuple[SignalSpec, ...] = (
    Mid(),
    WeightedMid(),
    Microprice(),
    Microprice(TABLE),
    Vamp(levels=5),
    VampOfSize(amount=Decimal(2)),
    WeightedDepth(levels=5),
    DepthImbalance(levels=5),
    PriceBehind(side=BUY, amount=Decimal(2), unit=AmountUnit.BASE),
    OrderFlowImbalance(window_s=60),
    LevelFlow(window_s=60, level=1, levels=1),
    TradeImbalance(window_s=60),
    Vpin(bucket=Decimal(10)),
    Volatility(window_s=60),
    ArrivalRate(window_s=300),
    ArrivalDecay(window_s=300),
    BipowerVolatility(window_s=60),
    TwoScaleVolatility(window_s=60),
    ParkinsonVolatility(window_s=60),
    GarmanKlassVolatility(window_s=60),
    RogersSatchellVolatility(window_s=60),
    EffectiveSpread(window_s=60),
    RealizedSpread(window_s=60, horizon_s=1),
)
LEVELS = 10
VECTOR = tuple(LevelFlow(window_s=60, level=level, levels=LEVELS) for level in range(1, LEVELS + 1))
GLFT_US_MAX = 3.0
LEVELS_KEPT = 50  # of each side, in the books that are shown: the deepest that a machine looks here
OWN_PLACES = (0, 2, 4)  # behind the touch, in levels, where orders of ours rest on each side
ECHO_NS = 250 * MS_NS  # after which what the book shows contains what we were told
SYNTHETIC_EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class Event:
    """One change of the book or one trade, as machines are told it: a touch only if it is another one."""

    venue_time: int
    trade: TradePrinted | None = None
    touch: Touch | None = None
    book: Book | None = None
    own: OwnSize | None = None  # what of that book is ours


@dataclass(frozen=True, slots=True)
class Market:
    """What is told."""

    name: str
    instrument: Instrument
    events: list[Event]


def recorded(path: Path) -> Market:
    """The recording, as machines are told it."""
    tape = read(path)
    events: list[Event] = []
    book, last = Book(), None
    for fact in tape.facts:
        match fact:
            case TradePrinted():
                events.append(Event(fact.venue_time, trade=fact))
                continue
            case BookSnapshot():
                book.replace(fact.bids, fact.asks, fact.venue_time, fact.at)
            case BookChanged():
                book.change(fact.bids, fact.asks, fact.venue_time, fact.at)
        last = show(events, book.bids.levels(LEVELS_KEPT), book.asks.levels(LEVELS_KEPT), fact.venue_time, last)
    return Market(path.name, tape.instrument, events)


def synthetic(seed: int = 1) -> Market:
    """A market that walks by chance, about as busy as the recording."""
    chance = random.Random(seed)
    instrument = recorded_instrument("bench", Decimal("0.1"), Decimal("0.001"))
    events: list[Event] = []
    now, bid, last = 1_000 * SECOND_NS, 600_000, None
    for number in range(SYNTHETIC_EVENTS):
        now += chance.randrange(25) * MS_NS
        if last is None or number % 4 == 0:
            bid += chance.choice((-2, -1, 0, 0, 0, 1, 2))
            bids = [(bid - behind, chance.randrange(1, 9_000)) for behind in range(LEVELS_KEPT)]
            asks = [(bid + 1 + behind, chance.randrange(1, 9_000)) for behind in range(LEVELS_KEPT)]
            last = show(events, bids, asks, now, last)
        else:
            taker, beyond = chance.choice((BUY, SELL)), int(chance.expovariate(1.0))
            trade = TradePrinted(
                at=now,
                instrument=instrument.key,
                venue_time=now,
                trade_id=str(number),
                price=last.ask + beyond if taker is BUY else last.bid - beyond,
                quantity=chance.randrange(1, 500),
                taker=taker,
            )
            events.append(Event(now, trade=trade))
    return Market("synthetic", instrument, events)


def show(
    events: list[Event], bids: Sequence[Level], asks: Sequence[Level], venue_time: int, last: Touch | None
) -> Touch:
    """One more change of the book, and the touch that stands from then on."""
    book = Book()
    book.replace(bids, asks, venue_time, venue_time)
    touch = Touch(*bids[0], *asks[0])
    own = resting([bids[place] for place in OWN_PLACES], [asks[place] for place in OWN_PLACES], book, venue_time)
    events.append(Event(venue_time, touch=None if touch == last else touch, book=book, own=own))
    return touch


def resting(bids: Sequence[Level], asks: Sequence[Level], book: Book, venue_time: int) -> OwnSize:
    """One lot of ours at each of these levels, for long enough to be surely there."""
    own, since = OwnSize(ECHO_NS), venue_time - 2 * ECHO_NS
    for side, levels in ((BUY, bids), (SELL, asks)):
        for price, _ in levels:
            order_id = f"{side} {price}"
            own.sent(order_id, side, price, 1, book, since)
            own.rests(order_id, side, price, 1, book, since, since)
    return own


def play(specs: Sequence[SignalSpec], market: Market, *, asks: bool) -> tuple[float, Watch]:
    """The seconds that it takes to tell a watch everything, and to ask each number after every event; and the watch."""
    watch = Watch({ASKING: {repr(spec): spec for spec in specs}}, market.instrument)
    begun = time.process_time()
    for event in market.events:
        if event.trade is not None:
            watch.saw_trade(event.trade)
        else:
            assert event.book is not None and event.own is not None, "an event is one or the other"
            if event.touch is not None:
                watch.saw_touch(event.touch, event.venue_time)
            watch.saw_book(event.book, event.own, event.venue_time)
        if asks:
            watch.values(ASKING, event.venue_time)
    return time.process_time() - begun, watch


def measure(market: Market, rounds: int) -> dict[str, Any]:
    """All that is found."""
    (glft,) = setup_of(load(GLFT)).strategies
    cases: dict[str, Sequence[SignalSpec]] = {"nothing": (), "glft": tuple(glft.signals.values()), "vector": VECTOR}
    cases |= {repr(spec): (spec,) for spec in SIGNALS}
    best = {(name, asks): float("inf") for name in cases for asks in (False, True)}
    values: dict[str, float | None] = {}
    progress = Progress()
    end = market.events[-1].venue_time
    for number in range(rounds):
        for name, specs in cases.items():
            for asks in (False, True):
                seconds, watch = play(specs, market, asks=asks)
                best[name, asks] = min(best[name, asks], seconds)
            if name in map(repr, specs):
                values |= watch.values(ASKING, end)
        progress.say(f"round {number + 1} of {rounds}")

    def ns(name: str, asks: bool) -> float:
        return (best[name, asks] - best["nothing", asks]) / len(market.events) * SECOND_NS

    def costs(name: str) -> dict[str, int]:
        told = ns(name, False)
        return {"told_ns": max(0, round(told)), "asked_ns": max(0, round(ns(name, True) - told))}

    (of_one,) = (repr(spec) for spec in SIGNALS if isinstance(spec, LevelFlow))
    level_ns = max(0, round((ns("vector", False) - ns(of_one, False)) / (LEVELS - 1)))
    glft_us = round(ns("glft", True) / US_NS, 3)
    return {
        "market": market.name,
        "events": len(market.events),
        "touches": sum(event.touch is not None for event in market.events),
        "trades": sum(event.trade is not None for event in market.events),
        "rounds": rounds,
        "signals": {name: costs(name) for name in map(repr, SIGNALS)},
        "vector": {"levels": LEVELS, **costs("vector"), "level_ns": level_ns},
        "glft_us": glft_us,
        "glft_us_max": GLFT_US_MAX,
        "is_reached": glft_us < GLFT_US_MAX,
        "values": values,
        "hash": fingerprint(repr(values).encode()),
    }


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    rows = [
        f"{costs['told_ns']:>8,} {costs['asked_ns']:>8,}  {name} = {found['values'][name]}"
        for name, costs in found["signals"].items()
    ]
    vector = found["vector"]
    return "\n".join(
        [
            f"{found['market']}: {found['events']:,} events, of which {found['touches']:,} move the touch "
            f"and {found['trades']:,} are trades; the best of {found['rounds']} rounds",
            f"{'told ns':>8} {'asked ns':>8}  an event",
            *rows,
            f"{vector['told_ns']:>8,} {vector['asked_ns']:>8,}  all {vector['levels']} components of LevelFlow, "
            f"{vector['level_ns']:,} for each level beyond the first",
            f"glft: {found['glft_us']} us an event for all that it uses, told and asked; hash {found['hash']}",
            f"below {found['glft_us_max']:g} us: {'yes' if found['is_reached'] else 'no'}",
        ]
    )


def main(words: Sequence[str] | None = None) -> int:
    """Read, play, print."""
    understood = parser("signals", "What each signal costs an event.", "; else a synthetic market")
    understood.add_argument("--rounds", type=int, default=10, metavar="N", help="how often each is measured (10)")
    chosen = understood.parse_args(words)
    if chosen.rounds < 1:
        understood.error("--rounds must be 1 or more")
    market = synthetic() if chosen.tape is None else recorded(chosen.tape)
    market = Market(market.name, market.instrument, market.events[: chosen.events])
    found = measure(market, chosen.rounds)
    print(json.dumps(found, indent=2) if chosen.json else table(found))
    return 0 if found["is_reached"] else 1


if __name__ == "__main__":
    sys.exit(main())

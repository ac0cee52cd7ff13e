from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from replenisher.backtest.connection import ROUND_TRIPS
from replenisher.config import Config
from replenisher.errors import ConfigurationError
from replenisher.exchange import ledger
from replenisher.model.command import AmendOrder, PlaceOrder
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, InstrumentDefined, TradePrinted
from replenisher.model.order import Side
from replenisher.model.step import Step
from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.run import START
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.standing import Standing
from replenisher.store.tape.writer import TapeWriter
from replenisher.wiring.tapes import facts_of, opened
from tests.backtest.given import Happened, Jitter, config_of, fills_of, heard, lived, replayed, written
from tests.store import tapes

LADDER = {
    "id": "core",
    "venue": "deribit",
    "instrument": "BTC-PERPETUAL",
    "size_unit": "quote",
    "order_amount": 1000,
    "order_levels": 3,
    "level_spacing_bps": 4,
    "inventory": {"skew": "both", "skew_factor": 0.5},
    "fair_value": {"source": "mid"},
    "refill": {"mode": "per_level", "delay_s": 0, "max_per_minute": 30},
    "amend": "auto",
}
BTCUSDT = "binance_l2/usdm_btcusdt_20240808.jsonl.gz"


@pytest.mark.parametrize("name", ["paper.yaml", "simulate.yaml", "glft.yaml", "avellaneda_stoikov.yaml"])
def test_a_replay_of_an_order_flow_is_the_daemon_on_virtual_time_fill_for_fill(name: str, tmp_path: Path) -> None:
    config = config_of(name, seed=11)

    replay, life = replayed(config, 45), lived(config, 45, tmp_path)

    assert fills_of(life) > 0
    assert replay == life


def test_so_it_is_where_requests_wait_for_credits(tmp_path: Path) -> None:
    """The quotes follow each move of the touch, which takes more than the 30 requests a second that there are."""
    quick = {"strategy": "top_of_book", "placement": "improve", "spread_bps": 3, "order_refresh_tolerance_bps": 0.2}
    config = config_of("paper.yaml", strategies=[{**LADDER, **quick}], seed=1)

    replay, life = replayed(config, 33), lived(config, 33, tmp_path)

    assert sum(isinstance(record, ledger.Amended) for record in life) > 25 * 33
    assert replay == life


@pytest.mark.parametrize("way_ms", [3, 40])
def test_so_it_is_with_latency_once_the_session_stands(way_ms: int, tmp_path: Path) -> None:
    config = config_of("paper.yaml", seed=11, latency={"request_ms": way_ms, "response_ms": way_ms})
    way_ns = way_ms * MS_NS
    ways = 2 * ROUND_TRIPS - 1  # until the venue knows that it does

    replay, life = replayed(config, 20, opens_at=START + ways * way_ns), lived(config, 20, tmp_path, way_ns)

    assert fills_of(life) > 10
    assert replay == life


def test_several_instruments_halts_funding_and_settlements_are_replayed_as_they_are_lived(tmp_path: Path) -> None:
    config = config_of("simulate-wide.yaml")

    replay, life = replayed(config, 260), lived(config, 260, tmp_path)

    assert fills_of(life) > 3
    assert replay == life


def test_a_replay_of_a_recording_is_the_daemon_on_virtual_time_fill_for_fill(
    recordings: Callable[[str], Path], tmp_path: Path
) -> None:
    config, whole_s = config_of("replay.yaml", recordings(BTCUSDT)), 345

    replay, life = replayed(config, whole_s), lived(config, whole_s, tmp_path)

    assert fills_of(life) > 600
    assert replay == life


def test_what_is_marked_at_a_fill_is_what_the_daemon_marks(recordings: Callable[[str], Path], tmp_path: Path) -> None:
    """Where the others stood, and what we showed ourselves."""
    config = config_of("replay.yaml", recordings(BTCUSDT))
    steps: list[Step] = []

    replayed(config, 30, steps)
    lived(config, 30, tmp_path)

    marks, theirs = (
        [m for s in each for m in s.marks if not m.mids] for each in (steps, written(tmp_path / "journal"))
    )
    assert len(marks) > 10
    assert all(mark.own_bid is not None and mark.own_ask is not None for mark in marks)
    assert marks == theirs


def test_nothing_rests_where_the_recorder_of_a_tape_did_not_run(tmp_path: Path) -> None:
    """It recorded for a minute, and again for one 200 s after its beginning."""
    begin, again = tapes.START, tapes.START + 200 * SECOND_NS
    defined = InstrumentDefined(at=begin, instrument=tapes.LINEAR)
    path = tapes.written(tmp_path / "gap.tape", [defined, *tapes.linear_minute(begin)])
    writer = TapeWriter.append(path, again)
    for fact in tapes.linear_minute(again):
        writer.write(fact)
    writer.close()

    replay = replayed(config_of("replay.yaml", path), 240)  # the book is asked for again every so often

    ended, resumed = START + 59 * SECOND_NS, START + 200 * SECOND_NS
    placed = {record.order_id: record.at for record in replay if isinstance(record, ledger.Order)}
    first = {order_id for order_id, at in placed.items() if at < resumed}
    closed_at = {record.order_id: record.at for record in replay if isinstance(record, ledger.Closed)}
    assert len(first) > 1 and len(placed) > len(first)
    assert max(closed_at[order_id] for order_id in first) == ended


ALONE = {
    "strategy": "pure_mm",
    "id": "core",
    "venue": "deribit",
    "instrument": "BTC_USDT-PERPETUAL",
    "size_unit": "quote",
    "order_amount": 1000,
    "order_levels": 5,
    "level_spacing_bps": 1,
    "bid_spread_bps": 1,
    "ask_spread_bps": 1,
    "fair_value": {"source": "fixed", "price": 61_700.0, "when_alone": "quote"},
}
GAPS_S = [(20.0, 20.1), (40.0, 52.0), (80.0, 84.0), (200.0, 245.0)]  # shorter and longer than it takes to ask again


def test_a_gap_of_a_tape_is_a_lost_feed_in_a_replay_as_in_the_daemon_on_virtual_time(tmp_path: Path) -> None:
    """Takers reach all that rests every few seconds, also while the recorder did not hear them."""
    key, begin = tapes.LINEAR.key, tapes.START
    market: list[TapeFact] = [InstrumentDefined(at=begin, instrument=tapes.LINEAR)]
    for minute in range(5):
        market += tapes.linear_minute(begin + 60 * minute * SECOND_NS)
    for number in range(145):
        at, taker = begin + 2 * number * SECOND_NS + SECOND_NS // 3, list(Side)[number % 2]
        price = 600_000 + 1000 * taker.sign
        market.append(
            TradePrinted(
                at=at, instrument=key, venue_time=at, trade_id=f"t{number}", price=price, quantity=50, taker=taker
            )
        )
    whole = tapes.written(tmp_path / "whole.tape", sorted(market, key=lambda fact: fact.at))

    goes_through_gaps_alike(whole, tmp_path, [(20.5, 20.9), (40.5, 51.9), (80.5, 83.9), (200.5, 244.9)])


@pytest.mark.parametrize(("strategies", "way_ms"), [(None, 0), ([ALONE], 0), (None, 40)])
def test_so_it_is_on_a_recording(
    strategies: list[dict[str, object]] | None, way_ms: int, recordings: Callable[[str], Path], tmp_path: Path
) -> None:
    """Nobody quotes through a gap, also not who would do so where the others have left."""
    goes_through_gaps_alike(recordings(BTCUSDT), tmp_path, GAPS_S, strategies, way_ms)


def goes_through_gaps_alike(
    whole: Path,
    room: Path,
    gaps_s: Sequence[tuple[float, float]],
    strategies: list[dict[str, object]] | None = None,
    way_ms: int = 0,
) -> None:
    """Replay and daemon lose their book in each gap of a market, and nothing is asked for or filled in one."""
    path = with_gaps(whole, room / "gaps.tape", gaps_s)
    latency = {"request_ms": way_ms, "response_ms": way_ms}
    config = config_of("replay.yaml", path, strategies=strategies, latency=latency, keeps_market=True)
    ways_ns = (2 * ROUND_TRIPS - 1) * way_ms * MS_NS
    steps: list[Step] = []

    replay = replayed(config, 300, steps, opens_at=START + ways_ns)
    life = lived(config, 300, room, way_ms * MS_NS)

    books = sightings(steps)
    assert len(books) > 2 * len(gaps_s)
    assert books == sightings(written(room / "journal"))
    assert fills_of(life) > 20
    assert replay == life
    for begin_s, end_s in gaps_s:
        begin, end = (START + round(second * SECOND_NS) for second in (begin_s, end_s))
        hears_at = begin + way_ms * MS_NS
        assert not [each for each in life if isinstance(each, ledger.Trade) and begin < each.at < end]
        in_gap = [step for step in steps if hears_at <= step.at < end]
        assert not [each for step in in_gap for each in step.commands if isinstance(each, PlaceOrder | AmendOrder)]


def test_a_book_counts_from_when_we_hear_it_in_a_replay_as_in_the_daemon(
    recordings: Callable[[str], Path], tmp_path: Path
) -> None:
    """It is shown before it is given up and comes after that; and one that broke after a minute held for less here."""
    way_s = 0.4
    given_up_s = 20 + 3 * way_s + 5  # heard, left, and waited for
    heard_s = given_up_s + 1 + 4 * way_s  # what is asked for next
    lost_s = heard_s + 60 - 1.5 * way_s
    path = with_gaps(
        recordings(BTCUSDT), tmp_path / "gaps.tape", [(20.0, given_up_s - way_s / 2), (lost_s, lost_s + 1)]
    )
    config = config_of("replay.yaml", path, latency={"request_ms": 400, "response_ms": 400}, keeps_market=True)
    steps: list[Step] = []

    replay = replayed(config, 120, steps, opens_at=START + (2 * ROUND_TRIPS - 1) * 400 * MS_NS)
    life = lived(config, 120, tmp_path, 400 * MS_NS)

    books = sightings(steps)
    assert sum(kind == "FeedLost" for _, kind in books) == 3
    assert books == sightings(written(tmp_path / "journal"))
    assert replay == life


def with_gaps(recording: Path, path: Path, gaps_s: Sequence[tuple[float, float]] = GAPS_S) -> Path:
    """The same market as a recorder heard it whose connection broke so often."""
    standing = Standing()
    kept: list[TapeFact] = []
    gaps: list[tuple[int, int]] = []
    lost = 0
    for fact in facts_of(opened(recording)):
        if not gaps and isinstance(fact, BookSnapshot):
            gaps = [(fact.at + round(a * SECOND_NS), fact.at + round(b * SECOND_NS)) for a, b in gaps_s]
        standing.apply(fact)
        if lost < len(gaps) and fact.at >= gaps[lost][0]:
            if kept and not isinstance(kept[-1], FeedLost):
                [key] = standing.books
                kept.append(FeedLost(at=gaps[lost][0], instrument=key, reason="a socket ended"))
            if fact.at < gaps[lost][1]:
                continue
            kept += [each for each in standing.facts(fact.at) if isinstance(each, BookSnapshot)]
            lost += 1
        else:
            kept.append(fact)
    return tapes.written(path, kept)


AMONG = {**ALONE, "fair_value": {"source": "mid"}, "order_refresh_tolerance_bps": 0.5}
PAIR = ("BTC_USDT-PERPETUAL", "ETH_USDT-PERPETUAL")


@pytest.fixture
def pair(recordings: Callable[[str], Path], tmp_path: Path) -> Callable[..., Config]:
    """One or both of two instruments whose recorded markets move in whole milliseconds."""
    path = with_a_follower(recordings(BTCUSDT), tmp_path / "pair.tape")

    def config(names: Sequence[str], way_ms: float, order_reply_ms: float = 0) -> Config:
        return config_of(
            "replay.yaml",
            path,
            strategies=[{**AMONG, "id": name[:3].lower(), "instrument": name} for name in names],
            latency={"request_ms": way_ms, "response_ms": way_ms, "order_reply_ms": order_reply_ms},
            instruments={name: {} for name in names},
            keeps_market=True,
        )

    return config


@pytest.mark.parametrize("names", [PAIR[:1], PAIR], ids=["one", "both"])
@pytest.mark.parametrize(("way_ms", "order_reply_ms", "often"), [(2, 0, 20), (2.25, 6.5, 2)], ids=["asked", "answered"])
def test_what_falls_together_is_heard_in_the_order_in_which_the_daemon_hears_it(
    names: Sequence[str],
    way_ms: float,
    order_reply_ms: float,
    often: int,
    pair: Callable[..., Config],
    tmp_path: Path,
) -> None:
    """A request reaches the exchange, or an answer leaves it, at the very moment at which the market moves."""
    config = pair(names, way_ms, order_reply_ms)
    way_ns, held_ns = round(way_ms * MS_NS), round(order_reply_ms * MS_NS)
    steps: list[Step] = []

    replay = replayed(config, 45, steps, opens_at=START + (2 * ROUND_TRIPS - 1) * way_ns)
    life = lived(config, 45, tmp_path, way_ns)

    moved_at = {e.at - way_ns for s in steps for e in s.events if isinstance(e, BookChanged | TradePrinted)}
    asked_at = [s.at + way_ns for s in steps if any(isinstance(c, PlaceOrder | AmendOrder) for c in s.commands)]
    assert sum(at + held_ns in moved_at for at in asked_at) >= often
    assert heard(steps, 45) == heard(written(tmp_path / "journal"), 45)
    assert fills_of(life) > 20
    assert replay == life


@pytest.mark.parametrize(("way_ms", "order_reply_ms"), [(2, 4), (7, 3)])
def test_so_it_is_where_an_answer_that_was_held_back_leaves_when_another_request_is_there(
    way_ms: int, order_reply_ms: int, pair: Callable[..., Config], tmp_path: Path
) -> None:
    way_ns, held_ns = way_ms * MS_NS, order_reply_ms * MS_NS
    config = pair(PAIR, way_ms, order_reply_ms)
    steps: list[Step] = []

    replay = replayed(config, 45, steps, opens_at=START + (2 * ROUND_TRIPS - 1) * way_ns)
    life = lived(config, 45, tmp_path, way_ns)

    asked_at = {step.at for step in steps if any(isinstance(each, PlaceOrder | AmendOrder) for each in step.commands)}
    assert sum(at + held_ns in asked_at for at in asked_at) > 10
    assert heard(steps, 45) == heard(written(tmp_path / "journal"), 45)
    assert fills_of(life) > 20
    assert replay == life


@pytest.mark.parametrize("names", [PAIR[:1], PAIR], ids=["one", "both"])
def test_so_it_is_where_each_message_has_a_delay_of_its_own(
    names: Sequence[str], pair: Callable[..., Config], tmp_path: Path
) -> None:
    way_ns = 2 * MS_NS  # until the session stands
    config = pair(names, 2)

    replay = replayed(config, 45, opens_at=START + (2 * ROUND_TRIPS - 1) * way_ns, jitter=Jitter())
    life = lived(config, 45, tmp_path, way_ns, jitter=Jitter())

    assert fills_of(life) > 20
    assert replay == life


def with_a_follower(recording: Path, path: Path) -> Path:
    """The first minute of a market on a tape, and another instrument that does the same three milliseconds later."""
    later_ns, until, kept = 3 * MS_NS, 0, list[TapeFact]()
    first, second = (msgspec.structs.replace(tapes.LINEAR, name=name, base_currency=name[:3]) for name in PAIR)
    for fact in facts_of(opened(recording)):
        if isinstance(fact, InstrumentDefined):
            kept += [msgspec.structs.replace(fact, instrument=each) for each in (first, second)]
        elif isinstance(fact, BookSnapshot | BookChanged | TradePrinted):
            until = until or (fact.at + 60 * SECOND_NS if isinstance(fact, BookSnapshot) else 0)
            if until and fact.at > until:
                break
            times = {"at": fact.at + later_ns, "venue_time": fact.venue_time + later_ns}
            kept.append(msgspec.structs.replace(fact, instrument=first.key))
            kept.append(msgspec.structs.replace(fact, instrument=second.key, **times))
    return tapes.written(path, sorted(kept, key=lambda fact: fact.at))


def sightings(steps: list[Step]) -> list[tuple[int, str]]:
    """When the book was lost, and when it came again."""
    facts = [event for step in steps for event in step.events if isinstance(event, FeedLost | BookSnapshot)]
    return [(fact.at, type(fact).__name__) for fact in facts][1:]


def test_what_a_tape_has_at_one_time_is_one_step(recordings: Callable[[str], Path]) -> None:
    steps: list[Step] = []

    replayed(config_of("replay.yaml", recordings(BTCUSDT)), 10, steps)

    told: dict[int, int] = {}  # steps with what the market did of itself, by its time
    for step in steps:
        venue_times = {event.venue_time for event in step.events if isinstance(event, TradePrinted)}
        for venue_time in venue_times:
            told[venue_time] = told.get(venue_time, 0) + 1
    assert len(told) > 100
    assert max(told.values()) == 1
    assert any(sum(isinstance(event, BookChanged | TradePrinted) for event in step.events) > 5 for step in steps)


def test_the_same_past_has_the_same_outcome() -> None:
    config = config_of("paper.yaml", seed=3, latency={"request_ms": 3, "response_ms": 1.5})

    assert replayed(config, 20) == replayed(config, 20)


SAMPLED = {"sampled": {"request_ms": [1, 2, 80], "response_ms": [0.5, 1, 40]}}


def test_latency_makes_another_past() -> None:
    latencies = ({"request_ms": 0, "response_ms": 0}, {"request_ms": 60, "response_ms": 60}, {"model": SAMPLED})

    near, far, sampled = (replayed(config_of("paper.yaml", latency=latency), 30) for latency in latencies)

    assert near != far
    assert far != sampled != near
    assert sampled == replayed(config_of("paper.yaml", latency={"model": SAMPLED}), 30)


def test_latency_may_be_that_of_the_tape_itself(recordings: Callable[[str], Path]) -> None:
    def of(model: object) -> list[Happened]:
        latency = {"request_ms": 0, "response_ms": 0, "model": model}
        return replayed(config_of("replay.yaml", recordings(BTCUSDT), latency=latency), 20)

    assert of({"feed": {"request_times": 0, "response_times": 0}}) == of("constant")
    assert of({"feed": {"request_times": 3, "response_times": 3}}) != of("constant")


def test_an_order_flow_has_no_latency_of_its_own() -> None:
    with pytest.raises(ConfigurationError, match="only a recorded market knows how long its messages took"):
        config_of("paper.yaml", latency={"model": {"feed": {}}})

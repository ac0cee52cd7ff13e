"""Facts as tests put them on tapes: any that hypothesis thinks of, and a small market that hangs together."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from hypothesis import strategies as st

from replenisher.exchange.recorded import recorded_instrument
from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    ClockOffset,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    TickerTold,
    TradePrinted,
)
from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.order import Side
from replenisher.model.units import SECOND_NS
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.writer import TapeWriter

START = 1_780_000_000 * SECOND_NS


def instrument(name: str = "BTC-PERPETUAL") -> Instrument:
    return Instrument(
        venue="deribit",
        name=name,
        kind=Kind.PERPETUAL,
        tick_steps=(TickStep(Decimal(0), Decimal("0.5")),),
        lot=Decimal(10),
        amount_unit=AmountUnit.QUOTE,
        inverse=True,
        base_currency="BTC",
        quote_currency="USD",
        settlement_currency="BTC",
        pays_at_settlement=True,
        min_amount=Decimal(10),
    )


KEY = instrument().key

times = st.integers(0, 2**62)
levels = st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 10**12)), max_size=5).map(tuple)
keys = st.sampled_from([KEY, "binance/BTCUSDT", "kraken/XBT/USD"])
texts = st.text(max_size=20)
numbers = st.none() | st.floats(allow_nan=False)
books = {"at": times, "instrument": keys, "venue_time": times, "bids": levels, "asks": levels}
facts: st.SearchStrategy[TapeFact] = st.one_of(
    st.builds(BookSnapshot, **books),
    st.builds(BookChanged, **books),
    st.builds(FeedLost, at=times, instrument=keys, reason=texts),
    st.builds(
        TradePrinted,
        at=times,
        instrument=keys,
        venue_time=times,
        trade_id=texts,
        price=st.integers(1, 10**9),
        quantity=st.integers(1, 10**12),
        taker=st.sampled_from(Side),
    ),
    st.builds(TickerTold, at=times, instrument=keys, venue_time=times, index=numbers, mark=numbers, funding_8h=numbers),
    st.builds(InstrumentStateChanged, at=times, instrument=keys, is_open=st.booleans(), reason=texts),
    st.builds(InstrumentDefined, at=times, instrument=st.just(instrument())),
    st.builds(ClockOffset, at=times, venue=texts, offset_ns=st.integers(-(2**62), 2**62)),
)


def market(seconds: int, *, start: int = START, changes_per_s: int = 10) -> list[TapeFact]:
    """A book that changes every so often, with a trade a second; both clocks are the same."""
    told: list[TapeFact] = [
        InstrumentDefined(at=start, instrument=instrument()),
        BookSnapshot(at=start, instrument=KEY, venue_time=start, bids=((100, 5), (99, 7)), asks=((102, 6),)),
    ]
    for number in range(seconds * changes_per_s):
        at = start + (number + 1) * SECOND_NS // changes_per_s
        told.append(change(at, bids=((100 - number % 20, number % 9),)))
        if number % changes_per_s == 0:
            told.append(trade(at, str(number)))
    return told


LINEAR = recorded_instrument("deribit", Decimal("0.1"), Decimal("0.001"))  # as configs/replay.yaml trades it


def linear_minute(start: int) -> list[TapeFact]:
    """A book at 60,000 that changes far from its best prices, and a trade at the end that meets it."""
    key, end = LINEAR.key, start + 59 * SECOND_NS
    bids, asks = ((600_000, 1000),), ((600_010, 1000),)
    return [
        BookSnapshot(at=start, instrument=key, venue_time=start, bids=bids, asks=asks),
        *(
            BookChanged(at=at, instrument=key, venue_time=at, bids=((590_000, 1 + number),), asks=())
            for number in range(58)
            for at in [start + (number + 1) * SECOND_NS]
        ),
        TradePrinted(at=end, instrument=key, venue_time=end, trade_id="1", price=600_000, quantity=1, taker=Side.SELL),
    ]


def change(at: int, bids: tuple[tuple[int, int], ...] = (), asks: tuple[tuple[int, int], ...] = ()) -> BookChanged:
    return BookChanged(at=at, instrument=KEY, venue_time=at, bids=bids, asks=asks)


def trade(at: int, trade_id: str) -> TradePrinted:
    return TradePrinted(at=at, instrument=KEY, venue_time=at, trade_id=trade_id, price=102, quantity=1, taker=Side.BUY)


def written(path: Path, facts: Iterable[TapeFact]) -> Path:
    """These facts on a new tape."""
    path.unlink(missing_ok=True)
    writer = TapeWriter.create(path)
    for fact in facts:
        writer.write(fact)
    writer.close()
    return path

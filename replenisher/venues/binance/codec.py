"""Binance market data: messages decoded from their text.

Spot and USD-M futures send the same messages with small differences: futures name the previous update (`pu`) and the
time of the transaction (`T`), spot does neither. Only market data is read here.
"""

import msgspec

from replenisher.model.units import MS_NS

TextLevel = tuple[str, str]  # (price, quantity) as written


class DepthSnapshot(msgspec.Struct, frozen=True, gc=False, rename={"last_id": "lastUpdateId"}):
    """The book as REST tells it."""

    last_id: int
    bids: list[TextLevel]
    asks: list[TextLevel]


class DepthUpdate(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "sent_ms": "E",
        "traded_ms": "T",
        "symbol": "s",
        "first_id": "U",
        "last_id": "u",
        "previous_id": "pu",
        "bids": "b",
        "asks": "a",
    },
):
    """New quantities at some prices; 0 removes the price."""

    sent_ms: int
    symbol: str
    first_id: int
    last_id: int
    bids: list[TextLevel]
    asks: list[TextLevel]
    traded_ms: int | None = None  # futures only
    previous_id: int | None = None  # futures only

    @property
    def venue_time(self) -> int:
        """The venue's clock, in nanoseconds."""
        return (self.sent_ms if self.traded_ms is None else self.traded_ms) * MS_NS


class Trade(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "sent_ms": "E",
        "traded_ms": "T",
        "symbol": "s",
        "trade_id": "t",
        "price": "p",
        "quantity": "q",
        "buyer_is_maker": "m",
        "kind": "X",
    },
):
    """One print."""

    sent_ms: int
    traded_ms: int
    symbol: str
    trade_id: int
    price: str
    quantity: str
    buyer_is_maker: bool
    kind: str = "MARKET"  # futures also print what never met the book: INSURANCE_FUND, ADL

    @property
    def venue_time(self) -> int:
        """The venue's clock, in nanoseconds."""
        return self.traded_ms * MS_NS


class BookTicker(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"last_id": "u", "symbol": "s", "bid": "b", "bid_quantity": "B", "ask": "a", "ask_quantity": "A"},
):
    """Best bid and ask after the update `last_id`."""

    last_id: int
    symbol: str
    bid: str
    bid_quantity: str
    ask: str
    ask_quantity: str


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    """The combined stream's wrapping; a snapshot has none, so there everything stays at its default."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


Message = DepthSnapshot | DepthUpdate | Trade | BookTicker

_envelope = msgspec.json.Decoder(_Envelope)
_snapshot = msgspec.json.Decoder(DepthSnapshot)
_depth_update = msgspec.json.Decoder(DepthUpdate)
_trade = msgspec.json.Decoder(Trade)
_book_ticker = msgspec.json.Decoder(BookTicker)


def decode(raw: bytes) -> Message | None:
    """One message of the combined stream or one REST snapshot; None for a channel that is not read here."""
    envelope = _envelope.decode(raw)
    channel = envelope.stream.split("@", 2)[1:2]
    match channel:
        case ["depth"]:
            return _depth_update.decode(envelope.data)
        case ["trade"]:
            return _trade.decode(envelope.data)
        case ["bookTicker"]:
            return _book_ticker.decode(envelope.data)
        case []:
            return _snapshot.decode(raw)
        case _:
            return None

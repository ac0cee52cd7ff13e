"""Deribit's wire, read: what it tells in public of markets, what their instruments are, and how the platform stands.

Prices and amounts of books and prints pass through a double, and land on the instrument's grid, checked (`grid.py`).
"""

from decimal import Decimal

import msgspec

from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.order import Side
from replenisher.venues.deribit.codec import is_marked

Row = tuple[str, float, float]  # action, price, amount


class BookData(msgspec.Struct, frozen=True, gc=False):
    """A whole book, or its change since `prev_change_id`."""

    instrument_name: str
    timestamp: int
    change_id: int
    bids: list[Row]
    asks: list[Row]
    prev_change_id: int | None = None
    type: str = ""  # absent in the older form of the channel, where only a change has a predecessor

    @property
    def is_snapshot(self) -> bool:
        """Whether this replaces whatever was known."""
        return self.type == "snapshot" or (not self.type and self.prev_change_id is None)


class _BookParams(msgspec.Struct, frozen=True, gc=False):
    data: BookData


class _BookFrame(msgspec.Struct, frozen=True, gc=False):
    params: _BookParams


_decode_book_frame = msgspec.json.Decoder(_BookFrame).decode
decode_book = msgspec.json.Decoder(BookData).decode

BOOK_MARK, BOOK_MARK_BYTES = '"channel":"book.', b'"channel":"book.'


def book_in(frame: str | bytes) -> BookData | None:
    """The book of a frame that is recognised at a glance; any other frame takes the long way."""
    return _decode_book_frame(frame).params.data if is_marked(frame, BOOK_MARK, BOOK_MARK_BYTES) else None


class PublicTrade(msgspec.Struct, frozen=True, gc=False):
    """One print on the tape."""

    instrument_name: str
    timestamp: int
    trade_id: str
    price: float
    amount: float
    direction: Side
    block_trade_id: str | None = None
    combo_id: str | None = None

    @property
    def took_from_book(self) -> bool:
        """Whether it met orders of this instrument's own book; block trades and legs of combos do not."""
        return self.block_trade_id is None and self.combo_id is None


decode_trades = msgspec.json.Decoder(list[PublicTrade]).decode


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """What an instrument is worth, and what a perpetual costs to hold."""

    timestamp: int
    index_price: float | None = None
    mark_price: float | None = None
    funding_8h: float | None = None


decode_ticker = msgspec.json.Decoder(Ticker).decode


class BookPlace(msgspec.Struct, frozen=True):
    """Where a book stands that was asked for."""

    change_id: int


decode_book_place = msgspec.json.Decoder(BookPlace).decode


# --- Definitions and state ---------------------------------------------------------------------------------------


class WireTickStep(msgspec.Struct, frozen=True):
    """A coarser tick for prices above a bound."""

    above_price: Decimal
    tick_size: Decimal


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument as `public/get_instrument` shows it."""

    instrument_name: str
    kind: str
    tick_size: Decimal
    contract_size: Decimal
    min_trade_amount: Decimal
    base_currency: str
    quote_currency: str
    settlement_currency: str = ""  # spot has none
    instrument_type: str = "linear"
    settlement_period: str = ""
    tick_size_steps: tuple[WireTickStep, ...] = ()
    price_index: str = ""
    maker_commission: Decimal | None = None  # a share of what is traded
    is_active: bool = True
    state: str = "open"

    @property
    def is_open(self) -> bool:
        """Whether orders are taken."""
        return self.is_active and self.state in ("open", "started")

    def instrument(self, venue: str, version: int) -> Instrument:
        """The same in our words."""
        kind = _kind(self.kind, self.settlement_period)
        # Options are "reversed" too, but are counted and priced in the base currency; only futures are inverse.
        inverse = self.instrument_type == "reversed" and kind in (Kind.PERPETUAL, Kind.FUTURE)
        return Instrument(
            venue=venue,
            name=self.instrument_name,
            kind=kind,
            tick_steps=(
                TickStep(Decimal(0), self.tick_size),
                *(TickStep(step.above_price, step.tick_size) for step in self.tick_size_steps),
            ),
            lot=min(self.contract_size, self.min_trade_amount),
            amount_unit=AmountUnit.QUOTE if inverse else AmountUnit.BASE,
            inverse=inverse,
            base_currency=self.base_currency,
            quote_currency=self.quote_currency,
            settlement_currency=self.settlement_currency or self.quote_currency,
            pays_at_settlement=kind in (Kind.PERPETUAL, Kind.FUTURE),
            min_amount=self.min_trade_amount,
            version=version,
        )


def _kind(kind: str, settlement_period: str) -> Kind:
    match kind:
        case "spot":
            return Kind.SPOT
        case "option":
            return Kind.OPTION
        case _:
            return Kind.PERPETUAL if settlement_period == "perpetual" else Kind.FUTURE


class InstrumentState(msgspec.Struct, frozen=True):
    """What `instrument.state` tells."""

    instrument_name: str
    state: str


class PlatformState(msgspec.Struct, frozen=True):
    """What `platform_state` tells: one index is locked, or the whole platform is under maintenance."""

    price_index: str = ""
    locked: bool | None = None
    maintenance: bool | None = None


class PlatformStatus(msgspec.Struct, frozen=True):
    """What `public/status` answers: whether everything is locked, and else which indices are."""

    locked: bool | str = False  # "true", "partial" or "false"; a truth value on older pages
    locked_indices: tuple[str, ...] = ()


decode_definition = msgspec.json.Decoder(Definition).decode
decode_instrument_state = msgspec.json.Decoder(InstrumentState).decode
decode_platform_state = msgspec.json.Decoder(PlatformState).decode
decode_platform_status = msgspec.json.Decoder(PlatformStatus).decode

"""What trades here: the instruments, the prices at which positions are marked, and the last prints."""

from decimal import Decimal

from replenisher.exchange.dialects.deribit.channels import WHOLE, Channel
from replenisher.exchange.dialects.deribit.errors import refuse_param
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.words import BookView, InstrumentView, PositionView, Print
from replenisher.model.instrument import Instrument, Kind

NOTHING = Decimal(0)
SATOSHI = Decimal("1e-8")
UPTICK, ZERO_UPTICK, DOWNTICK, ZERO_DOWNTICK = range(4)


def wire_kind(instrument: Instrument) -> str:
    """The venue calls a perpetual a future that never expires."""
    return "future" if instrument.kind is Kind.PERPETUAL else str(instrument.kind)


def index_name(instrument: Instrument) -> str:
    """The price index that an instrument follows."""
    return f"{instrument.base_currency}_{instrument.quote_currency}".lower()


def top(levels: tuple[tuple[Decimal, Decimal], ...]) -> tuple[Decimal, Decimal]:
    """Best price and its amount; zeros for an empty side, as the venue prints it."""
    return levels[0] if levels else (NOTHING, NOTHING)


class Catalogue:
    """The instruments of the exchange and their prices."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._instruments = {view.instrument.name: view.instrument for view in exchange.instruments()}
        self._last: dict[str, tuple[Decimal, int]] = {}  # price and tick direction of the last print

    def views(self) -> list[InstrumentView]:
        """Every instrument as it stands."""
        return self._exchange.instruments()

    def view(self, name: str) -> InstrumentView:
        """One instrument as it stands."""
        self.instrument(name)
        return next(view for view in self._exchange.instruments() if view.instrument.name == name)

    def instrument(self, name: str) -> Instrument:
        """The instrument of this name; the client is told if there is none."""
        instrument = self._instruments.get(name)
        if instrument is None:
            refuse_param("instrument_name", "wrong format")
        return instrument

    def number_of(self, instrument: Instrument) -> int:
        """The venue's numeric id of an instrument."""
        return list(self._instruments).index(instrument.name) + 1

    def indices(self) -> list[str]:
        """The indices that something follows here, such as btc_usd."""
        return sorted({index_name(instrument) for instrument in self._instruments.values()})

    def band(self, name: str) -> tuple[Decimal, Decimal]:
        """The lowest price and the highest at which an instrument trades now."""
        return self._exchange.price_band(name) or (NOTHING, 2 * self.mark(name))

    def currencies(self) -> list[str]:
        """The currencies that move here: those in which something settles, and both of spot."""
        settled = {instrument.settlement_currency for instrument in self._instruments.values()}
        bought = {each.base_currency for each in self._instruments.values() if each.kind is Kind.SPOT}
        return sorted(settled | bought)

    def in_currency(self, currency: str, kind: str = WHOLE) -> list[Instrument]:
        """The instruments that settle in `currency`."""
        return [
            instrument
            for instrument in self._instruments.values()
            if currency in (WHOLE, instrument.settlement_currency) and kind in (WHOLE, wire_kind(instrument))
        ]

    def exists(self, channel: Channel) -> bool:
        """Whether there is anything to tell on a channel."""
        return not channel.instrument or channel.instrument in self._instruments

    def covers(self, channel: Channel, name: str) -> bool:
        """Whether a channel tells about the instrument of this name."""
        if channel.instrument:
            return channel.instrument == name
        instrument = self._instruments[name]
        return channel.kind in (WHOLE, wire_kind(instrument)) and channel.currency in (
            WHOLE,
            instrument.settlement_currency,
        )

    def book(self, name: str) -> BookView:
        """The whole public book."""
        self.instrument(name)
        return self._exchange.book(name)

    def position(self, account: str, name: str) -> PositionView:
        """An account's position."""
        return self._exchange.position(account, name)

    def mark(self, name: str) -> Decimal:
        """What a position is valued at."""
        return self._exchange.mark_price(name)

    def index(self, name: str) -> Decimal:
        """What the instrument is worth elsewhere."""
        return self._exchange.index_price(name)

    def last_price(self, name: str) -> Decimal:
        """The price of the last print; zero before the first one."""
        return self._last[name][0] if name in self._last else NOTHING

    def tick_direction(self, printed: Print) -> int:
        """How a new print's price compares with the one before it."""
        before, direction = self._last.get(printed.instrument, (printed.price, UPTICK))
        if printed.price != before:
            direction = UPTICK if printed.price > before else DOWNTICK
        else:
            direction = ZERO_UPTICK if direction in (UPTICK, ZERO_UPTICK) else ZERO_DOWNTICK
        self._last[printed.instrument] = (printed.price, direction)
        return direction

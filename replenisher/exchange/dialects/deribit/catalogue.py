"""What trades here: the instruments, what they are worth, and the last prints."""

import re
from decimal import Decimal

from replenisher.exchange.dialects.deribit.channels import WHOLE, Channel
from replenisher.exchange.dialects.deribit.errors import NOT_FOUND, refuse, refuse_param
from replenisher.exchange.views import Views
from replenisher.exchange.words import IN_MAINTENANCE, InstrumentState, InstrumentView, PositionView
from replenisher.model.instrument import Instrument, Kind

NOTHING = Decimal(0)
SATOSHI = Decimal("1e-8")
NAME = re.compile(r"[A-Z0-9]{2,12}(_[A-Z]{3,5}(-[A-Z0-9]+){0,3}|(-[A-Z0-9]+){1,3})")
INDEX_NAME = re.compile(r"[a-z0-9]{2,12}_[a-z]{3,5}")


def wire_kind(instrument: Instrument) -> str:
    """The venue calls a perpetual a future that never expires."""
    return "future" if instrument.kind is Kind.PERPETUAL else str(instrument.kind)


def index_name(instrument: Instrument) -> str:
    """The price index that an instrument follows."""
    return f"{instrument.base_currency}_{instrument.quote_currency}".lower()


def wire_state(state: InstrumentState) -> str:
    """That the whole platform stands still is not said of an instrument."""
    return InstrumentState.HALTED if state in IN_MAINTENANCE else state


def top(levels: tuple[tuple[Decimal, Decimal], ...]) -> tuple[Decimal, Decimal]:
    """Best price and its amount; zeros for an empty side, as the venue prints it."""
    return levels[0] if levels else (NOTHING, NOTHING)


class Catalogue:
    """The instruments of the exchange, by the names that the wire has for them and their groups."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._instruments = {view.instrument.name: view.instrument for view in views.instruments()}

    # --- Instruments

    def view(self, name: str) -> InstrumentView:
        """One instrument as it stands."""
        return next(view for view in self._views.instruments() if view.instrument.name == name)

    def instrument(self, name: str, *, missing: int = NOT_FOUND) -> Instrument:
        """The instrument of this name; the client is told if there is none, or if no instrument has such a name."""
        instrument = self._instruments.get(name)
        if instrument is None:
            if not NAME.fullmatch(name):
                refuse_param("instrument_name")
            refuse(missing)
        return instrument

    def number_of(self, instrument: Instrument) -> int:
        """The venue's numeric id of an instrument."""
        return list(self._instruments).index(instrument.name) + 1

    def currencies(self) -> list[str]:
        """The currencies that an account may hold here."""
        held = {instrument.settlement_currency for instrument in self._instruments.values()}
        return sorted(held | {each.base_currency for each in self._instruments.values() if each.kind is Kind.SPOT})

    def in_currency(self, currency: str, kind: str) -> list[Instrument]:
        """The instruments of a currency: it settles them, or is what a spot instrument buys."""
        return [
            instrument
            for instrument in self._instruments.values()
            if _is_of(instrument, currency) and kind in (WHOLE, wire_kind(instrument))
        ]

    def of_index(self, name: str, kind: str = WHOLE) -> list[Instrument]:
        """The instruments that follow an index."""
        return [
            each for each in self._instruments.values() if index_name(each) == name and kind in (WHOLE, wire_kind(each))
        ]

    def index_names(self) -> list[str]:
        """Every index of this exchange."""
        return sorted({index_name(instrument) for instrument in self._instruments.values()})

    def locked_indices(self) -> list[str]:
        """Those of which every instrument is locked, or in a maintenance."""
        taking = {
            index_name(view.instrument)
            for view in self._views.instruments()
            if view.state is not InstrumentState.LOCKED and view.state not in IN_MAINTENANCE
        }
        return [name for name in self.index_names() if name not in taking]

    def is_in_maintenance(self) -> bool:
        """Whether the whole platform is: then nothing trades on any instrument."""
        return all(view.state in IN_MAINTENANCE for view in self._views.instruments())

    def is_shut(self) -> bool:
        """Whether nobody is let in."""
        return all(view.state is InstrumentState.SHUT for view in self._views.instruments())

    def exists(self, channel: Channel) -> bool:
        """Whether there is anything to tell on a channel."""
        if channel.instrument:
            return channel.instrument in self._instruments
        return not channel.index or channel.index == WHOLE or channel.index in self.index_names()

    def covers(self, channel: Channel, name: str) -> bool:
        """Whether a channel tells about the instrument of this name."""
        if channel.instrument:
            return channel.instrument == name
        instrument = self._instruments[name]
        if channel.index:
            return channel.index in (WHOLE, index_name(instrument))
        return channel.kind in (WHOLE, wire_kind(instrument)) and _is_of(instrument, channel.currency)

    # --- Prices

    def positions(self, account: str, currency: str) -> list[PositionView]:
        """All that an account holds of contracts that settle in a currency, flat ones included."""
        return [
            self._views.position(account, each.name)
            for each in self._instruments.values()
            if each.kind is not Kind.SPOT and each.settlement_currency == currency
        ]

    def index_by_name(self, name: str) -> Decimal:
        """An index: what the first instrument that follows it knows of it."""
        followers = self.of_index(name)
        if not followers:
            if not INDEX_NAME.fullmatch(name):
                refuse_param("index_name")
            refuse(NOT_FOUND)
        return self._views.index_price(followers[0].name)

    def price_band(self, name: str) -> tuple[Decimal, Decimal]:
        """Between which prices orders are taken."""
        return self._views.price_band(name) or (NOTHING, 2 * self._views.mark_price(name))

    def margins(self, account: str, name: str) -> tuple[Decimal, Decimal]:
        """What a position holds of the settlement currency, and what orders hold besides."""
        held, by_orders = self._views.margins(account, name)
        return held.quantize(SATOSHI), by_orders.quantize(SATOSHI)

    def last_price(self, name: str) -> Decimal | None:
        """The price of the last print."""
        return next((printed.price for printed in self._views.prints(name, 1)), None)


def _is_of(instrument: Instrument, currency: str) -> bool:
    if currency in (WHOLE, instrument.settlement_currency):
        return True
    return instrument.kind is Kind.SPOT and currency == instrument.base_currency

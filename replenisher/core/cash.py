"""Cash: what moves it besides fills, and when the venue's book of it is looked into."""

from replenisher.core.state import State
from replenisher.core.sync import CASH_EVERY_NS
from replenisher.core.topic import Topic
from replenisher.model.event import CashKind, CashMoved, CashReported
from replenisher.model.instrument import Instrument, Kind


def apply_cash(state: State, move: CashMoved) -> None:
    """Cash moved without a fill: funding, a settlement, a transfer."""
    instrument = state.instruments.get(move.instrument)
    if state.account.move_cash(move, instrument) and move.kind in (CashKind.SETTLEMENT, CashKind.DELIVERY):
        sync = state.sync(move.venue)
        if sync.is_synced:
            sync.ask(Topic.BALANCE, move.currency, move.at)  # fills since then were booked on the old entry
    if instrument is not None:
        state.revisit(instrument.key)


def apply_cash_book(state: State, event: CashReported) -> None:
    """All that moved cash in one currency was told, up to a venue time."""
    state.account.caught_up(f"{event.venue}/{event.currency}", event.venue_time)
    sync = state.sync(event.venue)
    sync.answered(Topic.CASH, event.currency)
    if sync.is_synced:
        sync.ask(Topic.CASH, event.currency, event.at + CASH_EVERY_NS)


def ask_cash(state: State, venue: str, at: int) -> None:
    """Look into the venue's book of our cash now, rather than when it is due."""
    sync = state.syncs.get(venue)
    if sync is not None and sync.is_synced:
        for currency in cash_currencies(state, venue):
            sync.hasten_cash(currency, at)


def cash_currencies(state: State, venue: str) -> list[str]:
    """The currencies of which a venue keeps a book that it can be asked for; each has a cursor from now on."""
    if not state.setup.venue(venue).tells_cash_moves:
        return []
    currencies = currencies_at(state, venue)
    for currency in currencies:
        start = state.first_started_at + state.clock_offsets_ns.get(venue, 0)
        state.account.cursors.setdefault(f"{venue}/{currency}", start)
    return currencies


def currencies_at(state: State, venue: str) -> list[str]:
    """What we hold at a venue, as far as its instruments are known."""
    known = [state.instruments[key] for key in state.setup.instruments(venue) if key in state.instruments]
    return sorted({currency for instrument in known for currency in _currencies(instrument)})


def _currencies(instrument: Instrument) -> tuple[str, ...]:
    if instrument.kind is Kind.SPOT:
        return (instrument.settlement_currency, instrument.base_currency)
    return (instrument.settlement_currency,)

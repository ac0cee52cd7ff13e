"""The comparison: what the venue shows of us, asked again and again while we quote, against what we believe.

One round asks for our open orders and our trades, then for the position; and for our cash, currency by currency. Each
question is about all that we trade at a venue, where one answer tells that; else about one instrument, and those of
several follow one after the other. The next round comes `sync_every_s` later, and none once we stop, as nothing is
shown then. As long as all is as we believe, nothing follows from it. What is under way is no difference: an order is
judged only by an answer that was asked for after its last change, and by none while a request about it is open
(`order_facts`).

A difference is nothing to act on, either, before it has been read several times. A fill may have been told to one of us
only, a position may be told late, or empty once. So our trades are read again and then the position. If it still
differs, quotes are pulled and the sync begins anew, at whose end nothing of ours can fill while holdings are read.
What then stays unexplained, in answers that agree, is never made good by a fill of our own invention:

- the first time that a position is compared at all, it is from before our first fill: it is taken over as nobody's,
- else everything is halted. An operator who resumes, and says why, lets it be taken over the same way.

Nor is a position that is as we believe it at once: who has no books yet believes that he holds nothing, and that is
what a venue says, too, where it answers nothing. So the first time it is read as often, one after the other.

Cash comes and goes without us. Where the same difference is read several times, the venue's word counts.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal

from replenisher.core.account import ZERO
from replenisher.core.state import State
from replenisher.core.sync import Stage
from replenisher.core.topic import Topic
from replenisher.core.touch_prices import mark_of
from replenisher.model.command import HaltCause, TakenOver
from replenisher.model.event import BalanceReported, PositionReported
from replenisher.model.instrument import Kind, venue_of
from replenisher.model.units import SECOND_NS

READS = 3  # answers that say the same, before a difference counts, or a position that was never compared before
AGAIN_NS = 2 * SECOND_NS  # between two of them


def begin_rounds(state: State, venue: str, currencies: list[str], at: int) -> None:
    """The venue is in sync: ask on, one scope after the other."""
    if state.stopping is not None:
        return
    sync, every_ns = state.sync(venue), state.setup.venue(venue).sync_every_ns
    for topic in (Topic.OPEN_ORDERS, Topic.TRADES):
        scopes = state.setup.scopes(topic, venue)
        for number, scope in enumerate(scopes, 1):
            sync.ask(topic, scope, at + every_ns * number // len(scopes))
    for currency in currencies:
        sync.ask(Topic.BALANCE, currency, at + every_ns)


def orders_were_read(state: State, scope: str, at: int) -> None:
    """Our open orders were told and compared: they are again in the next round."""
    _ask_in_next_round(state, venue_of(scope), Topic.OPEN_ORDERS, scope, at)


def trades_were_read(state: State, scope: str, at: int) -> None:
    """Our trades were told to their end: what they add up to can be compared."""
    sync, covered = state.sync(venue_of(scope)), state.setup.covered_by(scope)
    positions = position_scopes(state, covered)
    if not positions:
        _ask_in_next_round(state, venue_of(scope), Topic.TRADES, scope, at)
    elif sync.is_synced or any((Topic.POSITION, key) in sync.doubts for key in covered):
        for each in positions:
            sync.ask(Topic.POSITION, each, at)


def position_scopes(state: State, instruments: Iterable[str]) -> Collection[str]:
    """What to ask for the positions in these instruments; of spot the balances tell what is held."""
    known = [state.instruments[key] for key in instruments if key in state.instruments]
    return dict.fromkeys(state.setup.scope(Topic.POSITION, each.key) for each in known if each.kind is not Kind.SPOT)


def unsure(state: State, venue: str) -> Collection[str]:
    """What to ask for the positions that agree with us so far, and were not read often enough to count."""
    return position_scopes(state, (key for key in state.setup.instruments(venue) if key in state.account.agreeing))


def apply_position(state: State, event: PositionReported) -> None:
    """The venue told a position: it is the sum of our fills, or it is read again, or it counts as unexplained."""
    key, sync = event.instrument, state.sync_of(event.instrument)
    sync.answered(Topic.POSITION, state.setup.scope(Topic.POSITION, key))
    ours = state.account.position(key).size
    if event.amount == ours:
        sync.doubts.pop((Topic.POSITION, key), None)
        state.account.told_the_same(key, READS)
        _ask_in_next_round(state, venue_of(key), Topic.TRADES, state.setup.scope(Topic.TRADES, key), event.at)
        return
    state.account.told_otherwise(key)
    if sync.stage not in (Stage.HOLDINGS, Stage.SYNCED):
        return  # it was asked for before this sync began
    doubt = sync.doubt(Topic.POSITION, key, event.amount, ours)
    if not sync.is_synced and doubt.agreeing >= READS and (price := _price_of(state, event)):
        del sync.doubts[Topic.POSITION, key]
        _judge(state, event, ours, price)
    elif sync.is_synced and doubt.reads >= READS:
        state.sync_anew(venue_of(key), event.at)
        state.revisit_all()
    else:
        state.ask(Topic.TRADES, key, event.at + AGAIN_NS)


def apply_balance(state: State, event: BalanceReported) -> None:
    """The venue told our cash: its word counts at once where nothing is shown, else only after several readings."""
    sync, account = state.sync(event.venue), state.account
    about = (Topic.BALANCE, event.currency)
    sync.answered(*about)
    balance = account.balance(event.venue, event.currency)
    unsettled = account.unsettled.get(f"{event.venue}/{event.currency}", ZERO)
    if not sync.is_synced or balance is None:
        account.set_balance(event.venue, event.currency, event.balance, event.venue_time, event.unsettled)
    elif (event.balance, event.unsettled) == (balance, unsettled):
        sync.doubts.pop(about, None)
        _ask_in_next_round(state, event.venue, *about, event.at)
    elif sync.doubt(*about, event.balance + event.unsettled, balance + unsettled).reads >= READS:
        del sync.doubts[about]
        account.set_balance(event.venue, event.currency, event.balance, event.venue_time, event.unsettled)
        _ask_in_next_round(state, event.venue, *about, event.at)
    else:
        sync.ask(*about, event.at + AGAIN_NS)


def _judge(state: State, event: PositionReported, ours: Decimal, price: Decimal) -> None:
    key = event.instrument
    if key in state.account.agreed:
        reason = f"the venue's position in {key} is {event.amount}, the sum of our fills is {ours}"
        state.halt(HaltCause.UNEXPLAINED_POSITION, reason, key)
    else:
        state.found[TakenOver, key] = TakenOver(instrument=key, amount=event.amount - ours, price=price)
    state.revisit(key)


def _price_of(state: State, event: PositionReported) -> Decimal:
    """At what price an unexplained part of a position counts as entered; 0 if nobody can say yet.

    Of a whole position the venue says what it cost; of a part of one nobody does, so that it counts from now on.
    """
    instrument, touch = state.instruments[event.instrument], state.touch_of(event.instrument, event.at)
    if touch is None or (not state.account.position(event.instrument).size and event.average_price > 0):
        return event.average_price
    return mark_of(touch, instrument)


def _ask_in_next_round(state: State, venue: str, topic: Topic, subject: str, at: int) -> None:
    sync = state.sync(venue)
    if sync.is_synced and state.stopping is None:
        sync.ask(topic, subject, at + state.setup.venue(venue).sync_every_ns)

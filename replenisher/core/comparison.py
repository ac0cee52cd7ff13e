"""Comparison: the venue's word on a position against the sum of our fills.

A difference is a fill that we do not know, or an answer that was late. So it is asked about again, and the trades with
it, until the venue has said the same several times and no fill has come meanwhile. What is left then nobody can
explain: it is never papered over by a fill that we invent, but halts everything. An operator who resumes with a reason
takes over what the venue says, once, as nobody's.
"""

from decimal import Decimal

from replenisher.core.state import State
from replenisher.core.sync import RETRY_NS, Topic
from replenisher.model.command import HaltCause
from replenisher.model.event import PositionReported

AGREEING = 3  # answers, before a difference counts


def apply_position(state: State, told: PositionReported) -> None:
    """The venue told a position that we had asked for."""
    key, sync, account = told.instrument, state.sync_of(told.instrument), state.account
    sync.answered(Topic.POSITION, key)
    ours = account.position(key).size
    if ours == told.amount:
        state.differences.pop(key, None)
        return
    if account.is_untouched(key) and told.average_price > 0:
        account.adopt(state.instruments[key], told.amount, told.average_price)
        return
    before = state.differences.get(key)
    times = before[2] + 1 if before is not None and before[:2] == (told.amount, ours) else 1
    state.differences[key] = (told.amount, ours, times)
    price = _price(state, told)
    if times < AGREEING or (state.takes_over and price is None):
        sync.ask(Topic.POSITION, key, told.at + RETRY_NS)
        sync.ask(Topic.TRADES, key, told.at)
    elif state.takes_over and price is not None:
        account.adopt(state.instruments[key], told.amount - ours, price)
        state.revisit(key)
    else:
        reason = f"the venue's position in {key} is {told.amount}, the sum of our fills is {ours}"
        state.halt(HaltCause.UNEXPLAINED_POSITION, reason)


def _price(state: State, told: PositionReported) -> Decimal | None:
    """What a difference is taken over at: what the venue says the position cost, or what it is worth now."""
    if told.average_price > 0:
        return told.average_price
    touch = state.touches.get(told.instrument)
    return None if touch is None else (touch.bid + touch.ask) * state.instruments[told.instrument].tick / 2

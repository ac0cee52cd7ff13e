"""Halts: what no waiting mends. Everything is canceled, and stays away until an operator says why it may go on.

A pause ends by itself or with `resume`. A halt outlives the process, ends only with `resume --reason`, and is what the
daemon ends for: a supervisor that starts it again gets the same answer. What was found is written down by the engine
before anything else is decided (`State.halt`), so that the record of a halt always comes before what follows from it.
"""

from collections.abc import Iterator

from replenisher.core.orders import Order
from replenisher.core.risk import OnBreach
from replenisher.core.state import State
from replenisher.core.touch_prices import mark_of
from replenisher.model.command import Halt, HaltCause, Pause
from replenisher.model.event import ClockOffset, LoopLagged, RejectReason, SessionLost
from replenisher.model.instrument import venue_of
from replenisher.model.units import MINUTE_NS

LAGS_MAX = 10  # within a minute, before it is a halt
REFUSALS_MAX = 5  # places refused within a minute for no known reason, or any request because we may not trade
SKEWS_MAX = 3  # measured one after the other at one venue


def latch(state: State, on_breach: OnBreach, cause: HaltCause, reason: str, at: int) -> Iterator[Pause | Halt]:
    """What follows from a broken limit, if that or something stricter does not hold already."""
    if on_breach is OnBreach.HALT:
        if cause not in state.halts:
            yield Halt(cause=cause, reason=reason)
        return
    reduces, until = on_breach is OnBreach.REDUCE, at + state.setup.limits.cooloff_ns
    if is_stricter(state, pause := Pause(reason=reason, until=until, reduces=reduces)):
        yield pause


def is_stricter(state: State, pause: Pause) -> bool:
    """Whether a pause takes more off the book than the one that holds already."""
    before = state.pauses.get(pause.strategy)
    return before is None or (before.reduces and not pause.reduces)


def breach(state: State, on_breach: OnBreach, cause: HaltCause, reason: str, at: int) -> None:
    """The same, noted for the engine, which records it before it decides anything else."""
    for broken in latch(state, on_breach, cause, reason, at):
        state.found.setdefault((type(broken), cause), broken)


def why_halted(state: State) -> str:
    """What everything is halted for; empty if it is not."""
    return f"halted: {'; '.join(halt.reason for halt in state.halts.values())}" if state.halts else ""


def resume(state: State, reason: str, at: int) -> None:
    """The operator lifts every pause, and every halt if there is a reason why."""
    state.pauses.clear()
    if reason:
        lift(state, at)
    elif not state.halts:
        state.day_marks.clear()  # The operator takes today's loss as it is.
    state.revisit_all()


def lift(state: State, at: int) -> None:
    """The operator lifts every halt."""
    unexplained = state.halts.get(HaltCause.UNEXPLAINED_POSITION)
    if unexplained is not None and unexplained.instrument:  # of an inherited one our own books know nothing
        _accept(state, unexplained.instrument, at)
    state.halts.clear()
    state.found.clear()
    state.lags.clear()
    state.skews.clear()
    state.day_marks.clear()  # The operator takes today's loss as it is.
    state.revisit_all()


def _accept(state: State, instrument: str, at: int) -> None:
    """What differs may be taken over: the sync that comes finds out what that is by now."""
    state.account.disagree(instrument)
    if state.sync_of(instrument).is_open:
        state.sync_anew(venue_of(instrument), at)


def judge_positions(state: State, at: int) -> None:
    """What follows if a fill has brought a position beyond its limit; the gate lets no order of ours do that alone.

    A position that only the market has made worth more is none of this. So that a fill at a price that was within the
    limit when its order was sent is none either, the limit is as much wider as an order may stand from the mark.
    """
    limits = state.setup.limits
    for _, fill, _ in state.executed:
        instrument, size = state.instruments[fill.instrument], state.account.position(fill.instrument).size
        if size * fill.side.sign <= 0:
            continue  # it has made the position smaller
        touch = state.market(fill.instrument)
        mark = fill.price if touch is None else mark_of(touch, instrument)
        most = instrument.amount_of_quote(limits.max_position_quote, mark)
        if abs(size) > most and abs(size) > most * (1 + state.measure("", limits, instrument).collar):
            reason = f"max_position_quote: filled up to {size} in {fill.instrument}, and {most:.8g} is the limit"
            breach(state, limits.on_position, HaltCause.POSITION, reason, at)


def count_refusal(state: State, order: Order, reason: RejectReason, message: str, at: int) -> None:
    """We were refused. What trying again cannot mend is paused or halted, by whose fault it seems to be."""
    strategy, venue = order.strategy, venue_of(order.instrument)
    if reason is RejectReason.FROZEN:
        # Resetting it by ourselves would make it no protection.
        state.pause(strategy, f"{venue} has frozen our quotes: look why, and reset its protection there")
    if reason not in (RejectReason.PERMISSION, RejectReason.OTHER):
        return
    recent = [then for then in state.refusals.get(strategy, []) if then > at - MINUTE_NS]
    state.refusals[strategy] = [*recent, at]
    if len(recent) + 1 < REFUSALS_MAX:
        return
    if reason is RejectReason.PERMISSION:
        state.halt(HaltCause.KEY, f"{venue} takes no order of ours any more: {message}")
    else:
        state.pause(strategy, f"{venue} refuses for no known reason: {message}")


def apply_refusal(state: State, lost: SessionLost) -> None:
    """A session ended because of our key: one that was good before in this life is revoked, and will not be again."""
    if lost.is_refusal and lost.venue in state.let_in:
        state.halt(HaltCause.KEY, f"{lost.venue} {lost.reason}")


def apply_lag(state: State, lag: LoopLagged) -> None:
    """We looked too late: what rests rests at the price of a market that we did not see, so it is canceled first.

    No book is lost by that, nor believed before it has spoken again. Once is the machine; again and again it is a halt.
    """
    state.unwatched_since = state.unwatched_since or lag.at - lag.lag_ns
    for instrument in state.setup.obliged:
        state.revisit(instrument)  # for the record of its presence
    limit_ns = state.setup.limits.max_loop_lag_ns
    if limit_ns is None or lag.lag_ns <= limit_ns:
        return
    for instrument, book in state.books.items():
        book.heard_at = 0
        state.revisit(instrument)
    state.links_heard.clear()
    state.lags[:] = [at for at in state.lags if at > lag.at - MINUTE_NS] + [lag.at]
    if len(state.lags) >= LAGS_MAX:
        reason = f"max_loop_lag_ms: exceeded {len(state.lags)} times in a minute, lastly by {lag.lag_ns / 1e9:.1f} s"
        state.halt(HaltCause.LOOP_LAG, reason)


def apply_clock_offset(state: State, measured: ClockOffset) -> None:
    """The venue's clock, as just measured: too far from ours nothing is shown, and if it stays so it is a halt."""
    state.clock_offsets_ns[measured.venue] = measured.offset_ns
    if not state.setup.is_quoted_on(measured.venue):
        return  # the age of its prices is counted with that
    limit_ns = state.setup.limits.max_clock_offset_ns
    if limit_ns is None or abs(measured.offset_ns) <= limit_ns:
        if state.skews.pop(measured.venue, 0):
            state.revisit_all()
        return
    state.skews[measured.venue] = seen = state.skews.get(measured.venue, 0) + 1
    state.revisit_all()
    if seen >= SKEWS_MAX:
        reason = f"max_clock_offset_ms: the clock of {measured.venue} is {measured.offset_ns / 1e9:+.1f} s from ours"
        state.halt(HaltCause.CLOCK_SKEW, reason)

"""The reasons: why an order was placed, amended, kept or canceled, each in a sentence."""

import msgspec

from replenisher.core.budget import UNPAID
from replenisher.model.command import Intent
from replenisher.model.units import BPS, SECOND_NS
from replenisher.report.why.background import Background
from replenisher.store.one_order import Asked, Decided, Refused

COULD_NOT_PAY = f"the rate budget ({UNPAID}) could not pay"
MAKES_ROOM = "it makes room for another one"


class Standing(msgspec.Struct):
    """Where an order stands at one point of its story."""

    level: int = 0
    ticks: int = 0
    lots: int = 0
    before: tuple[int, int] = (0, 0)  # ticks and lots, before the last amend
    placed_at: int = 0
    is_in_doubt: bool = False  # the venue was asked for it, as an answer was missing
    is_canceling: bool = False


def why_placed(known: Background, asked: Asked, eaten: str) -> str:
    """What was placed, and in whose place: that of an order that was filled, if it is a refill."""
    told = _wish(known, asked, asked.level or 0)
    if eaten:
        told += f", where order {eaten} was filled"
    if waited_ns := known.waited_ns(asked, asked.level or 0):
        told += f"; {COULD_NOT_PAY} for it before, it had waited for {waited_ns / SECOND_NS:.3g} s"
    return told


def why_amended(known: Background, asked: Asked, was: Standing) -> str:
    """What it was amended to, and how far off it was."""
    assert asked.price_ticks is not None, "an amend names a price"
    told, price = _wish(known, asked, was.level), known.instrument.price(was.ticks)
    if asked.price_ticks == was.ticks:
        return f"{told}; only its size changes, it was {known.instrument.amount(was.lots)}"
    away = f"{_bps(was.ticks, asked.price_ticks):.3g} bps from there{_tolerance(known, asked.epoch)}"
    return f"{told}; it stood at {price}, {away}"


def why_canceled(known: Background, asked: Asked, was: Standing) -> str:
    """What made somebody take it off."""
    decision = known.decision(asked)
    if decision is None:
        if known.was_dropped(asked.epoch):
            return f"the strategy {known.row.strategy} was configured no longer"
        return "its strategy decided nothing in that step"
    quote = known.quote(decision.permitted, was.level)
    if quote is None:
        return _unwanted(known, decision, was.level)
    wanted_at = f"it was wanted at {known.instrument.price(quote.price)}"
    if (denial := known.denial(asked, was.level)) is not None:
        return f"{wanted_at}, and our gate denied that: {known.valued(denial.reason or '', asked.epoch)}"
    if was.is_in_doubt:
        return f"{wanted_at}, and what had become of its last request was not known"
    max_age_ns = known.policy(asked.epoch).get("max_order_age_ns")
    if max_age_ns is not None and asked.at - was.placed_at >= max_age_ns:
        return f"it had rested for max_order_age_s ({max_age_ns / SECOND_NS:g})"
    if quote.price == was.ticks:
        size = known.instrument.amount(quote.quantity)
        return f"{wanted_at} with {size}, and could not be changed into that{_amends(known, asked.epoch)}: {MAKES_ROOM}"
    away = f"{_bps(was.ticks, quote.price):.3g} bps away{_tolerance(known, asked.epoch)}"
    return f"{wanted_at}, {away}, and could not be moved there{_amends(known, asked.epoch)}: {MAKES_ROOM}"


def why_kept(known: Background, decision: Decided, was: Standing) -> str:
    """Why it was left where it was although it was wanted elsewhere; empty if it was not."""
    wanted, permitted = known.quote(decision.wanted, was.level), known.quote(decision.permitted, was.level)
    if wanted is None or permitted is None or wanted.price == was.ticks:
        return ""
    if permitted.price == was.ticks:
        return ", ".join(known.valued(cut.reason, decision.epoch) for cut in known.cuts(decision, was.level))
    tolerated_bps: float | None = known.policy(decision.epoch).get("tolerance_bps")
    if tolerated_bps is not None and _bps(was.ticks, permitted.price) <= tolerated_bps:
        return f"no further away than the {tolerated_bps:g} bps that are tolerated"
    if known.could_not_pay(decision, was.level):
        return f"{COULD_NOT_PAY} for a request about it"
    return "nothing could be asked about it: the last request was not answered yet, or our gate objected as before"


def why_denied(known: Background, denial: Asked) -> str:
    """What our gate refused in its slot."""
    wish = f"{denial.amount:f} {known.instrument.wire_unit} at {denial.price:f}"
    return f"our gate denied {wish} in its place: {known.valued(denial.reason or '', denial.epoch)}"


def why_refused(refused: Refused) -> str:
    """What the venue said of an amend or a cancel that it did not grant."""
    match refused.outcome:
        case "not_sent":
            return f"the {refused.request} did not leave us: there was no connection for it"
        case "unknown":
            return f"nobody knows what became of the {refused.request}"
        case reason:
            words = f": {refused.message}" if refused.message else ""
            return f"the venue refused the {refused.request}, {reason}{words}"


def _unwanted(known: Background, decision: Decided, level: int) -> str:
    """Why nothing was to be shown in its slot."""
    if not decision.wanted:
        return f"nothing was wanted: {decision.withheld or 'the strategy gave no reason'}"
    if known.quote(decision.wanted, level) is None:
        because = f": {decision.withheld}" if decision.withheld else ""
        return f"the strategy wanted no level {level} on this side any more{because}"
    cuts = [known.valued(cut.reason, decision.epoch) for cut in known.cuts(decision, level) if not cut.quantity]
    return f"it was withheld: {', '.join(cuts) or decision.withheld or 'no reason is recorded'}"


def _wish(known: Background, asked: Asked, level: int) -> str:
    """What was asked for, in words."""
    purpose = "to refill level" if asked.intent is Intent.REFILL else "as level"
    return f"{known.row.side} {asked.amount:f} {known.instrument.wire_unit} at {asked.price:f} {purpose} {level}"


def _tolerance(known: Background, epoch: int) -> str:
    tolerated_bps = known.policy(epoch).get("tolerance_bps")
    return "" if tolerated_bps is None else f", and {tolerated_bps:g} are tolerated"


def _amends(known: Background, epoch: int) -> str:
    """What keeps a strategy from changing orders, if that is its own policy."""
    amend = known.policy(epoch).get("amend", "auto")
    return "" if amend == "auto" else f" (amend: {amend})"


def _bps(ticks: int, wanted: int) -> float:
    """How far an order is from where it is wanted, as the policy counts it."""
    return abs(ticks - wanted) * BPS / wanted

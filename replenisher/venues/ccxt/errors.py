"""What a failed call proves about the order it was for: refused and why, refused for now, or nothing.

Theory. ccxt turns an exchange's answer into one of some forty classes. Only a class that always is the exchange's
refusal, or that ccxt raises before it sends, proves that a request was not executed. Everything that can also be a
lost, late or unreadable answer proves nothing: a timeout, a network error, "not available", a bad response, the plain
`ExchangeError` that stands for "some code we have no class for", and every exception that is not ccxt's own, as that
may be its parser stumbling over the answer to an order that rests. Where we know what an exchange's codes mean, the
code in the message decides, in both directions.
"""

import re
from enum import StrEnum
from typing import assert_never

import msgspec

from replenisher.model.event import Event, NotSent, OrderRejected, OutcomeUnknown, RejectReason, RequestRejected
from replenisher.model.order import Request
from replenisher.venues.ccxt.calls import Failure
from replenisher.venues.deribit.refusals import rejection as deribit_rejection

_PERMISSION = RejectReason.PERMISSION
_OTHER = RejectReason.OTHER
_HALTED = RejectReason.HALTED
_RATE = RejectReason.RATE

REFUSALS: dict[str, RejectReason] = {
    **dict.fromkeys(("AuthenticationError", "PermissionDenied", "AccountNotEnabled", "AccountSuspended"), _PERMISSION),
    **dict.fromkeys(("RestrictedLocation", "ManualInteractionNeeded"), _PERMISSION),
    "InsufficientFunds": RejectReason.FUNDS,
    "OrderImmediatelyFillable": RejectReason.POST_ONLY,
    "OrderNotFound": RejectReason.NOT_OPEN,
    "InvalidNonce": RejectReason.TOO_LATE,  # the request's own time was not accepted
    **dict.fromkeys(("MarketClosed", "ContractUnavailable"), _HALTED),
    **dict.fromkeys(("RateLimitExceeded", "DDoSProtection"), _RATE),
    # Refused for what the request is. Ours to mend, not to repeat.
    **dict.fromkeys(("InvalidOrder", "OrderNotFillable", "OperationRejected", "NoChange", "BadRequest"), _OTHER),
    **dict.fromkeys(("BadSymbol", "InvalidAddress", "AddressPending", "MarginModeAlreadySet"), _OTHER),
    # These ccxt raises itself, before anything is sent.
    **dict.fromkeys(("ArgumentsRequired", "NotSupported", "InvalidProxySettings"), _OTHER),
}
KEY_REFUSED = frozenset(name for name, reason in REFUSALS.items() if reason is _PERMISSION)
CONCERNS_ALL = KEY_REFUSED | {"RateLimitExceeded", "DDoSProtection"}  # of several orders in one request, each
FOR_NOW = frozenset({_RATE, _HALTED})

# Codes that tell nothing, though ccxt has a refusal's class for some: busy, shutting down, "unknown", a timeout behind
# the exchange's own door, "submitted to the system for processing". By how the exchange's name begins.
UNPROVEN_CODES = {
    "binance": frozenset({-1000, -1001, -1006, -1007, -1008, -1016, -2021, -2022, -5041}),
    "bybit": frozenset({170035, 170146, 170147}),
    "kucoin": frozenset({408000}),
}

_CODE = re.compile(r'"(?:ret_?)?code"\s*:\s*"?(-?\d+)', re.IGNORECASE)
# What a refusal without a class of its own says. A duplicate is no refusal: the order of this name may be ours. And
# whatever speaks of a timeout may have come too late to say what became of the request.
_WORDS: tuple[tuple[re.Pattern[str], RejectReason | None], ...] = (
    (re.compile(r"duplicate|time[ -]?out|timed out", re.IGNORECASE), None),
    (re.compile(r"unknown order(?! type)", re.IGNORECASE), RejectReason.NOT_OPEN),
    (re.compile(r"post.?only|immediately match|would take", re.IGNORECASE), RejectReason.POST_ONLY),
    (re.compile(r"insufficient|not enough", re.IGNORECASE), RejectReason.FUNDS),
    (re.compile(r"market is closed", re.IGNORECASE), _HALTED),
    (re.compile(r"price_filter|percent_price|tick", re.IGNORECASE), RejectReason.PRICE),
    (re.compile(r"lot_size|notional|minimum|max_position|max_num", re.IGNORECASE), RejectReason.SIZE),
)


class Outcome(StrEnum):
    """What a failure proves."""

    REJECTED = "rejected"
    LATER = "later"  # refused for now: the same may be asked again
    UNKNOWN = "unknown"


class Verdict(msgspec.Struct, frozen=True):
    """What a failure proves, and the reason of a refusal."""

    outcome: Outcome
    reason: RejectReason | None = None


UNPROVEN = Verdict(Outcome.UNKNOWN)


def verdict(exchange: str, failure: Failure, request: Request) -> Verdict:
    """What a failed request proves."""
    reason = _reason(exchange, failure)
    if reason is RejectReason.NOT_OPEN and request is Request.PLACE:
        reason = None  # a new order cannot be "not open": the answer is to something else
    if reason is None:
        return UNPROVEN
    return Verdict(Outcome.LATER if reason in FOR_NOW else Outcome.REJECTED, reason)


def failed(exchange: str, failure: Failure, order_id: str, request: Request, at: int) -> Event:
    """A failed request as a fact."""
    if not failure.was_sent:
        return NotSent(at=at, order_id=order_id, request=request)
    told = verdict(exchange, failure, request)
    match told.outcome:
        case Outcome.UNKNOWN:
            return OutcomeUnknown(at=at, order_id=order_id, request=request, message=str(failure))
        case Outcome.REJECTED | Outcome.LATER:
            reason = told.reason or _OTHER
            if request is Request.PLACE:
                return OrderRejected(at=at, order_id=order_id, reason=reason, message=str(failure))
            return RequestRejected(at=at, order_id=order_id, request=request, reason=reason, message=str(failure))
        case _:
            assert_never(told.outcome)


def _reason(exchange: str, failure: Failure) -> RejectReason | None:
    code = int(told[1]) if (told := _CODE.search(failure.message)) else None
    if exchange == "deribit" and code is not None:
        return deribit_rejection(code)
    if any(exchange.startswith(name) and code in codes for name, codes in UNPROVEN_CODES.items()):
        return None
    reason = REFUSALS.get(failure.kind)
    if reason is _OTHER:
        for words, meaning in _WORDS:
            if words.search(failure.message):
                return meaning
    return reason

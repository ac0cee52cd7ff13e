"""What a failed call proves about the order it was for: refused and why, refused for now, or nothing.

Theory. ccxt turns an exchange's answer into one of some forty classes. Only a class that always is the exchange's
refusal, or that ccxt raises before it sends, proves that a request was not executed. Everything that can also be a
lost, late or unreadable answer proves nothing: a timeout, a network error, "not available", a bad response, the plain
`ExchangeError` that stands for "some code we have no class for", and every exception that is not ccxt's own, as that
may be its parser stumbling over the answer to an order that rests. Where we know what an exchange's codes mean, the
code in the message decides, in both directions; and what speaks of a timeout proves nothing, whatever its class.
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
FOR_NOW = frozenset({_RATE, _HALTED})
CONCERNS_ALL = frozenset({_PERMISSION, _RATE})  # of several orders in one request, each

# Codes that ccxt's class says something else of, by how the exchange's name begins. None is a code that tells nothing:
# busy, shutting down, "unknown", a timeout behind the exchange's own door, "submitted to the system for processing".
CODES: dict[str, dict[str, RejectReason | None]] = {
    "binance": {
        **dict.fromkeys(("-1000", "-1001", "-1006", "-1007", "-1008", "-1016", "-2021", "-2022", "-5041"), None),
        "-4400": _HALTED,  # for minutes, no order but such as makes a position smaller: the key is good
        **dict.fromkeys(("-2014", "-2015"), _PERMISSION),  # ccxt calls the second a ban if the key was good before
    },
    "bingx": dict.fromkeys(("80001", "80012"), None),  # "request failed" and "service unavailable" among others
    "bitget": {"40010": None},  # the request timed out
    "bybit": dict.fromkeys(("170035", "170146", "170147"), None),
    "deribit": dict.fromkeys(("10000", "13009"), _PERMISSION),  # each request is signed, so no login has lapsed
    "gate": {"REQUEST_EXPIRED": RejectReason.TOO_LATE},  # it is our clock that was not accepted, and not the key
    "kucoin": {"408000": None},
}

_CODE = re.compile(r'"(?:(?:ret_?)?code|label)"\s*:\s*"?(-?\w+)', re.IGNORECASE)
# A duplicate is no refusal: the order of this name may be ours. And whatever speaks of a timeout, or of a service that
# was not there, may have come too late to say what became of the request.
_PROVES_NOTHING = re.compile(
    r"duplicate|already exist|repeated(?!ly)|time[ -]?out|timed out"
    r"|service[ _](?:is )?(?:temporarily )?unavailable|(?:system|server|service)[ _](?:is )?busy"
    r"|internal (?:\w+ )?error",
    re.IGNORECASE,
)
# What a refusal without a class of its own says.
_WORDS: tuple[tuple[re.Pattern[str], RejectReason], ...] = (
    (re.compile(r"unknown order(?! type)", re.IGNORECASE), RejectReason.NOT_OPEN),
    (re.compile(r"post.?only|immediately match|would take", re.IGNORECASE), RejectReason.POST_ONLY),
    (re.compile(r"insufficient|not enough", re.IGNORECASE), RejectReason.FUNDS),
    (re.compile(r"market ?(?:is closed|not ?open)", re.IGNORECASE), _HALTED),
    (re.compile(r"account may not|trading is not enabled", re.IGNORECASE), _PERMISSION),
    (re.compile(r"price_filter|percent_price|tick(?!er)", re.IGNORECASE), RejectReason.PRICE),
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


def refuses_key(exchange: str, failure: Failure) -> bool:
    """Whether it is the key that was refused, or what the key may do: asking again with it is no use."""
    return _reason(exchange, failure) is _PERMISSION


def concerns_all(exchange: str, failure: Failure) -> bool:
    """Whether each of several orders in one request is refused by this, and not perhaps one of them alone."""
    return _reason(exchange, failure) in CONCERNS_ALL


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
    code = told[1] if (told := _CODE.search(failure.message)) else ""
    for name, meanings in CODES.items():
        if exchange.startswith(name) and code in meanings:
            return meanings[code]
    if exchange == "deribit" and code.removeprefix("-").isdecimal():
        return deribit_rejection(int(code))
    if _PROVES_NOTHING.search(failure.message):
        return None
    reason = REFUSALS.get(failure.kind)
    if reason is _OTHER:
        return next((meaning for words, meaning in _WORDS if words.search(failure.message)), _OTHER)
    return reason

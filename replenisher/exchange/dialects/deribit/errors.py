"""What the venue says when it does not do what it was asked: codes, their words, and which of ours they stand for."""

from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from replenisher.exchange.dialects.deribit.numbers import number_text
from replenisher.exchange.words import Refusal

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
QTY_TOO_LOW = 10002
ORDER_OVERLAP = 10003
ORDER_NOT_FOUND = 10004
PRICE_TOO_LOW = 10005
PRICE_TOO_HIGH = 10007
NOT_ENOUGH_FUNDS = 10009
BOOK_CLOSED = 10012
LOCKED_BY_ADMIN = 10019
INVALID_AMOUNT = 10021
INVALID_PRICE = 10023
TOO_MANY_REQUESTS = 10028
NOT_OWNER_OF_ORDER = 10029
MUST_BE_WEBSOCKET = 10030
WHOLE_COST_TOO_LOW = 10032
NOT_IMPLEMENTED = 10033
SETTLEMENT_IN_PROGRESS = 10041
PRICE_WRONG_TICK = 10043
OTHER_REJECT = 11030
NOT_OPEN_ORDER = 11044
BAD_REQUEST = 11050
POST_ONLY_REJECT = 11054
POST_ONLY_NOT_ALLOWED = 11055
INVALID_CREDENTIALS = 13004
UNAUTHORIZED = 13009
MMP_TRIGGER = 13030
RAW_NOT_AVAILABLE = 13778
TIMED_OUT = 13888

WORDS = {
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid params",
    QTY_TOO_LOW: "qty_too_low",
    ORDER_OVERLAP: "order_overlap",
    ORDER_NOT_FOUND: "order_not_found",
    PRICE_TOO_LOW: "price_too_low <Limit>",
    PRICE_TOO_HIGH: "price_too_high <Limit>",
    NOT_ENOUGH_FUNDS: "not_enough_funds",
    BOOK_CLOSED: "book_closed",
    LOCKED_BY_ADMIN: "locked_by_admin",
    INVALID_AMOUNT: "invalid_amount",
    INVALID_PRICE: "invalid_price",
    TOO_MANY_REQUESTS: "too_many_requests",
    NOT_OWNER_OF_ORDER: "not_owner_of_order",
    MUST_BE_WEBSOCKET: "must_be_websocket_request",
    WHOLE_COST_TOO_LOW: "whole_cost_too_low",
    NOT_IMPLEMENTED: "not_implemented",
    SETTLEMENT_IN_PROGRESS: "settlement_in_progress",
    PRICE_WRONG_TICK: "price_wrong_tick",
    OTHER_REJECT: "other_reject <Reason>",
    NOT_OPEN_ORDER: "not_open_order",
    BAD_REQUEST: "bad_request",
    POST_ONLY_REJECT: "post_only_reject",
    POST_ONLY_NOT_ALLOWED: "post_only_not_allowed",
    MMP_TRIGGER: "mmp_trigger",
    INVALID_CREDENTIALS: "invalid_credentials",
    UNAUTHORIZED: "unauthorized",
    RAW_NOT_AVAILABLE: "raw_subscriptions_not_available_for_unauthorized",
    TIMED_OUT: "timed_out",
}

CODES = {
    Refusal.BOOK_CLOSED: BOOK_CLOSED,
    Refusal.LOCKED: LOCKED_BY_ADMIN,
    Refusal.SETTLING: SETTLEMENT_IN_PROGRESS,
    Refusal.AMOUNT_TOO_LOW: QTY_TOO_LOW,
    Refusal.COST_TOO_LOW: WHOLE_COST_TOO_LOW,
    Refusal.PRICE_TOO_LOW: PRICE_TOO_LOW,
    Refusal.PRICE_TOO_HIGH: PRICE_TOO_HIGH,
    Refusal.POST_ONLY_NOT_ALLOWED: POST_ONLY_NOT_ALLOWED,
    Refusal.REDUCE_ONLY: OTHER_REJECT,
    Refusal.OVERLAP: ORDER_OVERLAP,
    Refusal.MMP_FROZEN: MMP_TRIGGER,
    Refusal.INVALID_AMOUNT: INVALID_AMOUNT,
    Refusal.INVALID_PRICE: INVALID_PRICE,
    Refusal.WRONG_TICK: PRICE_WRONG_TICK,
    Refusal.POST_ONLY: POST_ONLY_REJECT,
    Refusal.FUNDS: NOT_ENOUGH_FUNDS,
    Refusal.ORDER_NOT_FOUND: ORDER_NOT_FOUND,
    Refusal.NOT_OPEN: NOT_OPEN_ORDER,
    Refusal.NOT_OWNER: NOT_OWNER_OF_ORDER,
    Refusal.TOO_LATE: TIMED_OUT,
}


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `error` member of a reply."""

    code: int
    message: str
    data: Any = None


class Refused(Exception):
    """Carries a fault from where it is found up to the reply; it never leaves the dialect."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def fault(code: int, data: Any = None) -> Fault:
    """The fault with the venue's own words for this code."""
    return Fault(code, WORDS[code], data)


def refuse(code: int, data: Any = None) -> NoReturn:
    """Answer with this code instead of a result."""
    raise Refused(fault(code, data))


def refuse_param(param: str, reason: str) -> NoReturn:
    """Answer that one parameter is not what it must be."""
    refuse(INVALID_PARAMS, {"reason": reason, "param": param})


def refuse_for(refusal: Refusal, limit: Decimal | None) -> NoReturn:
    """Answer with the venue's code for what the exchange refused, and the limit that was exceeded."""
    if refusal is Refusal.UNKNOWN_INSTRUMENT:
        refuse_param("instrument_name", "wrong format")
    code = CODES[refusal]
    words = WORDS[code].replace("<Reason>", refusal.value)
    raise Refused(Fault(code, words if limit is None else words.replace("<Limit>", number_text(limit))))

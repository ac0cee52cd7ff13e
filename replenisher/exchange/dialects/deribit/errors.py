"""What the venue says when it does not do what it was asked: every code it has, its word, and when we answer with it.

`ANSWERED` are the codes that come from this exchange. The others of the venue's whole list are in `refused`, each with
the reason why it never does.
"""

from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from replenisher.exchange.dialects.deribit.numbers import number_text
from replenisher.exchange.words import Refusal

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
MISSING_PARAMS = -32000
QTY_TOO_LOW = 10002
ORDER_OVERLAP = 10003
ORDER_NOT_FOUND = 10004
PRICE_TOO_LOW = 10005
PRICE_TOO_HIGH = 10007
NOT_ENOUGH_FUNDS = 10009
ALREADY_CLOSED = 10010
BOOK_CLOSED = 10012
LOCKED_BY_ADMIN = 10019
INVALID_INSTRUMENT = 10020
INVALID_AMOUNT = 10021
INVALID_PRICE = 10023
INVALID_MAX_SHOW = 10024
INVALID_ORDER_ID = 10025
NON_INTEGER_CONTRACTS = 10027
TOO_MANY_REQUESTS = 10028
NOT_OWNER_OF_ORDER = 10029
MUST_BE_WEBSOCKET = 10030
INVALID_FOR_INSTRUMENT = 10031
WHOLE_COST_TOO_LOW = 10032
NOT_IMPLEMENTED = 10033
INVALID_MAX_SHOW_AMOUNT = 10036
SETTLEMENT_IN_PROGRESS = 10041
PRICE_WRONG_TICK = 10043
ALREADY_FILLED = 11008
NO_PRICE_MODIFICATION = 11021
INVALID_ARGUMENTS = 11029
OTHER_REJECT = 11030
NO_ADVANCED_FOR_FUTURES = 11038
NOT_ADVANCED = 11041
BAD_ARGUMENT = 11043
NOT_OPEN_ORDER = 11044
UNSUPPORTED_COMBINATION = 11047
BAD_ARGUMENTS = 11049
BAD_REQUEST = 11050
SYSTEM_MAINTENANCE = 11051
POST_ONLY_REJECT = 11054
POST_ONLY_NOT_ALLOWED = 11055
PUBLIC_DISABLED = 11056
LOGIN_OVER_LIMIT = 12003
INVALID_CREDENTIALS = 13004
USER_NOT_FOUND = 13007
UNAUTHORIZED = 13009
UNAVAILABLE_IN_SUBACCOUNT = 13012
INVALID_CONTENT_TYPE = 13018
NOT_FOUND = 13020
FORBIDDEN = 13021
MMP_TRIGGER = 13030
NON_UNIQUE_LABEL = 13032
COD_NOT_ENABLED = 13042
SCOPE_EXCEEDED = 13403
UNAVAILABLE = 13503
RAW_NOT_AVAILABLE = 13778
TIMED_OUT = 13888
MASS_QUOTES_DISABLED = 13902


class Meaning(msgspec.Struct, frozen=True):
    """The venue's word for a code, and when this exchange answers with it."""

    word: str
    when: str


ANSWERED: dict[int, Meaning] = {
    INVALID_REQUEST: Meaning("Invalid Request", "the frame is no request, or larger than 32 kB"),
    METHOD_NOT_FOUND: Meaning("Method not found", "the venue has no such method"),
    INVALID_PARAMS: Meaning("Invalid params", "a parameter is missing, malformed or not one of the method's"),
    MISSING_PARAMS: Meaning("Missing params", "the method needs parameters and the request has none"),
    QTY_TOO_LOW: Meaning("qty_too_low", "below the smallest amount of the instrument"),
    ORDER_OVERLAP: Meaning("order_overlap", "it would trade with an order of the same account (`reject_taker`)"),
    ORDER_NOT_FOUND: Meaning("order_not_found", "no order has that id or label"),
    PRICE_TOO_LOW: Meaning("price_too_low <Limit>", "a sale below the band around the mark"),
    PRICE_TOO_HIGH: Meaning("price_too_high <Limit>", "a purchase above the band around the mark"),
    NOT_ENOUGH_FUNDS: Meaning(
        "not_enough_funds", "less would be available than nothing: margin of contracts, or cash of spot"
    ),
    ALREADY_CLOSED: Meaning("already_closed", "an edit of an order that was cancelled"),
    BOOK_CLOSED: Meaning("book_closed", "the instrument does not trade any more"),
    LOCKED_BY_ADMIN: Meaning("locked_by_admin", "the instrument is locked: orders are only cancelled"),
    INVALID_INSTRUMENT: Meaning("invalid_or_unsupported_instrument", "an order for what is not listed here"),
    INVALID_AMOUNT: Meaning("invalid_amount", "not a multiple of the lot, or below what was filled"),
    INVALID_PRICE: Meaning("invalid_price", "not a positive number, or missing"),
    INVALID_MAX_SHOW: Meaning("invalid_max_show", "`display_amount` is negative"),
    INVALID_ORDER_ID: Meaning("invalid_order_id", "an order id that the venue would not make"),
    NON_INTEGER_CONTRACTS: Meaning("non_integer_contract_amount", "`contracts` is no whole number"),
    TOO_MANY_REQUESTS: Meaning("too_many_requests", "the account has no credits left; the session ends"),
    NOT_OWNER_OF_ORDER: Meaning("not_owner_of_order", "the order is another account's"),
    MUST_BE_WEBSOCKET: Meaning("must_be_websocket_request", "a method about a connection came over HTTP"),
    INVALID_FOR_INSTRUMENT: Meaning(
        "invalid_args_for_instrument", "spot, where there is no position, or a contract without funding"
    ),
    WHOLE_COST_TOO_LOW: Meaning("whole_cost_too_low", "worth less than the instrument's smallest notional"),
    NOT_IMPLEMENTED: Meaning("not_implemented", "the venue's method or parameter is not offered here"),
    INVALID_MAX_SHOW_AMOUNT: Meaning("invalid_max_show_amount", "`display_amount` exceeds the amount"),
    SETTLEMENT_IN_PROGRESS: Meaning("settlement_in_progress", "positions are being settled"),
    PRICE_WRONG_TICK: Meaning("price_wrong_tick", "off the grid of the instrument at that price"),
    ALREADY_FILLED: Meaning("already_filled", "an edit of an order that was filled"),
    NO_PRICE_MODIFICATION: Meaning(
        "post_only_price_modification_not_possible", "a `post_only` edit that would trade at once"
    ),
    INVALID_ARGUMENTS: Meaning("invalid_arguments", "`amount` and `contracts` contradict each other"),
    OTHER_REJECT: Meaning("other_reject <Reason>", "`reduce_only`, and it would not reduce"),
    NO_ADVANCED_FOR_FUTURES: Meaning("no_adv_for_futures", "`advanced` with a future or perpetual"),
    NOT_ADVANCED: Meaning("not_adv_order", "`advanced` in an edit of an order that is not"),
    BAD_ARGUMENT: Meaning("bad_argument", "a `continuation` with which no page ended"),
    NOT_OPEN_ORDER: Meaning("not_open_order", "a cancel of an order that has ended"),
    UNSUPPORTED_COMBINATION: Meaning("unsupported_arg_combination", "`historical` together with `include_old`"),
    BAD_ARGUMENTS: Meaning("bad_arguments", "a time that ends before it begins"),
    BAD_REQUEST: Meaning("bad_request", "the frame is not JSON"),
    SYSTEM_MAINTENANCE: Meaning(
        "system_maintenance", "the platform is under maintenance: orders can only be asked for"
    ),
    POST_ONLY_REJECT: Meaning("post_only_reject", "it would have traded at once"),
    POST_ONLY_NOT_ALLOWED: Meaning("post_only_not_allowed", "`post_only` with an order that cannot rest"),
    PUBLIC_DISABLED: Meaning(
        "unauthenticated_public_requests_temporarily_disabled", "a public request without login, while switched off"
    ),
    LOGIN_OVER_LIMIT: Meaning("login_over_limit", "ten failed logins of one client id within a minute"),
    INVALID_CREDENTIALS: Meaning("invalid_credentials", "a login with a wrong id, secret, signature or timestamp"),
    USER_NOT_FOUND: Meaning("user_not_found", "`subaccount_id` is nobody's"),
    UNAUTHORIZED: Meaning("unauthorized", "no login, or a token that is wrong or has expired"),
    UNAVAILABLE_IN_SUBACCOUNT: Meaning("unavailable_in_subaccount", "`subaccount_id` is another main account's"),
    INVALID_CONTENT_TYPE: Meaning("invalid_content_type", "the body of a POST is said to be something else than JSON"),
    NOT_FOUND: Meaning("not_found", "a well-formed name of an instrument or index that is not here"),
    FORBIDDEN: Meaning("forbidden", "the key may not do that"),
    MMP_TRIGGER: Meaning("mmp_trigger", "a protected order of a group that is frozen"),
    NON_UNIQUE_LABEL: Meaning("non_unique_order_label", "`edit_by_label` finds more than one open order"),
    COD_NOT_ENABLED: Meaning("cod_not_enabled", "`mass_quote` without cancel-on-disconnect"),
    SCOPE_EXCEEDED: Meaning("scope_exceeded", "the login asked for less than the key could do"),
    UNAVAILABLE: Meaning("unavailable", "wallets: money moves on this exchange only by trading"),
    RAW_NOT_AVAILABLE: Meaning("raw_subscriptions_not_available_for_unauthorized", "a raw channel without login"),
    TIMED_OUT: Meaning("timed_out", "it arrived after its `valid_until`"),
    MASS_QUOTES_DISABLED: Meaning("mass_quotes_disabled", "`mass_quote`: no account is approved for it"),
}

CODES = {
    Refusal.BOOK_CLOSED: BOOK_CLOSED,
    Refusal.LOCKED: LOCKED_BY_ADMIN,
    Refusal.SETTLING: SETTLEMENT_IN_PROGRESS,
    Refusal.MAINTENANCE: SYSTEM_MAINTENANCE,
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
    Refusal.UNKNOWN_INSTRUMENT: INVALID_INSTRUMENT,
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
    """The fault with the venue's own word for this code."""
    return Fault(code, ANSWERED[code].word, data)


def refuse(code: int, data: Any = None) -> NoReturn:
    """Answer with this code instead of a result."""
    raise Refused(fault(code, data))


def refuse_param(param: str, reason: str = "wrong format") -> NoReturn:
    """Answer that one parameter is not what it must be."""
    refuse(INVALID_PARAMS, {"reason": reason, "param": param})


def refuse_for(refusal: Refusal, limit: Decimal | None) -> NoReturn:
    """Answer with the venue's code for what the exchange refused, and with the limit that was exceeded."""
    code = CODES[refusal]
    word = ANSWERED[code].word.replace("<Reason>", refusal.value)
    raise Refused(Fault(code, word if limit is None else word.replace("<Limit>", number_text(limit))))

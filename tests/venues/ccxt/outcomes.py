"""What each recorded error must come to, by what the exchanges' own lists say of their codes: written by hand.

A refusal is proof that an order was not placed. Where a list says nothing of the kind, or the code is one that no order
of ours can be answered with, nothing is proven.
"""

from collections.abc import Mapping
from typing import Any

from replenisher.model.event import RejectReason
from replenisher.model.order import Request
from replenisher.venues.ccxt.errors import Outcome, Verdict

Codes = frozenset[int]

UNKNOWN = Verdict(Outcome.UNKNOWN)
OVERRUN = Verdict(Outcome.LATER, RejectReason.RATE)
HALTED = Verdict(Outcome.LATER, RejectReason.HALTED)
POST_ONLY = Verdict(Outcome.REJECTED, RejectReason.POST_ONLY)
FUNDS = Verdict(Outcome.REJECTED, RejectReason.FUNDS)
SIZE = Verdict(Outcome.REJECTED, RejectReason.SIZE)
PRICE = Verdict(Outcome.REJECTED, RejectReason.PRICE)
PERMISSION = Verdict(Outcome.REJECTED, RejectReason.PERMISSION)
TOO_LATE = Verdict(Outcome.REJECTED, RejectReason.TOO_LATE)
FROZEN = Verdict(Outcome.REJECTED, RejectReason.FROZEN)
NOT_OPEN = Verdict(Outcome.REJECTED, RejectReason.NOT_OPEN)  # of what rests; of a new order it proves nothing
OTHER = Verdict(Outcome.REJECTED, RejectReason.OTHER)


def _codes(*codes: int | range) -> Codes:
    return frozenset(code for each in codes for code in (each if isinstance(each, range) else (each,)))


def _down(first: int, last: int) -> range:
    """Binance counts downwards; both ends belong to it."""
    return range(last, first + 1)


BY_CODE: Mapping[str, Mapping[Verdict, Codes]] = {
    "deribit": {
        OVERRUN: _codes(10028, 10047, 10066),
        HALTED: _codes(10012, 10040, 10041, 11046, 11051, 13019, 13025, 13043, 13503),
        POST_ONLY: _codes(11021, 11054),
        FUNDS: _codes(10009, 10039),
        SIZE: _codes(10002, range(10013, 10019), 10021, 10022, 10027, 10032, 10037, 10038, 11013, 11022),
        PRICE: _codes(10003, 10005, 10006, 10007, 10011, 10023, 10026, 10043, 13910, 13918),
        PERMISSION: _codes(
            *(10000, 10019, 10029, 10072, 11042, 11055, 11056, 11098),
            *(13004, 13009, 13012, 13021, 13031, 13037, 13403, 13778),
        ),
        TOO_LATE: _codes(13888),  # later than the time that the request gave itself
        FROZEN: _codes(13030),
        NOT_OPEN: _codes(10004, 10010, 11008, 11044),
        OTHER: _codes(
            *(10020, 10024, 10025, 10030, 10031, range(10033, 10037), 10044, 10045, 10046, 10048, 10049),
            *(11029, 11030, range(11035, 11040), 11041, 11043, 11045, range(11047, 11051)),
            *(13010, 13011, 13016, 13018, 13020, 13032, 13036, 13040, 13042, 13666, 13777),
        ),
        UNKNOWN: _codes(
            *(10001, 11031, 11094, 13008, 13028),  # failures in general
            *(11052, 11053, range(11090, 11094), range(11095, 11098)),  # subscriptions, transfers and addresses
            *(12001, 12002, 12003, 12004, 12005, 12100, 12998, 13005, 13006, 13007, 13013, 13014, 13015),  # a person's
            *(13034, 13035, range(13780, 13794), range(13901, 13908)),  # accounts, mass quotes, combos and blocks
            *(range(13911, 13918), 13919),  # brokers
        ),
    },
    "binance": {
        OVERRUN: _codes(-1003, -1015),
        PERMISSION: _codes(-1002, -1022, -1125, -2014, -2015),
        TOO_LATE: _codes(-1021),
        NOT_OPEN: _codes(-2011, -2013),
        OTHER: _codes(
            *(-1014, -1020, _down(-1100, -1111), _down(-1114, -1121), -1127, -1128, -1130, -1134, -1135, -1145, -1151),
            *(-2016, -2026),
        ),
        UNKNOWN: _codes(
            *(-1000, -1001, -1006, -1007, -1008, -1016, -2021, -2022),  # whatever became of the request
            *(-1112, -1122, -1139, _down(-1152, -1199), _down(-1210, -1225)),  # what ccxt has no class for
            *(_down(-1033, -1035), _down(-2035, -2043)),
        ),
    },
}
# Binance has two codes for whatever its matching engine and its filters refuse: the sentence says which. The first of
# these that is in it decides, and what none is in is refused for another reason.
BY_WORDS: Mapping[tuple[str, int], Mapping[str, Verdict]] = {
    ("binance", -2010): {
        "Unknown order sent": NOT_OPEN,
        "Duplicate order sent": UNKNOWN,  # an order of this name is there: it may be the one we asked for
        "Market is closed": HALTED,
        "insufficient balance": FUNDS,
        "immediately match": POST_ONLY,
        "account may not place": PERMISSION,
        "API trading is not enabled": PERMISSION,
        "is less than `LOT_SIZE`": SIZE,
        "is less than `MARKET_LOT_SIZE`": SIZE,
        "is less than symbol minimum": SIZE,
    },
    ("binance", -1013): {
        "PRICE_FILTER": PRICE,
        "PERCENT_PRICE": PRICE,
        "LOT_SIZE": SIZE,
        "NOTIONAL": SIZE,
        "MAX_POSITION": SIZE,
        "MAX_NUM_": SIZE,
    },
}


def expected(row: Mapping[str, Any], request: Request) -> Verdict:
    """What a row of the recording must come to; one that is in no table, or in two, is an error."""
    exchange, code = row["exchange"], row["code"]
    if (exchange, code) in BY_WORDS:
        said = row.get("message") or row["msg"]
        found = next((told for words, told in BY_WORDS[exchange, code].items() if words in said), OTHER)
    else:
        (found,) = (told for told, codes in BY_CODE[exchange].items() if code in codes)
    return UNKNOWN if found is NOT_OPEN and request is Request.PLACE else found

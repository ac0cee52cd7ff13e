"""What Deribit's error codes mean for an order: refused and why, or nothing proven."""

from replenisher.model.event import RejectReason

_NOT_OPEN = RejectReason.NOT_OPEN
_SIZE = RejectReason.SIZE
_PRICE = RejectReason.PRICE
_PERMISSION = RejectReason.PERMISSION
_LOGIN = RejectReason.LOGIN
_HALTED = RejectReason.HALTED
_RATE = RejectReason.RATE

TOO_MANY_REQUESTS = 10028
RAW_WITHOUT_LOGIN = 13778

REJECTIONS: dict[int, RejectReason] = {
    11054: RejectReason.POST_ONLY,
    11021: RejectReason.POST_ONLY,
    10009: RejectReason.FUNDS,
    10039: RejectReason.FUNDS,
    13888: RejectReason.TOO_LATE,
    13030: RejectReason.FROZEN,
    **dict.fromkeys((10004, 10010, 11008, 11044), _NOT_OPEN),
    **dict.fromkeys((10002, 10021, 10022, 10027, 10032, 11022), _SIZE),
    # Limits of the account on open orders and positions: asking for less may pass.
    **dict.fromkeys((10013, 10014, 10015, 10016, 10017, 10018, 10037, 10038, 11013), _SIZE),
    **dict.fromkeys((10003, 10005, 10006, 10007, 10011, 10023, 10026, 10043, 13910, 13918), _PRICE),
    **dict.fromkeys((10000, 13009), _LOGIN),
    **dict.fromkeys((10019, 10029, 10072, 11042, 11055, 11056, 11098), _PERMISSION),
    **dict.fromkeys((13004, 13012, 13021, 13031, 13037, 13403, RAW_WITHOUT_LOGIN), _PERMISSION),
    **dict.fromkeys((10012, 10040, 10041, 11046, 11051, 13019, 13025, 13043, 13503), _HALTED),
    **dict.fromkeys((TOO_MANY_REQUESTS, 10047, 10066), _RATE),
    # Refused for what the request is. Ours to mend, not to repeat.
    **dict.fromkeys((10020, 10024, 10025, 10030, 10031, 10033, 10034, 10035, 10036, 10044), RejectReason.OTHER),
    **dict.fromkeys((10045, 10046, 10048, 10049, 11029, 11030, 11035, 11036, 11037, 11038), RejectReason.OTHER),
    **dict.fromkeys((11039, 11041, 11043, 11045, 11047, 11048, 11049, 11050, 13010, 13011), RejectReason.OTHER),
    **dict.fromkeys((13016, 13018, 13020, 13032, 13036, 13040, 13042, 13666, 13777), RejectReason.OTHER),
    **dict.fromkeys((-32600, -32601, -32602, -32700, -32000), RejectReason.OTHER),
}


def is_overrun(code: int) -> bool:
    """Whether we have asked more often than the venue allows, which also ends the session."""
    return code == TOO_MANY_REQUESTS


def is_no_permission(code: int) -> bool:
    """Whether something was refused for what the key may do."""
    return REJECTIONS.get(code) is _PERMISSION


def is_no_login(code: int) -> bool:
    """Whether a login was refused for the key. Of anything else such a code may say that a login has lapsed."""
    return REJECTIONS.get(code) in (_PERMISSION, _LOGIN)


def is_lapse(code: int) -> bool:
    """Whether something was refused that whoever is logged in may do: the login has lapsed."""
    return code == RAW_WITHOUT_LOGIN or REJECTIONS.get(code) is _LOGIN


def rejection(code: int) -> RejectReason | None:
    """Why a request was refused, or None if the code does not prove that it was not executed.

    13028 (no answer from inside the venue) and 11094 (internal error) do not, nor do the "general failures" 10001,
    11031 and 13008; and of a code that we have never seen we know nothing, so it counts as one of these.
    """
    return REJECTIONS.get(code)

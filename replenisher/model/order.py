"""An order's life: the words for its state, and the table of what each fact does to it.

Theory. An order has one `Status` and at most one pending `Request`. Only evidence ends an order: the venue's word,
or a fence after which the venue can no longer have executed the request. A place that is not answered in time makes
the order UNKNOWN, which counts fully against every limit. A fill is booked in *every* state: venues do report fills
late, and a position is the sum of its fills, not an opinion about orders. So the table below has a row for a fill in
every state, and a terminal state stays terminal.
"""

from enum import StrEnum
from functools import lru_cache


class Side(StrEnum):
    """The side of an order; a level of the book is called bid or ask."""

    sign: int  # +1 for a buy, -1 for a sell
    opposite: "Side"  # the other side

    BUY = ("buy", 1)
    SELL = ("sell", -1)

    def __new__(cls, word: str, sign: int) -> "Side":
        """A word, with the sign as an attribute: it is asked for at every price and every size."""
        side = str.__new__(cls, word)
        side._value_, side.sign = word, sign
        return side


Side.BUY.opposite, Side.SELL.opposite = Side.SELL, Side.BUY
SIDES = {side.value: side for side in Side}  # by their words


EXTERNAL = "external"  # whose fills those are that no order of ours explains, in the place of a strategy


class Liquidity(StrEnum):
    """Whether a fill gave liquidity or took it."""

    MAKER = "maker"
    TAKER = "taker"


class Status(StrEnum):
    """Where an order is in its life."""

    PENDING = "pending"  # sent, nothing heard
    WORKING = "working"  # the venue has it
    UNKNOWN = "unknown"  # the place was not answered in time: it may rest, it may not
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """Whether the order can no longer rest at the venue."""
        return self in TERMINAL


TERMINAL = frozenset({Status.FILLED, Status.CANCELED, Status.REJECTED, Status.EXPIRED})


class Request(StrEnum):
    """What we are waiting for the venue to answer."""

    PLACE = "place"
    AMEND = "amend"
    CANCEL = "cancel"


ORDER_ID_LENGTH = 15  # namespace 3, epoch 6, counter 6
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
DIGITS = frozenset(BASE36)


@lru_cache(maxsize=1024)  # a label is told again with every answer about its order
def is_order_id(text: str, namespace: str) -> bool:
    """Whether a label at a venue is a client order id of this namespace."""
    return len(text) == ORDER_ID_LENGTH and text.startswith(namespace) and DIGITS.issuperset(text)


# Names for what is compared for every order, price and size: Python 3.11 looks a member of an enum up by a function
# that is itself written in Python, which costs more than the comparison.
BUY, SELL = Side.BUY, Side.SELL
PENDING, WORKING, UNKNOWN, FILLED = Status.PENDING, Status.WORKING, Status.UNKNOWN, Status.FILLED
MAKER, TAKER = Liquidity.MAKER, Liquidity.TAKER
PLACE, AMEND, CANCEL = Request.PLACE, Request.AMEND, Request.CANCEL


class Transition(StrEnum):
    """The kinds of fact that move an order's status."""

    ACCEPTED = "accepted"  # the venue confirms that the order rests (also after an amend)
    REJECTED = "rejected"  # the venue refused the place, or the place never left us
    TIMED_OUT = "timed_out"  # the place was not answered by its deadline
    PARTLY_FILLED = "partly_filled"
    FULLY_FILLED = "fully_filled"
    CANCELED = "canceled"
    EXPIRED = "expired"


ACCEPTED, PARTLY_FILLED, FULLY_FILLED = Transition.ACCEPTED, Transition.PARTLY_FILLED, Transition.FULLY_FILLED


def _terminal(status: Status) -> dict[Transition, Status]:
    """A terminal state accepts every later word about the order, and stays."""
    return dict.fromkeys(Transition, status)


LIFECYCLE: dict[Status, dict[Transition, Status]] = {
    Status.PENDING: {
        Transition.ACCEPTED: Status.WORKING,
        Transition.REJECTED: Status.REJECTED,
        Transition.TIMED_OUT: Status.UNKNOWN,
        Transition.PARTLY_FILLED: Status.WORKING,  # the fill overtook the acceptance
        Transition.FULLY_FILLED: Status.FILLED,
        Transition.CANCELED: Status.CANCELED,
        Transition.EXPIRED: Status.EXPIRED,
    },
    Status.WORKING: {
        Transition.ACCEPTED: Status.WORKING,
        Transition.REJECTED: Status.REJECTED,
        Transition.TIMED_OUT: Status.WORKING,  # an answer overtook its own deadline
        Transition.PARTLY_FILLED: Status.WORKING,
        Transition.FULLY_FILLED: Status.FILLED,
        Transition.CANCELED: Status.CANCELED,
        Transition.EXPIRED: Status.EXPIRED,
    },
    Status.UNKNOWN: {
        Transition.ACCEPTED: Status.WORKING,
        Transition.REJECTED: Status.REJECTED,
        Transition.TIMED_OUT: Status.UNKNOWN,
        Transition.PARTLY_FILLED: Status.WORKING,
        Transition.FULLY_FILLED: Status.FILLED,
        Transition.CANCELED: Status.CANCELED,
        Transition.EXPIRED: Status.EXPIRED,
    },
    Status.FILLED: _terminal(Status.FILLED),
    Status.CANCELED: {
        **_terminal(Status.CANCELED),
        Transition.FULLY_FILLED: Status.FILLED,
    },  # late, but all of it
    Status.REJECTED: {**_terminal(Status.REJECTED), Transition.FULLY_FILLED: Status.FILLED},
    Status.EXPIRED: {**_terminal(Status.EXPIRED), Transition.FULLY_FILLED: Status.FILLED},
}

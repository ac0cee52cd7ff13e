"""Words: what a connection to Deribit is asked, by its owner or by itself, and what it tells its owner."""

from enum import StrEnum
from typing import Literal

import msgspec

from replenisher.model.command import AskOrder, AskTrades, OrderCommand, Question
from replenisher.venues.deribit import codec
from replenisher.venues.deribit.listed import Group


class MeasureClock(msgspec.Struct, frozen=True):
    """What time is it there?"""

    sent_at: int


class Chore(StrEnum):
    """What a connection needs for itself."""

    LOG_IN = "log in"
    RENEW = "renew the login"
    SET_HEARTBEAT = "set the heartbeat"
    PROBE = "probe"
    ARM_SWITCH = "arm cancel-on-disconnect"
    VERIFY_SWITCH = "verify cancel-on-disconnect"
    LOG_OUT = "log out"
    LOOK_AT_PLATFORM = "look at the platform"


class Define(msgspec.Struct, frozen=True):
    """What is this instrument?"""

    name: str


class Check(msgspec.Struct, frozen=True):
    """How far has the book of this instrument come?"""

    name: str


class Subscribe(msgspec.Struct, frozen=True):
    """Tell us what happens on these channels."""

    channels: tuple[str, ...]


class Unsubscribe(msgspec.Struct, frozen=True):
    """No longer tell us what happens on these channels."""

    channels: tuple[str, ...]


class Search(msgspec.Struct, frozen=True):
    """What became of an order that is not among the recent ones?"""

    question: AskOrder


class Page(msgspec.Struct, frozen=True):
    """Which trades of ours were there, beginning where the page before has ended?"""

    question: AskTrades
    group: Group
    is_archived: bool
    is_kept: bool  # its answer is told after the archive
    after: int  # the number of the last trade of that page; 0 if this is the first one


class Sweep(msgspec.Struct, frozen=True):
    """What became of so many orders that they are looked for together?"""

    questions: tuple[AskOrder, ...]
    currency: str
    among: Literal["open", "ended"]


class Abandon(msgspec.Struct, frozen=True):
    """Cancel this order, whose session is lost."""

    order_id: str


Chores = MeasureClock | Chore | Define | Check | Subscribe | Unsubscribe
Asked = Chores | Search | Sweep | Page | OrderCommand | Abandon | Question


class LoggedIn(msgspec.Struct, frozen=True):
    """The connection may be used."""


class Answered(msgspec.Struct, frozen=True):
    """The reply to something the owner asked."""

    what: Asked
    reply: codec.Frame


class Unanswered(msgspec.Struct, frozen=True):
    """The deadline of something the owner asked has passed."""

    what: Asked


class Notified(msgspec.Struct, frozen=True):
    """A frame of a subscription."""

    channel: str
    data: msgspec.Raw


class Lost(msgspec.Struct, frozen=True):
    """The connection is no more, with what was still to be answered on it."""

    reason: str
    unanswered: tuple[Asked, ...]
    is_refusal: bool = False  # of the key, or of what it may do
    is_overrun: bool = False  # the venue ended it, as we had asked too often


LinkEvent = LoggedIn | Answered | Unanswered | Notified | Lost

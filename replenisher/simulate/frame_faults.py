"""What may befall a frame: it is lost, late, told twice, garbled, refused, or answered from an older state.

A frame fault befalls a share of the frames that fit it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import msgspec

from replenisher.model.units import MS_NS, SECOND_NS
from replenisher.simulate.network import Link

SIGNATURE = re.compile(r'"signature":"[0-9a-f]+"')
SIZE = re.compile(r'"size":[-+.0-9e]+')
ORDERS = tuple(f'"method":"private/{verb}"' for verb in ("buy", "sell", "edit", "cancel"))


@dataclass(slots=True)
class Passage:
    """A frame on its way, and what becomes of it."""

    frame: str
    link: Link
    chance: Random
    comes: list[tuple[int, str]] = field(default_factory=list)  # what arrives, and how much later than it should
    ending: str = ""  # the connection breaks, and why
    is_one_too_many: bool = False  # the exchange says so, and ends the session

    def lose(self) -> None:
        """It never arrives."""
        self.comes = []

    def repeat(self, later_ns: int) -> None:
        """It arrives once more."""
        self.comes.append((later_ns, self.frame))

    def hold(self, later_ns: int) -> None:
        """It arrives later, and so does what follows it in its stream."""
        self.comes = [(later_ns, self.frame)]

    def become(self, frame: str) -> None:
        """Something else arrives."""
        self.comes = [(0, frame)]

    def exceed(self) -> None:
        """It is a request too many."""
        self.comes, self.is_one_too_many = [], True

    def cut(self, reason: str) -> None:
        """The connection breaks with it on its way."""
        self.comes, self.ending = [], reason


@dataclass(frozen=True, kw_only=True)
class FrameFault:
    """Befalls a share of the frames that fit."""

    name: str
    ids: tuple[str, ...]
    share_max: float
    is_up: bool  # on the way from the daemon to the exchange
    fits: Callable[[str], bool]
    befalls: Callable[[Passage], None]


# --- What a frame is -----------------------------------------------------------------------------------------------


def anything(_: str) -> bool:
    """Whatever it is."""
    return True


def is_order(frame: str) -> bool:
    """A place, an amend or a cancel."""
    return frame.startswith(ORDERS, frame.find('"method"'))


def is_answer(frame: str) -> bool:
    """The reply to a request."""
    return '"usIn":' in frame


def is_order_answer(frame: str) -> bool:
    """The reply to a place, an amend or a cancel."""
    return '"usIn":' in frame and ('"order":' in frame or '"order_state":' in frame or '"error":' in frame)


def is_book(frame: str) -> bool:
    """A change of a book."""
    return '"channel":"book.' in frame and '"type":"change"' in frame


def is_snapshot(frame: str) -> bool:
    """The first frame of a book."""
    return '"channel":"book.' in frame and '"type":"snapshot"' in frame


def is_told(frame: str) -> bool:
    """A notification on a channel."""
    return '"method":"subscription"' in frame


def is_private(frame: str) -> bool:
    """What the exchange tells of our own orders and fills without being asked."""
    return '"channel":"user.' in frame


def is_read(frame: str) -> bool:
    """The reply to a question for orders, trades or positions."""
    return '"usIn":' in frame and ('"result":[' in frame or '"trades":[' in frame)


def is_seeking(frame: str) -> bool:
    """A question for one order, by our own id."""
    return '/get_order_state_by_label"' in frame


def is_position(frame: str) -> bool:
    """The answer to a question for a position."""
    return '"usIn":' in frame and '"total_profit_loss":' in frame


def is_subscribing(frame: str) -> bool:
    """A request for channels."""
    return '/subscribe"' in frame


def is_login(frame: str) -> bool:
    """A login with our key."""
    return '"grant_type":"client_signature"' in frame


# --- What is done to it --------------------------------------------------------------------------------------------


def _garble(passage: Passage) -> None:
    frame, chance = passage.frame, passage.chance
    place = chance.randrange(len(frame))
    passage.become(chance.choice((frame[:place], frame[:place] + "\u2603" + frame[place + 1 :], "{}", "[1, 2", "null")))


def _leave_out_channel(passage: Passage) -> None:
    request = msgspec.json.decode(passage.frame)
    channels = request["params"]["channels"]
    del channels[passage.chance.randrange(len(channels))]
    passage.become(msgspec.json.encode(request).decode())


def _refuse_key(passage: Passage) -> None:
    passage.become(SIGNATURE.sub(f'"signature":"{0:064x}"', passage.frame))


def _tell_nothing_held(passage: Passage) -> None:
    passage.become(SIZE.sub('"size":0.0', passage.frame))


def _seek_another(passage: Passage) -> None:
    before, after = passage.frame.split('"label":"')
    passage.become(before + '"label":"nobody' + after[after.index('"') :])


def _hold_long(passage: Passage) -> None:
    passage.hold(round(passage.chance.uniform(0.1, 3) * SECOND_NS))


def _hold(passage: Passage) -> None:
    passage.hold(round(passage.chance.expovariate(1 / (200 * MS_NS))))


def _repeat(passage: Passage) -> None:
    passage.repeat(passage.chance.choice((0, 5 * MS_NS, SECOND_NS)))


FRAME_FAULTS = (
    FrameFault(name="change lost", ids=("N6",), share_max=0.01, is_up=False, fits=is_book, befalls=Passage.lose),
    FrameFault(
        name="snapshot lost", ids=("N6", "N15"), share_max=0.3, is_up=False, fits=is_snapshot, befalls=Passage.lose
    ),
    FrameFault(name="snapshot late", ids=("N15",), share_max=0.3, is_up=False, fits=is_snapshot, befalls=_hold),
    FrameFault(name="repeated", ids=("N7", "X9"), share_max=0.02, is_up=False, fits=is_told, befalls=_repeat),
    FrameFault(name="held back", ids=("N8", "X3"), share_max=0.02, is_up=False, fits=anything, befalls=_hold),
    FrameFault(name="request lost", ids=("N2", "X1"), share_max=0.02, is_up=True, fits=is_order, befalls=Passage.lose),
    FrameFault(
        name="answer lost",
        ids=("N2", "X1", "X2", "X5"),
        share_max=0.05,
        is_up=False,
        fits=is_order_answer,
        befalls=Passage.lose,
    ),
    FrameFault(
        name="cut before the request",
        ids=("N2",),
        share_max=0.01,
        is_up=True,
        fits=is_order,
        befalls=lambda passage: passage.cut("reset"),
    ),
    FrameFault(
        name="cut before the answer",
        ids=("N2", "X2", "X5"),
        share_max=0.01,
        is_up=False,
        fits=is_order_answer,
        befalls=lambda passage: passage.cut("reset"),
    ),
    FrameFault(name="garbled", ids=("N17",), share_max=0.002, is_up=False, fits=anything, befalls=_garble),
    FrameFault(
        name="channel left out", ids=("N9",), share_max=0.3, is_up=True, fits=is_subscribing, befalls=_leave_out_channel
    ),
    FrameFault(
        name="position empty", ids=("X30",), share_max=0.1, is_up=False, fits=is_position, befalls=_tell_nothing_held
    ),
    FrameFault(name="old answer", ids=("N20",), share_max=0.1, is_up=False, fits=is_read, befalls=_hold_long),
    FrameFault(
        name="too many requests", ids=("X13",), share_max=0.003, is_up=True, fits=is_order, befalls=Passage.exceed
    ),
    # A venue that forgets an order for longer than we believe it might cannot be survived, so this happens seldom.
    FrameFault(name="forgotten", ids=("X27",), share_max=0.02, is_up=True, fits=is_seeking, befalls=_seek_another),
    FrameFault(name="word lost", ids=("N10", "X1"), share_max=0.05, is_up=False, fits=is_private, befalls=Passage.lose),
    FrameFault(name="key refused", ids=("X15",), share_max=0.3, is_up=True, fits=is_login, befalls=_refuse_key),
    FrameFault(name="request late", ids=("N2", "N14"), share_max=0.05, is_up=True, fits=is_order, befalls=_hold_long),
)

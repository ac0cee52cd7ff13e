"""Whatever Deribit's side does, the machine keeps its promises."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from replenisher.model.command import AskPosition
from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    Event,
    FeedLost,
    PositionReported,
    QuestionFailed,
    SessionLost,
    SessionOpened,
)
from replenisher.venues.deribit.venue import MARKET, TRADING
from tests.venues.far import DEFINITION, KEY, MS, T0, Far, amend, cancel, kinds, make_open, order, place, trade

GOOD: dict[str, object] = {
    "public/get_time": T0 // MS,
    "public/auth": {"refresh_token": "r", "expires_in": 900},
    "public/set_heartbeat": "ok",
    "public/get_instrument": DEFINITION,
    "public/test": {},
    "private/enable_cancel_on_disconnect": "ok",
    "private/get_cancel_on_disconnect": {"scope": "connection", "enabled": True},
    "private/buy": {"order": order(), "trades": [trade()]},
    "private/edit": {"order": order(), "trades": []},
    "private/cancel": order("cancelled"),
    "private/get_position": {"size": 10},
}
ERRORS = st.sampled_from([10004, 10028, 11054, 13004, 13009, 13028, 99999])
GOOD_ANSWER = st.tuples(st.just("answer"), st.tuples(st.integers(0, 5), st.just("good")))
MOVES = st.one_of(
    *[GOOD_ANSWER] * 6,
    st.tuples(st.just("wait"), st.integers(1, 3_000)),
    st.tuples(st.just("carrier"), st.sampled_from(["open", "open", "open", "refuse"])),
    st.tuples(st.just("answer"), st.tuples(st.integers(0, 5), st.sampled_from(["good"] * 8 + ["odd", "none"]))),
    st.tuples(st.just("answer"), st.tuples(st.integers(0, 5), ERRORS)),
    st.tuples(st.just("book"), st.tuples(st.integers(1, 4), st.sampled_from([None, 1, 2, 3]), st.booleans())),
    st.tuples(st.just("frame"), st.sampled_from([b'{"id":1}', b'{"id":1,"result":7}', b'{"method":"x"}', b"[]"])),
    st.tuples(st.just("drop"), st.sampled_from([MARKET, TRADING])),
    st.tuples(st.just("suspend"), st.none()),
    st.tuples(st.just("send"), st.sampled_from([place(), amend(), cancel(), AskPosition(scope=KEY, deadline=T0)])),
)


class Chaos:
    """A far side that does as it likes, and what must hold whatever it does."""

    def __init__(self, begins_open: bool) -> None:
        self.far = make_open() if begins_open else Far()
        self.dialing: list[str] = []
        self.up: set[str] = {MARKET, TRADING} if begins_open else set()
        self.dialed = len(self.far.dialed)
        self.has_book = self.has_session = begins_open
        self.asked = self.told_of_questions = 0
        if not begins_open:
            self.far.venue.start(self.far.at)
            self.look(self.far.collect())

    def look(self, told: list[Event]) -> None:
        for fact in told:
            match fact:
                case BookSnapshot():
                    self.has_book = True
                case FeedLost():
                    self.has_book = False
                case BookChanged():
                    assert self.has_book, "a change was told of a book that nobody has"
                case SessionOpened():
                    self.has_session = True
                case SessionLost():
                    self.has_session = False
                case PositionReported() | QuestionFailed():
                    self.told_of_questions += 1
        self.dialing += self.far.dialed[self.dialed :]
        self.dialed = len(self.far.dialed)
        for close in self.far.closes:
            self.hang_up(close.connection)
        self.far.closes.clear()

    def hang_up(self, connection: str) -> None:
        if connection in self.up or connection in self.dialing:
            self.up.discard(connection)
            self.dialing = [other for other in self.dialing if other != connection]
            self.far.requests[connection].clear()
            self.far.venue.closed(connection, "gone", self.far.at)
            self.look(self.far.collect())

    def move(self, kind: str, what: Any) -> None:
        far = self.far
        match kind:
            case "wait":
                self.look(far.wait(what * MS))
            case "carrier" if self.dialing:
                connection = self.dialing[0]
                if what == "open":
                    self.dialing.pop(0)
                    self.up.add(connection)
                    far.venue.opened(connection, far.at)
                    self.look(far.collect())
                else:
                    self.hang_up(connection)
            case "answer":
                self.answer(*what)
            case "book" if MARKET in self.up:
                change_id, previous, on_grid = what
                self.look(far.book(change_id, previous, bids=[["new", 9999.5 if on_grid else 9999.7, 10.0]]))
            case "frame":
                for connection in sorted(self.up):
                    if connection in self.up:
                        far.venue.received(connection, what, far.at)
                        self.look(far.collect())
            case "drop":
                self.hang_up(what)
            case "suspend":
                far.venue.suspended(far.at)
                self.look(far.collect())
            case "send":
                self.send(what)

    def answer(self, number: int, how: str | int) -> None:
        waiting = [(connection, request) for connection in sorted(self.up) for request in self.far.requests[connection]]
        if not waiting:
            return
        connection, request = waiting[number % len(waiting)]
        self.far.requests[connection].remove(request)
        if isinstance(how, int):
            self.look(self.far.reply(connection, request, error={"code": how, "message": "no"}))
        else:
            good = request["params"].get("channels", GOOD.get(request["method"]))
            result = {"good": good, "odd": {"odd": 1}, "none": None}[how]
            self.look(self.far.reply(connection, request, result))

    def send(self, command: Any) -> None:
        before = len(self.far.requests[TRADING])
        had_session = self.has_session
        self.far.venue.send([command], self.far.at)
        told = self.far.collect()
        if isinstance(command, AskPosition):
            self.asked += 1
        elif had_session:
            assert told == []
            assert len(self.far.requests[TRADING]) == before + 1
        else:
            assert kinds(told) == ["NotSent"], "an order must not leave without a session"
            assert len(self.far.requests[TRADING]) == before
        self.look(told)


@given(st.booleans(), st.lists(MOVES, max_size=120))
def test_whatever_the_far_side_does_the_machine_keeps_its_promises(
    begins_open: bool, moves: list[tuple[str, Any]]
) -> None:
    chaos = Chaos(begins_open)

    for kind, what in moves:
        chaos.move(kind, what)
    chaos.far.venue.stop(chaos.far.at)
    chaos.look(chaos.far.collect())

    assert chaos.told_of_questions == chaos.asked, "every question has exactly one end"
    assert chaos.far.venue.next_wake is None
    assert not chaos.has_session

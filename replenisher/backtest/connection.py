"""Our trading connection, both its ends: what is under way to the exchange, and what becomes of that if it ends.

It ends when we ask more often than the exchange takes (`exchange.rate`). Then our orders are canceled there, whatever
is still under way is nobody's, and nothing of our own is told until another connection stands. When that is dialed says
the same machine that says so for the venue (`venues/session.py`); how long it takes until it stands, the latency.
"""

from collections import deque
from collections.abc import Callable, Iterator

from replenisher.backtest.hearing import Hearing
from replenisher.exchange.dialects.deribit.credits import Credits, Pool
from replenisher.exchange.dialects.deribit.settings import DeribitSettings
from replenisher.exchange.latency import Way
from replenisher.model.command import OrderCommand, Question
from replenisher.model.event import Event, NotSent, QuestionFailed, SessionLost, SessionOpened
from replenisher.model.units import NEVER_NS
from replenisher.venues.deribit.own_orders import request_of
from replenisher.venues.session import DIAL_COST, Pace, Phase, Session, dials

ENDED = "1008 too_many_requests"  # as the exchange closes a socket
ROUND_TRIPS = 6  # to connect, the clock, the login, the switch and the proof that it is armed, the subscription


class Connection:
    """One after the other, for one account."""

    def __init__(
        self,
        venue: str,
        hearing: Hearing,
        limits: DeribitSettings,
        *,
        requests: Way,
        replies: Way,
        chance: Callable[[], float],
    ) -> None:
        self.next_at = NEVER_NS  # when something reaches one of its ends
        self._venue = venue
        self._hearing = hearing
        self._limits = limits
        self._credits = Credits()
        self._requests = requests
        self._replies = replies
        self._under_way: deque[tuple[int, OrderCommand | Question]] = deque()  # by when it is at the exchange
        self._stands_there = self._stands_here = True
        self._lost: list[Question] = []  # that reached the exchange when it had ended there
        self._due_at = NEVER_NS  # when we hear that it has ended, then when we dial, then when the next one is there
        self._opens_at = NEVER_NS  # when we hear that it does
        self._attempts = dials()
        self._session: Session[None] = Session("trading", "", Pace(), chance, self._attempts, [])

    def begin(self, at: int) -> None:
        """The first one stands, beside the one over which the market is heard."""
        self._attempts.take(DIAL_COST, at)
        self._session.start(at)
        self._session.opened(at)

    def send(self, command: OrderCommand | Question, at: int) -> None:
        """We ask for something."""
        if not self._stands_here:
            self._hearing.put([self._not_sent(command, at)])
            return
        arrival = self._requests.arrival(at)
        self._under_way.append((arrival, command))
        if arrival < self.next_at:
            self.next_at = arrival

    def arrived(self, at: int) -> Iterator[OrderCommand | Question]:
        """What the exchange reads now, one by one: it may end the connection in between."""
        under_way = self._under_way
        self._wake(at)
        while under_way and under_way[0][0] <= at:
            command = under_way.popleft()[1]
            if self._stands_there:
                yield command
            elif isinstance(command, Question):
                self._lost.append(command)
        self._wake(at)
        self.next_at = min(under_way[0][0] if under_way else NEVER_NS, self._due_at)

    def pays(self, pool: Pool, at: int) -> bool:
        """Whether there is a credit left for a request that is at the exchange."""
        return self._credits.pay(pool, self._limits, at)

    def end(self, at: int) -> None:
        """The exchange ends it."""
        self._stands_there = False
        self._due_at = self._replies.arrival(at)
        self._hearing.put([SessionLost(at=self._due_at, venue=self._venue, reason=ENDED)])
        self._hearing.hears_own = False

    # --- Our end --------------------------------------------------------------------------------------------------

    def _wake(self, at: int) -> None:
        while self._due_at <= at:
            if self._stands_here:
                self._hear_of_its_end(at)
            elif self._session.phase is Phase.WAITING:
                self._dial(at)
            else:
                self._stand(at)

    def _hear_of_its_end(self, at: int) -> None:
        """Questions that nobody answers have failed; what became of orders is for the next session to find out."""
        self._stands_here = False
        asked = [*self._lost, *(command for _, command in self._under_way if isinstance(command, Question))]
        self._hearing.put([self._failed(question, ENDED, at) for question in asked])
        self._lost.clear()
        self._under_way.clear()
        self._session.overran()
        self._session.closed(at)
        self._due_at = self._session.next_wake or NEVER_NS

    def _dial(self, at: int) -> None:
        """Connect if there may be one more attempt, and do all that it takes until our own changes are told again."""
        self._session.wake(at)
        if self._session.phase is Phase.WAITING:
            self._due_at = self._session.next_wake or NEVER_NS
            return
        for _ in range(ROUND_TRIPS):
            self._due_at = self._requests.arrival(at)
            at = self._replies.arrival(self._due_at)
        self._opens_at = at

    def _stand(self, at: int) -> None:
        self._session.opened(at)
        self._stands_here = self._stands_there = True
        self._due_at = NEVER_NS
        self._hearing.hears_own = True
        self._hearing.put([SessionOpened(at=self._opens_at, venue=self._venue)])

    def _not_sent(self, command: OrderCommand | Question, at: int) -> Event:
        if isinstance(command, Question):
            return self._failed(command, "no session", at)
        return NotSent(at=at, order_id=command.order_id, request=request_of(command))

    def _failed(self, question: Question, message: str, at: int) -> QuestionFailed:
        name, subject = type(question).__name__, question.subject
        return QuestionFailed(at=at, venue=self._venue, question=name, subject=subject, message=message)

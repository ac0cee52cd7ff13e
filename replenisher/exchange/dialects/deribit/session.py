"""One client's connection: its login, its subscriptions, its heartbeat, and whether its orders die with it."""

from replenisher.exchange.dialects.deribit.credits import Credits
from replenisher.exchange.dialects.deribit.login import Login
from replenisher.exchange.dialects.deribit.subscription import Subject, Subscription
from replenisher.exchange.dialects.dialect import HttpRequest

# Measured at the venue with an interval of 10 s: the first test request comes after 12.0 to 12.6 s and the next ones
# every 10.6 s; one that is not answered closes the connection 10.0 s later. A connection that has no subscription and
# says nothing is dropped after 60.5 s. Documented: cancel-on-disconnect also fires after ten minutes of silence.
FIRST_TEST_DELAY_NS = 2_300_000_000
TEST_DELAY_NS = 600_000_000
IDLE_NS_MAX = 60_500_000_000
SILENCE_NS_MAX = 600_000_000_000
HEARTBEAT_S_MIN = 10

Heard = tuple[str, Subscription]  # a channel, and what is heard there


class Heartbeat:
    """Asks a client for a sign of life, again and again."""

    def __init__(self, interval_ns: int, at: int) -> None:
        self._interval_ns = interval_ns
        self._next_beat = at + interval_ns
        self._next_test = at + interval_ns + FIRST_TEST_DELAY_NS
        self._dies_at: int | None = None

    @property
    def next_wake(self) -> int:
        """When the next frame or the end is due."""
        due = min(self._next_beat, self._next_test)
        return due if self._dies_at is None else min(due, self._dies_at)

    def answered(self) -> None:
        """The client has called `public/test`."""
        self._dies_at = None

    def is_dead(self, at: int) -> bool:
        """Whether a test request was left unanswered for too long."""
        return self._dies_at is not None and at >= self._dies_at

    def due(self, at: int) -> list[str]:
        """The types of the frames to send now."""
        types = []
        if at >= self._next_beat:
            types.append("heartbeat")
            self._next_beat = at + self._interval_ns
        if at >= self._next_test:
            types.append("test_request")
            self._next_test = at + self._interval_ns + TEST_DELAY_NS
            self._dies_at = at + self._interval_ns
        return types


class Session:
    """What the exchange knows about one connection; an HTTP request is one that ends with its reply."""

    def __init__(self, connection: str, at: int, request: HttpRequest | None = None) -> None:
        self.connection = connection
        self.request = request  # None on a socket
        self.login: Login | None = None
        self.heartbeat: Heartbeat | None = None
        self.cancels_on_disconnect = False
        self.subscriptions: dict[str, Subscription] = {}  # by channel
        self._concerned: dict[Subject, list[Heard]] = {}  # as far as somebody has asked; void once they change
        self._begun: list[Heard] = []
        self._gathering: dict[str, Subscription] = {}  # those that must tell something in a while
        self.last_heard = at
        self.credits = Credits()  # of who has not logged in
        self.says_goodbye = False  # logged out: it is closed after this request

    @property
    def idle_deadline(self) -> int | None:
        """When the connection is dropped unless the client says something."""
        if self.heartbeat:
            return None
        if not self.subscriptions:
            return self.last_heard + IDLE_NS_MAX
        return self.last_heard + SILENCE_NS_MAX if self.cancels_on_disconnect else None

    # --- What it hears -------------------------------------------------------------------------------------------

    def subscribe(self, channel: str, subscription: Subscription) -> None:
        """From now on it hears this channel, too."""
        self.subscriptions[channel] = subscription
        self._begun.append((channel, subscription))
        self._concerned.clear()

    def unsubscribe(self, channel: str) -> bool:
        """It hears this channel no more; whether it did."""
        self._gathering.pop(channel, None)
        self._concerned.clear()
        return self.subscriptions.pop(channel, None) is not None

    def begun(self) -> list[Heard]:
        """The channels that are heard since this was last asked, and still are."""
        begun, self._begun = self._begun, []
        return [(channel, each) for channel, each in begun if self.subscriptions.get(channel) is each]

    def concerned(self, subject: Subject) -> list[Heard]:
        """The channels that events about this belong to: what is looked at grows with them, not with all there are."""
        concerned = self._concerned.get(subject)
        if concerned is None:
            heard = self.subscriptions.items()
            concerned = self._concerned[subject] = [each for each in heard if each[1].concerns(subject)]
        return concerned

    def gathers(self, channel: str, subscription: Subscription) -> None:
        """A channel has gathered something that it must tell in a while."""
        self._gathering[channel] = subscription

    def due(self, at: int) -> list[Heard]:
        """The channels that must tell now what they have gathered."""
        due = [each for each in self._gathering.items() if each[1].due_at is not None and each[1].due_at <= at]
        for channel, _ in due:
            del self._gathering[channel]
        return due

    # --- When something of it is due -----------------------------------------------------------------------------

    @property
    def next_wake(self) -> int | None:
        """The first of its deadlines."""
        first = self.heartbeat.next_wake if self.heartbeat else self.idle_deadline
        for subscription in self._gathering.values():
            due = subscription.due_at
            if due is not None and (first is None or due < first):
                first = due
        return first

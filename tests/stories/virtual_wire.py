"""A wire on virtual time: the venue and the exchange hear each other at once, as far as they hear each other at all."""

import random
from collections import deque

from bench.small_exchange import BTC_PERPETUAL, exchange_of
from replenisher.exchange.dialects.deribit import ApiKey, Deribit, DeribitSettings
from replenisher.exchange.dialects.dialect import Close as HangUp
from replenisher.exchange.dialects.dialect import Send as Answer
from replenisher.model.command import Intent, PlaceOrder
from replenisher.model.event import Event
from replenisher.model.order import Side
from replenisher.venues.deribit.settings import Credentials, Settings
from replenisher.venues.deribit.venue import DeribitVenue
from replenisher.venues.venue import Close, Connect, Send

START = 1_800_000_000_000_000_000
S = 1_000_000_000
MAKER = ApiKey("me", "secret", "main")
ORDER = PlaceOrder(
    order_id="abc000000000001",
    instrument="deribit/BTC-PERPETUAL",
    strategy="core",
    side=Side.BUY,
    level=0,
    price=100_000,
    quantity=1,
    intent=Intent.QUOTE,
    valid_until=START + 60 * S,
    deadline=START + 60 * S,
)


class Wire:
    """A venue and an exchange that hear each other at once, until the wire is cut and neither is told."""

    def __init__(self, dead_man_switch_s: int = 60, age_ns_max: int | None = None) -> None:
        self.at = START
        self.is_cut = False
        self.unheard: set[str] = set()  # connections on which the exchange hears nothing any more, and still speaks
        self.silenced: tuple[str, ...] = ()  # what the exchange says of these channels is lost
        self.closed: list[tuple[str, str]] = []  # by the venue, and why
        self.facts: list[Event] = []
        self.last_sign_of_life = START
        self.exchange = exchange_of("main", at=START)
        self._dialect = Deribit(self.exchange, DeribitSettings(keys=(MAKER,)))
        self.venue = DeribitVenue(
            name="deribit",
            url="ws://far",
            credentials=Credentials(MAKER.client_id, MAKER.client_secret),
            instruments=[BTC_PERPETUAL.name],
            namespace="abc",
            random=random.Random(7).random,
            settings=Settings(dead_man_switch_s=dead_man_switch_s, age_ns_max=age_ns_max),
        )
        self.venue.start(START)
        self.carry()

    def run_to(self, end: int) -> None:
        """Let time pass, waking both when they want to be woken."""
        while (at := min(self.venue.next_wake or end, self._dialect.next_wake or end)) < end:
            self.at = max(self.at, at)
            self._dialect.wake(self.at)
            self.venue.wake(self.at)
            self.carry()
        self.at = end

    def carry(self) -> None:
        """Take everything to the other side, and what that answers, until both are silent."""
        actions = deque(self.venue.actions())
        while actions:
            match actions.popleft():
                case _ if self.is_cut:
                    pass
                case Connect(connection):
                    self._dialect.opened(connection, self.at)
                    self.venue.opened(connection, self.at)
                case Send(connection) | Close(connection) if connection in self.unheard:
                    pass
                case Send(connection, frames):
                    self.last_sign_of_life = self.at
                    for frame in frames:
                        self._dialect.received(connection, frame, self.at)
                case Close(connection, reason):
                    self.closed.append((connection, reason))
                    self._dialect.closed(connection, self.at)
                    self.venue.closed(connection, reason, self.at)
            self._answer()
            actions.extend(self.venue.actions())
        self._answer()
        self.facts += self.venue.facts()

    def _answer(self) -> None:
        for action in self._dialect.actions():
            if isinstance(action, HangUp) and not self.is_cut:
                self.venue.closed(action.connection, action.reason, self.at)
            if isinstance(action, Answer) and not self.is_cut and not self._is_silenced(action.frame):
                self.venue.received(action.connection, action.frame, self.at)

    def _is_silenced(self, frame: str) -> bool:
        return any(f'"channel":"{channel}' in frame for channel in self.silenced)

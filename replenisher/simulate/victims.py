"""What faults are done to: the daemon that lives now, its connections, its machine, its database, and the exchange."""

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from replenisher.exchange.dialects.dialect import Close, Send
from replenisher.exchange.words import InstrumentState
from replenisher.model.instrument import name_of
from replenisher.model.units import SECOND_NS, US_NS
from replenisher.simulate.by_hand import ByHand
from replenisher.simulate.exchange_end import ExchangeEnd
from replenisher.simulate.guest import Guest
from replenisher.simulate.life import Life, Place
from replenisher.simulate.moments import KILLED, POWER_LOST
from replenisher.simulate.network import Hit, Link, Network
from replenisher.simulate.second import Second
from replenisher.simulate.timeline import Timeline

AWAY_S = (0.5, 120.0)  # how long something is gone: mostly for seconds, and now and then for minutes


class Victims:
    """Lets the world suffer. `life` is the daemon that lives now, or died last."""

    life: Life

    def __init__(
        self,
        timeline: Timeline,
        counter: ExchangeEnd,
        network: Network,
        place: Place,
        second: Second,
        account: str,
        instruments: Sequence[str],
        chance: Random,
    ) -> None:
        self.chance = chance
        self.away_s = AWAY_S
        self.rows_lost: Callable[[], None] = lambda: None  # is called when power loss took some back
        self.refused: Callable[[str], None] = lambda _: None  # is called with a request that is in no ledger
        self._instruments = instruments  # that are quoted, by key
        self.disk = place.disk
        self._stranger = ByHand(counter, account, chance)
        self._guest = Guest(timeline, counter, chance)
        self._timeline = timeline
        self._counter = counter
        self._network = network
        self._place = place
        self._second = second
        self._is_maintained = False
        self._lasting: list[Callable[[], None]] = []  # what ends when there are no faults any more

    def for_a_while(self, for_ns: int, begins: Callable[[], None], ends: Callable[[], None]) -> None:
        """Let something be so until then, or until there are no faults any more."""
        begins()

        def end() -> None:
            if ends in self._lasting:
                self._lasting.remove(ends)
                ends()

        self._lasting.append(ends)
        self._timeline.put(self._timeline.at + for_ns, end)

    def recover(self) -> None:
        """What lasts ends now, and what was to come does not."""
        self._place.moments.live_on()
        if self._place.database is not None:
            self._place.database.stay()
        lasting, self._lasting = self._lasting, []
        for ends in lasting:
            ends()

    def pause_ns(self) -> int:
        """How long something is gone."""
        shortest, longest = self.away_s
        gone_s: float = shortest * (longest / shortest) ** self.chance.random()
        return round(gone_s * SECOND_NS)

    # --- Connections ----------------------------------------------------------------------------------------------

    def link(self, connection: str) -> Link | None:
        """A connection of the daemon's that is open: that of this name, or whichever."""
        links = [
            link
            for link in self._network.links.values()
            if link.is_open_here and link.is_open_there and connection in ("", link.connection)
        ]
        return self.chance.choice(links) if links else None

    def cut(self, link: Link, reason: str) -> None:
        """Break it."""
        self._network.cut(link, reason)

    def unplug(self, hit: Hit, for_ns: int) -> None:
        """Its machine has no network."""
        self.for_a_while(for_ns, lambda: self._network.unplug(hit), self._network.plug_in)

    def end_session(self, link: Link, frame: str) -> None:
        """The exchange says that this request was one too many, and ends the session."""
        request_id, at_us = msgspec.json.decode(frame)["id"], self._timeline.at // US_NS
        error = {"code": 10028, "message": "too_many_requests"}
        reply = {"jsonrpc": "2.0", "id": request_id, "error": error, "usIn": at_us, "usOut": at_us, "usDiff": 0}
        told = msgspec.json.encode(reply | {"testnet": False}).decode()
        self._network.answer([Send(link.name, told), Close(link.name, 1008, "too_many_requests")])
        self._counter.closed(link.name)
        self.refused(frame)

    # --- The daemon and its machine -------------------------------------------------------------------------------

    def kill(self, hit: Hit, *, power_lost: bool = False) -> None:
        """End the daemon."""
        if self.life.is_over:
            return
        hit()
        self.life.kill(POWER_LOST if power_lost else KILLED)

    def lose_power(self) -> None:
        """What a machine without power takes with it: what was not synced, and every goodbye."""
        self._network.fall_silent(self.life)
        self.disk.lose_power(self.chance)
        # A database that serves a second daemon is on another machine.
        if self._place.database is not None and self._second.is_gone:
            self._place.database.lose_power(self.chance)
            self.rows_lost()

    def crash(self, hit: Hit, moment: str) -> None:
        """Let it die at the next such moment."""
        self._place.moments.die_at_next(moment, hit)

    def terminate(self, hit: Hit, *, times: int) -> None:
        """Send it the signal that means a stop."""
        if not self.life.is_over:
            hit()
            for _ in range(times):
                self.life.interrupt()

    def take_down(self, hit: Hit, verb: str, for_ns: int) -> None:
        """The operator has all quotes taken off for a while, and lets whoever lives then go on."""
        if not self.life.is_over:
            hit()
            self.for_a_while(
                for_ns, lambda: self.life.ask(verb), lambda: self.life.ask("resume", reason="the operator has looked")
            )

    def start_second(self, hit: Hit, for_ns: int) -> None:
        """Somebody starts another one with the same configuration, on a data directory of its own."""
        self.for_a_while(for_ns, lambda: self._second.come(hit), self._second.leave)

    def suspend(self, hit: Hit, for_ns: int) -> None:
        """Its process does not run."""
        if not self.life.is_over:
            self.life.loop.stand_still(self._timeline.at + for_ns, hit)

    def step_clock(self, hit: Hit, step_ns: int) -> None:
        """Somebody sets its machine's clock."""
        if not self.life.is_over:
            hit()
            self.life.clock.step(step_ns)

    # --- The database ---------------------------------------------------------------------------------------------

    def lock_database(self, hit: Hit, *, is_locked: bool) -> None:
        """Somebody holds it."""
        if self._place.database is not None:
            self._place.database.lock(hit if is_locked else None)

    def lose_database(self, hit: Hit, when: str, *, recorder_dies: bool) -> None:
        """The connection to it ends at the next COMMIT, or the recorder's process does."""
        if self._place.database is not None:

            def befall() -> None:
                hit()
                if recorder_dies:
                    self.life.restart_recorder()

            self._place.database.go_away(when, befall)

    # --- The exchange ---------------------------------------------------------------------------------------------

    def restart_exchange(self, hit: Hit, for_ns: int | None = None) -> None:
        """It goes away, and comes back so much later, or a while."""
        if self._counter.is_open:
            hit()
            self.for_a_while(self.pause_ns() if for_ns is None else for_ns, self._lose_exchange, self._counter.start)

    def _lose_exchange(self) -> None:
        self._counter.stop()
        self._network.refuse_all()

    def trade_by_hand(self, hit: Hit, for_ns: int) -> None:
        """Somebody else lets an order rest on our account."""
        if not self._counter.is_open:
            return
        at = self._timeline.at
        if order_id := self._stranger.place(name_of(self._instruments[0]), at):
            hit()
            self.for_a_while(for_ns, lambda: None, lambda: self._stranger.cancel(order_id, self._timeline.at))

    def receive_guest(self, hit: Hit) -> None:
        """Another client of the exchange comes."""
        if self._counter.lets_in:
            hit()
            self._guest.visit()

    def interrupt(self, hit: Hit, state: InstrumentState, for_ns: int) -> None:
        """An instrument does not trade for a while."""
        name = name_of(self.chance.choice(self._instruments))

        def begin() -> None:
            hit()
            self._counter.interrupt(state, name)

        if self._counter.is_open:
            self.for_a_while(for_ns, begin, lambda: self._counter.interrupt(InstrumentState.OPEN, name))

    def maintain(self, hit: Hit, stages: Sequence[tuple[InstrumentState, int]]) -> None:
        """The whole platform goes through these states, each for so long, and is open again; one at a time."""
        if self._is_maintained:
            return
        self._is_maintained = True

        def enter(state: InstrumentState) -> None:
            if self._is_maintained:
                hit()
                self._counter.interrupt(state)

        def begin() -> None:
            at = self._timeline.at
            for state, for_ns in stages:
                self._timeline.put(at, enter, state)
                at += for_ns

        def end() -> None:
            self._is_maintained = False
            self._counter.interrupt(InstrumentState.OPEN)

        self.for_a_while(sum(for_ns for _, for_ns in stages), begin, end)

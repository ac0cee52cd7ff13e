"""The dialect itself: frames in, frames out, and the moments at which it must act by itself.

A request is answered at once: the market runs up to now, the method is called, the reply goes out, then what the
exchange reported about it, then the first frames of new subscriptions. A venue may as well tell an order's change
before it answers the request that caused it, and answer that later than a question that came after it: `order_reply_ms`
holds back the replies to what went to the matching engine.
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from replenisher.exchange.dialects.deribit import http
from replenisher.exchange.dialects.deribit.desk import open_desk
from replenisher.exchange.dialects.deribit.dispatch import Dispatch, reaches_the_engine
from replenisher.exchange.dialects.deribit.errors import (
    BAD_REQUEST,
    INVALID_CONTENT_TYPE,
    INVALID_REQUEST,
    TOO_MANY_REQUESTS,
    Fault,
    Refused,
    fault,
    refuse,
)
from replenisher.exchange.dialects.deribit.numbers import Shape
from replenisher.exchange.dialects.deribit.session import Session
from replenisher.exchange.dialects.deribit.settings import DeribitSettings
from replenisher.exchange.dialects.deribit.subscription import Event, subject_of
from replenisher.exchange.dialects.dialect import DROPPED, Action, Close, HttpReply, HttpRequest, Send
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.words import InstrumentChanged, Print, Report
from replenisher.model.units import MS_NS, US_NS

REQUEST_BYTES_MAX = 32_768
GOODBYE = 1000
TERMINATED = 1008
RESTARTING = 1012
HEARTBEAT_LOST = 4000  # measured at the venue


class Deribit:
    """Speaks to every client of one exchange."""

    path = "/ws/api/v2"

    def __init__(self, exchange: Exchange, settings: DeribitSettings) -> None:
        self._exchange = exchange
        self._settings = settings
        desk = open_desk(exchange, settings)
        self._dispatch = Dispatch(desk)
        self._catalogue = desk.catalogue
        self.is_shut = self._catalogue.is_shut()
        self._has_turned = False  # whether an instrument has come into another state since we looked at the door
        self._sessions: dict[str, Session] = {}
        self._sessions_due: int | None = None  # the first deadline of all sessions
        self._actions: list[Action] = []
        self._held: deque[tuple[int, Send | HttpReply]] = deque()  # replies, and when they are due
        self._held_us = round(settings.order_reply_ms * MS_NS / US_NS)
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(float_hook=Decimal)

    @property
    def next_wake(self) -> int | None:
        """When the market moves by itself, or a connection's deadline comes."""
        first = self._exchange.next_at
        for due in (self._sessions_due, self._held[0][0] if self._held else None):
            if due is not None and (first is None or due < first):
                first = due
        return first

    def actions(self) -> list[Action]:
        """What has to be done, in order; the list is the caller's."""
        actions, self._actions = self._actions, []
        return actions

    def opened(self, connection: str, at: int) -> None:
        """A client has connected."""
        self._sessions[connection] = Session(connection, at)
        self._look_at_deadlines()

    def closed(self, connection: str, at: int) -> None:
        """A connection has ended; its orders end with it if their owner asked for that."""
        session = self._sessions.pop(connection, None)
        self._look_at_deadlines()
        if session is None or session.login is None or not session.cancels_on_disconnect:
            return
        self._exchange.cancel_all(
            session.login.key.account,
            connection=connection,
            reason="cancel_on_disconnect",
            method="cancel_on_disconnect",
            at=at,
        )
        self._publish(at)

    def wake(self, at: int) -> None:
        """Run the market, and do what has become due on each connection."""
        self._catch_up(at)
        if self._sessions_due is None or at < self._sessions_due:
            return
        for session in list(self._sessions.values()):
            self._tell_gathered(session, at)
            self._keep_alive(session, at)
        self._look_at_deadlines()

    def received(self, connection: str, frame: str | bytes, at: int) -> None:
        """One request of one client. A frame that comes after the end of its session is nobody's."""
        self._catch_up(at)
        session = self._sessions.get(connection)
        if session is None:
            return
        session.last_heard = at
        reply = self._answer(session, frame, at)
        if not session.says_goodbye:
            self._respond(Send(connection, self._encoded(reply)), reply["usDiff"], at)
        self._publish(at)
        for name, subscription in session.begun():
            self._notify(session, name, subscription.first(at))
        if session.says_goodbye:
            self._end(session, GOODBYE, "logout", at)
        elif reply.get("error") == fault(TOO_MANY_REQUESTS):
            self._end(session, TERMINATED, "too_many_requests", at)
        self._look_at_deadlines()

    def requested(self, connection: str, request: HttpRequest, at: int) -> None:
        """One HTTP request: a session of its own, which ends with the reply."""
        self._catch_up(at)
        reply = self._answer(Session(connection, at, request), request, at)
        status = http.status(request, is_error="error" in reply)
        self._respond(HttpReply(connection, status, self._encoded(reply)), reply["usDiff"], at)
        self._publish(at)

    def _answer(self, session: Session, message: str | bytes | HttpRequest, at: int) -> Shape:
        request: dict[str, Any] = {}
        is_held = False
        try:
            request = self._read(message)
            if not _is_id(request.get("id")):
                del request["id"]  # nothing that could be repeated
                refuse(INVALID_REQUEST)
            is_held = reaches_the_engine(request.get("method"))
            outcome: Shape = {"result": self._dispatch.answer(session, request, at)}
        except Refused as refused:
            outcome = {"error": refused.fault}
            is_held &= refused.fault.code != TOO_MANY_REQUESTS  # it never got there, and nobody would hear it later
        return self._reply(outcome, request.get("id"), at, self._held_us if is_held else 0)

    def _read(self, message: str | bytes | HttpRequest) -> dict[str, Any]:
        match message:
            case HttpRequest(method="GET"):
                return http.from_query(message.target)
            case HttpRequest(method="POST"):
                if not http.is_json(message):
                    refuse(INVALID_CONTENT_TYPE)
                return self._parsed(message.body)
            case HttpRequest():
                return refuse(INVALID_REQUEST)
            case _:
                return self._parsed(message)

    def _parsed(self, text: str | bytes) -> dict[str, Any]:
        if len(text) > REQUEST_BYTES_MAX:
            raise Refused(Fault(INVALID_REQUEST, "request entity too large"))
        try:
            request = self._decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, RecursionError):
            refuse(BAD_REQUEST, "invalid json")
        return request if isinstance(request, dict) else refuse(INVALID_REQUEST)

    def _reply(self, outcome: Shape, request_id: Any, at: int, held_us: int) -> Shape:
        now_us = at // US_NS
        identified = {} if request_id is None else {"id": request_id}
        stamps = {"usIn": now_us, "usOut": now_us + held_us, "usDiff": held_us, "testnet": self._settings.testnet}
        return {"jsonrpc": "2.0"} | identified | outcome | stamps

    def _respond(self, reply: Send | HttpReply, held_us: int, at: int) -> None:
        """Send a reply, now or when it is due."""
        if held_us:
            self._held.append((at + held_us * US_NS, reply))
        else:
            self._actions.append(reply)

    def _catch_up(self, at: int) -> None:
        """Before anyone is listened to: the market runs, and what was held back until now has waited longest."""
        self._run_market(at)
        self._release(at)

    def _release(self, at: int) -> None:
        """Send the replies that are due, as far as there is somebody left to hear them."""
        while self._held and self._held[0][0] <= at:
            _, reply = self._held.popleft()
            if isinstance(reply, HttpReply) or reply.connection in self._sessions:
                self._actions.append(reply)

    def _run_market(self, at: int) -> None:
        next_at = self._exchange.next_at
        if next_at is not None and next_at <= at:
            self._exchange.advance(at)
            self._publish(at)
        if self._has_turned:
            self._look_at_the_door(at)

    def _publish(self, at: int) -> None:
        """Tell every subscriber what the exchange reported, in the order in which it happened."""
        for event in self._events(self._exchange.reports()):
            self._has_turned |= isinstance(event, InstrumentChanged)
            subject = subject_of(event)
            for session in self._sessions.values():
                for name, subscription in session.concerned(subject):
                    if frames := subscription.hear(event, at):
                        self._notify(session, name, frames)
                    if (due := subscription.due_at) is None:
                        continue
                    session.gathers(name, subscription)
                    if self._sessions_due is None or due < self._sessions_due:
                        self._sessions_due = due

    def _look_at_the_door(self, at: int) -> None:
        """A platform that shuts ends every session."""
        self.is_shut, self._has_turned = self._catalogue.is_shut(), False
        for session in list(self._sessions.values()) if self.is_shut else ():
            if self._settings.keeps_orders_when_shut:
                session.cancels_on_disconnect = False
            self._end(session, RESTARTING, "service restart", at)

    def _events(self, reports: list[Report]) -> Iterator[Event]:
        """Reports one by one; the prints of one event are told together."""
        prints: list[Print] = []
        for report in reports:
            if prints and not (isinstance(report, Print) and _belong_together(prints[-1], report)):
                yield tuple(prints)
                prints = []
            if isinstance(report, Print):
                prints.append(report)
            else:
                yield report
        if prints:
            yield tuple(prints)

    def _look_at_deadlines(self) -> None:
        """See when the first session must be looked at; events in between may only bring that forward."""
        deadlines = [due for session in self._sessions.values() if (due := session.next_wake) is not None]
        self._sessions_due = min(deadlines, default=None)

    def _tell_gathered(self, session: Session, at: int) -> None:
        for name, subscription in session.due(at):
            self._notify(session, name, subscription.tell(at))

    def _keep_alive(self, session: Session, at: int) -> None:
        if session.heartbeat is None:
            if session.idle_deadline is not None and session.idle_deadline <= at:
                self._end(session, DROPPED, "idle", at)
        elif session.heartbeat.is_dead(at):
            self._end(session, HEARTBEAT_LOST, "heartbeat close", at)
        else:
            for kind in session.heartbeat.due(at):
                self._send(session.connection, _notification("heartbeat", {"type": kind}))

    def _end(self, session: Session, code: int, reason: str, at: int) -> None:
        """The session is over now, however long its socket takes to notice."""
        self._actions.append(Close(session.connection, code, reason))
        self.closed(session.connection, at)

    def _notify(self, session: Session, channel: str, frames: list[Any]) -> None:
        for data in frames:
            self._send(session.connection, _notification("subscription", {"channel": channel, "data": data}))

    def _send(self, connection: str, message: Shape) -> None:
        self._actions.append(Send(connection, self._encoded(message)))

    def _encoded(self, message: Shape) -> str:
        return self._encoder.encode(message).decode()


def _notification(method: str, params: Shape) -> Shape:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def _belong_together(before: Print, after: Print) -> bool:
    return (before.instrument, before.at, before.taker) == (after.instrument, after.at, after.taker)


def _is_id(named: Any) -> bool:
    """Whether a request may be called so: by a whole number or a text, or not at all."""
    return named is None or (isinstance(named, int | str) and not isinstance(named, bool))

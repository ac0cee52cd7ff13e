"""What the doctor asks of Deribit over HTTP: the clock, what the key may do, the account, and each instrument.

Everything here reads. A refusal is an answer of its own: it says what the key may not even see.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from replenisher.core.budget import RateLimit
from replenisher.errors import Unreachable
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.units import MS_NS, US_NS
from replenisher.venues.deribit import codec, private, public, requests
from replenisher.venues.deribit.scope import EVERYTHING, may_write
from replenisher.venues.deribit.settings import Credentials
from replenisher.venues.doctor import Answers, Clock, Key, Listing, Unanswered
from replenisher.venues.rest import Reply, Rest

MEASUREMENTS = 3  # of the clock; the one with the shortest way counts
NOT_TRIED = Unanswered("it was not tried")

T = TypeVar("T")
Params = dict[str, str | int]


def http_address(url: str) -> str:
    """Where the venue answers over HTTP, by where it does over WebSocket."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc}{parts.path.removeprefix('/ws')}".rstrip("/")


def examine(rest: Rest, credentials: Credentials, venue: str, instruments: Sequence[str], nonce: str) -> Answers:
    """All that the doctor wants to know, but for the session, which is tried on a socket."""
    desk = _Desk(rest)
    clock = min((desk.clock() for _ in range(MEASUREMENTS)), key=lambda measured: measured.way_ns)
    key = desk.log_in(credentials, clock, nonce)
    listings = {name: desk.listing(name, venue) for name in instruments}
    known = [listing.instrument for listing in listings.values() if isinstance(listing, Listing)]
    balances, rate = desk.account(_currencies(known))
    return Answers(
        clock=clock,
        key=key,
        session_ns=NOT_TRIED,
        switch_by_default=desk.switch(),
        rate=rate,
        balances=balances,
        positions={instrument.name: desk.position(instrument) for instrument in known},
        listings=listings,
    )


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    scope: str


class _Book(msgspec.Struct, frozen=True):
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    last_price: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None


class _Desk:
    """Asks one question after the other, with the login once there is one."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._headers: dict[str, str] = {}

    def clock(self) -> Clock:
        """The venue's time against ours."""
        reply = self._rest.read("/public/get_time", {}, {})
        frame = self._frame(reply)
        told = self._read(frame, codec.decode_int)
        if isinstance(told, Unanswered):
            raise Unreachable(f"{self._rest.address} does not tell the time: {told.reason}")
        there_in = told * MS_NS if frame.us_in is None else frame.us_in * US_NS
        there_out = told * MS_NS if frame.us_out is None else frame.us_out * US_NS
        offset_ns = ((there_in - reply.sent_at) + (there_out - reply.heard_at)) // 2
        return Clock(offset_ns, reply.heard_at - reply.sent_at)

    def log_in(self, credentials: Credentials, clock: Clock, nonce: str) -> Key | Unanswered:
        """What the key may do; the secret itself is not sent."""
        venue_ms = (self._rest.now() + clock.offset_ns) // MS_NS
        proof = requests.proof(credentials, venue_ms, nonce, EVERYTHING)
        token = self._ask("public/auth", proof, msgspec.json.Decoder(_Token).decode)
        if isinstance(token, Unanswered):
            return token
        self._headers = {"Authorization": f"Bearer {token.access_token}"}
        return Key(
            trades=may_write(token.scope, "trade"),
            arms_switch=may_write(token.scope, "account"),
            withdraws=may_write(token.scope, "wallet"),
            told=" ".join(word for word in token.scope.split() if ":" in word and not word.endswith(":none")),
        )

    def listing(self, name: str, venue: str) -> Listing | Unanswered:
        """One instrument and its market."""
        params: Params = {"instrument_name": name}
        definition = self._ask("public/get_instrument", params, public.decode_definition)
        if isinstance(definition, Unanswered):
            return Unanswered(f"the venue lists no such instrument ({definition.reason})")
        book = self._ask("public/get_order_book", params | {"depth": 1}, msgspec.json.Decoder(_Book).decode)
        listing = Listing(
            instrument=definition.instrument(venue, 1),
            state=definition.state,
            is_open=definition.is_open,
            maker_fee=definition.maker_commission,
        )
        if isinstance(book, Unanswered):
            return msgspec.structs.replace(listing, has_book=False)
        return msgspec.structs.replace(
            listing,
            bid=book.bids[0] if book.bids else None,
            ask=book.asks[0] if book.asks else None,
            last=book.last_price,
            price_min=book.min_price,
            price_max=book.max_price,
        )

    def account(self, currencies: Sequence[str]) -> tuple[dict[str, Decimal] | Unanswered, RateLimit | Unanswered]:
        """Cash by currency, and how often the account may send orders."""
        balances: dict[str, Decimal] = {}
        rate: RateLimit | Unanswered = Unanswered("the venue tells no limits that we know")
        for currency in currencies:
            params: Params = {"currency": currency, "extended": "true"}
            summary = self._ask("private/get_account_summary", params, private.decode_summary)
            if isinstance(summary, Unanswered):
                return summary, summary
            balances[currency] = summary.balance
            if (pool := summary.granted) is not None:
                rate = RateLimit(per_s=pool.rate, burst=pool.burst)
        return balances, rate

    def position(self, instrument: Instrument) -> Decimal | Unanswered:
        """What is held of an instrument; of a spot pair the balances tell it."""
        if instrument.kind is Kind.SPOT:
            return Decimal(0)
        told = self._ask("private/get_position", {"instrument_name": instrument.name}, private.decode_position)
        return told if isinstance(told, Unanswered) else told.amount

    def switch(self) -> bool | Unanswered:
        """Whether every new connection of the account starts with cancel-on-disconnect."""
        told = self._ask("private/get_cancel_on_disconnect", {"scope": "account"}, private.decode_switch)
        return told if isinstance(told, Unanswered) else told.enabled

    def _ask(self, method: str, params: Params, decode: Callable[[msgspec.Raw], T]) -> T | Unanswered:
        return self._read(self._frame(self._rest.read(f"/{method}", params, self._headers)), decode)

    def _frame(self, reply: Reply) -> codec.Frame:
        try:
            return codec.decode_frame(reply.body)
        except codec.UNREADABLE as error:
            address = self._rest.address
            raise Unreachable(f"{address} does not answer as Deribit does: HTTP {reply.status}, {error}") from error

    def _read(self, frame: codec.Frame, decode: Callable[[msgspec.Raw], T]) -> T | Unanswered:
        if frame.error is not None:
            return Unanswered(str(frame.error))
        try:
            return decode(frame.result)
        except codec.UNREADABLE as error:
            return Unanswered(f"its answer cannot be read: {error}")


def _currencies(instruments: Sequence[Instrument]) -> list[str]:
    """What must be held to trade these: what they settle in, and of a spot pair what is sold."""
    needed: dict[str, None] = {}
    for instrument in instruments:
        needed[instrument.settlement_currency] = None
        if instrument.kind is Kind.SPOT:
            needed[instrument.base_currency] = None
    return list(needed)

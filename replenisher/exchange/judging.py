"""Judging: what becomes of an order that somebody wishes, before it may touch the book.

An order is refused for what it says (numbers, price, flags), for when it comes, or for what would come of it: it would
trade with its own account, make a position larger that it may only reduce, or cost more than there is. Otherwise the
verdict is the order as the market is to have it.

A reduce-only order is never larger than what the position leaves for it once every order of its account and side that
stands before it has been filled. Orders trade in that order, so whatever a taker takes it cannot turn a position over;
`allowances` says it anew after everything that happens to the account.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from replenisher.exchange.accounts import ZERO
from replenisher.exchange.board import Board
from replenisher.exchange.funds import Funds, Trial
from replenisher.exchange.market import ClientOrder, Reach
from replenisher.exchange.matching import crosses
from replenisher.exchange.protection import MmpGroup
from replenisher.exchange.register import OrderEntry, Register
from replenisher.exchange.selftrade import SelfTradeMode
from replenisher.exchange.words import (
    InstrumentState,
    OrderRequest,
    OrderType,
    Refusal,
    TimeInForce,
)
from replenisher.model.instrument import Instrument
from replenisher.model.order import Side

LARGEST_NUMBER = Decimal(10**15)  # of a price or an amount; beyond it arithmetic would not be exact
CLOSED = {
    InstrumentState.LOCKED: Refusal.LOCKED,
    InstrumentState.HALTED: Refusal.BOOK_CLOSED,
    InstrumentState.SETTLEMENT: Refusal.SETTLING,
    InstrumentState.MAINTENANCE: Refusal.MAINTENANCE,
    InstrumentState.SHUT: Refusal.MAINTENANCE,
    InstrumentState.CLOSED: Refusal.BOOK_CLOSED,
    InstrumentState.DELIVERED: Refusal.BOOK_CLOSED,
}

Band = tuple[Decimal, Decimal]  # the lowest price at which may be sold, the highest at which may be bought


def objection_to_state(board: Board) -> Refusal | None:
    """Why an instrument takes no orders, if so."""
    if board.state is not InstrumentState.OPEN:
        return CLOSED[board.state]
    return None if board.market.is_open else Refusal.BOOK_CLOSED


def objection_to_flags(request: OrderRequest) -> Refusal | None:
    """Why an order's own wishes cannot all be met, if so."""
    if (request.price is None) != (request.order_type is OrderType.MARKET):
        return Refusal.INVALID_PRICE
    if request.post_only and request.time_in_force is not TimeInForce.GTC:
        return Refusal.POST_ONLY_NOT_ALLOWED
    return None


def objection_to_numbers(instrument: Instrument, amount: Decimal, price: Decimal | None) -> Refusal | None:
    """Why an order of this amount and price (None: any) can never be taken, if so."""
    if not amount.is_finite() or not 0 < amount <= LARGEST_NUMBER or amount % instrument.lot:
        return Refusal.INVALID_AMOUNT
    if amount < instrument.min_amount:
        return Refusal.AMOUNT_TOO_LOW
    if price is None:
        return None
    if not price.is_finite() or not 0 < price <= LARGEST_NUMBER:
        return Refusal.INVALID_PRICE
    if price % instrument.tick_at(price):
        return Refusal.WRONG_TICK
    return Refusal.COST_TOO_LOW if instrument.notional_quote(amount, price) < instrument.min_notional else None


def objection_to_price(side: Side, price: Decimal, band: Band | None) -> Refusal | None:
    """Why an order may not bid so much, or offer for so little, if so."""
    if band is None:
        return None
    lowest, highest = band
    if side is Side.BUY:
        return Refusal.PRICE_TOO_HIGH if price > highest else None
    return Refusal.PRICE_TOO_LOW if price < lowest else None


def passive_price(instrument: Instrument, side: Side, ticks: int, opposite: int | None) -> int:
    """The price itself, or if it would trade, the nearest one that does not: just inside the spread."""
    if opposite is None or not crosses(side, ticks, opposite):
        return ticks
    return instrument.round_price(side, instrument.price(opposite - side.sign))


def post_only_price(
    instrument: Instrument, side: Side, ticks: int | None, opposite: int | None, *, reject: bool
) -> int | Refusal:
    """Where a post-only order may rest: at its price, or just inside the spread unless it would rather be refused."""
    if ticks is None or (reject and crosses(side, ticks, opposite)):
        return Refusal.POST_ONLY
    passive = passive_price(instrument, side, ticks, opposite)
    return passive if passive > 0 else Refusal.INVALID_PRICE


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """An order that may be taken, as the market is to have it."""

    amount: Decimal  # filled part included
    ticks: int | None  # its price; None for a market order
    limit: int | None  # how far it may trade; a market order goes to the edge of the price band
    rests: bool
    gives_way: tuple[str, ...] = ()  # resting orders of its owner that are cancelled for it
    is_killed: bool = False  # all or nothing, and it would be nothing


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a request once its numbers are in order."""

    account: str
    side: Side
    amount: Decimal  # still to fill
    ticks: int | None
    rests: bool
    reduce_only: bool
    all_or_nothing: bool = False
    replaces: OrderEntry | None = None


class Judge:
    """Looks at requests and says what becomes of them; it changes nothing."""

    def __init__(self, register: Register, funds: Funds) -> None:
        self._register = register
        self._funds = funds

    def placing(self, board: Board, request: OrderRequest, at: int) -> Verdict | Refusal:
        """Whether a new order may be taken."""
        if request.valid_until is not None and at > request.valid_until:
            return Refusal.TOO_LATE
        refusal = (
            objection_to_state(board)
            or objection_to_flags(request)
            or objection_to_numbers(board.instrument, request.amount, request.price)
        )
        if refusal is not None:
            return refusal
        if request.mmp and self._is_frozen(board, request.account, request.mmp_group, at):
            return Refusal.MMP_FROZEN
        ticks = self._price(board, request, request.price, at)
        if isinstance(ticks, Refusal):
            return ticks
        wish = Wish(
            account=request.account,
            side=request.side,
            amount=request.amount,
            ticks=ticks,
            rests=ticks is not None and request.time_in_force is TimeInForce.GTC,
            reduce_only=request.reduce_only,
            all_or_nothing=request.time_in_force is TimeInForce.FOK,
        )
        return self._measure(board, wish, at)

    def amending(self, board: Board, entry: OrderEntry, request: OrderRequest, at: int) -> Verdict | Refusal:
        """Whether a resting order may become what `request` says; its amount is the total, filled part included."""
        placed = entry.placed
        if request.valid_until is not None and at > request.valid_until:
            return Refusal.TOO_LATE
        price = entry.price if request.price is None else request.price
        refusal = objection_to_state(board) or objection_to_numbers(board.instrument, request.amount, price)
        if refusal is not None:
            return refusal
        if request.amount <= entry.filled:
            return Refusal.INVALID_AMOUNT
        if placed.mmp and self._is_frozen(board, placed.account, placed.mmp_group, at):
            return Refusal.MMP_FROZEN
        ticks = self._price(board, request, price, at, without=placed.order_id)
        if isinstance(ticks, Refusal):
            return ticks
        wish = Wish(
            account=placed.account,
            side=placed.side,
            amount=request.amount - entry.filled,
            ticks=ticks,
            rests=True,
            reduce_only=placed.reduce_only,
            replaces=entry,
        )
        return self._measure(board, wish, at)

    def allowances(self, board: Board, account: str) -> Iterator[tuple[OrderEntry, Decimal]]:
        """Every reduce-only order of an account that is larger than it may be now, with what it may have open."""
        client, name = self._register.client(account), board.instrument.name
        if not client.reducing:
            return
        entries = list(client.open_on[name].values())
        for side in Side:
            left = self._closable(account, name, side)
            for entry in sorted((each for each in entries if each.placed.side is side), key=_place_in_queue):
                if entry.placed.reduce_only and entry.open_amount > left:
                    yield entry, left
                left = max(left - entry.open_amount, ZERO)

    def band(self, board: Board, at: int) -> Band | None:
        """Within which prices an instrument trades; None if within any."""
        width = board.listing.price_band
        if width is None or not (mark := board.marking.mark(at)):
            return None
        return mark * (1 - width), mark * (1 + width)

    def _price(
        self, board: Board, request: OrderRequest, price: Decimal | None, at: int, *, without: str = ""
    ) -> int | Refusal | None:
        """The price in ticks at which the order is entered."""
        instrument, side = board.instrument, request.side
        if price is None:
            return Refusal.POST_ONLY if request.post_only else None
        if refusal := objection_to_price(side, price, self.band(board, at)):
            return refusal
        ticks = int(price / instrument.tick)
        if not request.post_only:
            return ticks
        opposite = board.market.best(side.opposite, without=without)
        return post_only_price(instrument, side, ticks, opposite, reject=request.reject_post_only)

    def _measure(self, board: Board, wish: Wish, at: int) -> Verdict | Refusal:
        """What would come of an order whose price is settled."""
        filled = wish.replaces.filled if wish.replaces else ZERO
        amount = wish.amount
        if wish.reduce_only:
            amount = min(amount, self._reducible(board, wish))
            if not amount:
                return Refusal.REDUCE_ONLY
        limit = self._edge(board, wish.side, at) if wish.ticks is None else wish.ticks
        order = ClientOrder(
            order_id=wish.replaces.placed.order_id if wish.replaces else "",
            side=wish.side,
            price=limit,
            quantity=board.instrument.lots(amount),
            rests=wish.rests,
        )
        met = self._meet(board, wish.account, order)
        if isinstance(met, Refusal):
            return met
        reach, gives_way = met
        is_killed = wish.all_or_nothing and reach.quantity < order.quantity
        verdict = Verdict(
            amount=amount + filled,
            ticks=wish.ticks,
            limit=limit,
            rests=wish.rests,
            gives_way=() if is_killed else gives_way,
            is_killed=is_killed,
        )
        trial = self._trial(board, wish, amount, reach)
        affords = is_killed or self._funds.affords(wish.account, self._register.contract(board.instrument.name), trial)
        return verdict if affords else Refusal.FUNDS

    def _meet(self, board: Board, account: str, order: ClientOrder) -> tuple[Reach, tuple[str, ...]] | Refusal:
        """What the order would trade, and which orders of its own owner must give way first."""
        policy = self._register.self_trades
        gives_way: dict[str, None] = {}
        reach = board.market.reach(order)
        while own := [maker for maker in reach.makers if policy.are_one(account, self._owner(maker))]:
            if policy.choice(account).mode is SelfTradeMode.REJECT_TAKER:
                return Refusal.OVERLAP
            gives_way |= dict.fromkeys(own)
            reach = board.market.reach(order, without=gives_way)
        return reach, tuple(gives_way)

    def _owner(self, order_id: str) -> str:
        return self._register.orders[order_id].placed.account

    def _trial(self, board: Board, wish: Wish, amount: Decimal, reach: Reach) -> Trial:
        instrument = board.instrument
        rest = amount - instrument.amount(reach.quantity) if reach.takes else amount
        return Trial(
            side=wish.side,
            fills=tuple([(instrument.price(price), instrument.amount(lots)) for price, lots in reach.takes]),
            taker_rate=board.listing.taker_rate,
            rests=rest if wish.rests else ZERO,
            price=None if wish.ticks is None else instrument.price(wish.ticks),
            replaces=wish.replaces,
        )

    def _reducible(self, board: Board, wish: Wish) -> Decimal:
        """What of a position is left for a reduce-only order that comes last at its price."""
        left = self._closable(wish.account, board.instrument.name, wish.side)
        if wish.ticks is None:
            return left
        price = board.instrument.price(wish.ticks)
        before = [
            entry.open_amount
            for entry in self._register.client(wish.account).open_on[board.instrument.name].values()
            if entry.placed.side is wish.side
            and entry is not wish.replaces
            and entry.price is not None
            and (entry.price - price) * wish.side.sign >= 0
        ]
        return max(left - sum(before, ZERO), ZERO)

    def _closable(self, account: str, instrument: str, side: Side) -> Decimal:
        """How much of a position orders of one side can close."""
        size = self._register.client(account).account.position(instrument).size
        return max(-side.sign * size, ZERO)

    def _edge(self, board: Board, side: Side, at: int) -> int | None:
        """How far a market order may go."""
        band = self.band(board, at)
        return None if band is None else board.instrument.round_price(side, band[1 if side is Side.BUY else 0])

    def _is_frozen(self, board: Board, account: str, group: str, at: int) -> bool:
        return self._register.protection.is_frozen(MmpGroup(account, board.index_name, group), at)


def _place_in_queue(entry: OrderEntry) -> tuple[Decimal, int]:
    """Orders of one side in the order in which they trade."""
    assert entry.price is not None, "what rests has a price"
    return -entry.placed.side.sign * entry.price, entry.rank

"""The exchange: instruments, orders, trades and accounts behind one door, told requests and time.

A dialect turns wire requests into calls and the reports back into wire frames; the server carries them. A market behind
its port decides what the book shows and what fills an order; `judging` says what becomes of a request, `clearing` moves
money and writes every record to the ledger before the answer leaves, and `consequences` does what follows. No clock, no
socket, no random source of its own: `at` is nanoseconds since the epoch, UTC, and comes in with every call. `words` has
the values that go in and come out. What may be seen without moving anything is in `views`.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from replenisher.exchange import ledger
from replenisher.exchange.accounts import ZERO
from replenisher.exchange.board import Board
from replenisher.exchange.clearing import Clearing
from replenisher.exchange.consequences import Consequences
from replenisher.exchange.funds import Funds
from replenisher.exchange.judging import CLOSED, Judge
from replenisher.exchange.ledger import NO_PAST, Append, Past
from replenisher.exchange.market import NOTHING_HAPPENED, ClientOrder, Happening, Listing
from replenisher.exchange.protection import MmpGroup, MmpLimits
from replenisher.exchange.register import OrderEntry, Register
from replenisher.exchange.selftrade import SelfTrading
from replenisher.exchange.telling import Reports, Told
from replenisher.exchange.views import Views
from replenisher.exchange.words import (
    STILL,
    InstrumentState,
    OrderRequest,
    OrderState,
    Outcome,
    Refusal,
    Report,
)
from replenisher.model.instrument import Kind

__all__ = ["Exchange", "Listing"]

# A market that is behind, after a suspend or on a busy machine, catches up in pieces so small (a few milliseconds) that
# whoever has asked something meanwhile is answered in between.
MOMENTS_A_CALL = 10
OUT_OF_BAND = (Refusal.PRICE_TOO_LOW, Refusal.PRICE_TOO_HIGH)  # as the band has its two edges


class Exchange:
    """Takes requests, lets markets go on, and tells what happened."""

    def __init__(
        self,
        *,
        exchange_id: str,
        seed: int,
        listings: Sequence[Listing],
        balances: Mapping[str, Mapping[str, Decimal]],
        append: Append,
        at: int,
        past: Past = NO_PAST,
        max_leverage: int = 50,
        owners: Mapping[str, str] | None = None,
        told: Told | None = None,
    ) -> None:
        """Open for a first life, or after `past` for the next: then its id and all it tells are taken over.

        `balances` (account, currency, amount) are paid in where an account has never had a deposit in that currency.
        `owners` says of a subaccount which account it belongs to. What happens is told to `told`; if that is nobody, it
        is kept for who asks for `reports`.
        """
        assert listings, "an exchange lists something"
        self._register = Register(owners or {})
        self._register.fold(past.records)
        self._reports = Reports()
        self._clearing = Clearing(self._register, append, max(at, self._register.last_at), told or self._reports)
        self._clearing.write(
            ledger.Opened(
                books=ledger.BOOKS,
                exchange_id=self._register.exchange_id or exchange_id,
                at=self._at,
                seed=seed,
                market=listings[0].market.source,
                life=self._register.life + 1,
            )
        )
        self._boards = {listing.market.instrument.name: self._list(listing) for listing in listings}
        self._funds = Funds(self._register, self._mark_of, max_leverage)
        self._judge = Judge(self._register, self._funds)
        self._consequences = Consequences(self._clearing, self._judge, self._boards)
        self.next_at: int | None = None  # when a market next does something by itself; call `advance` then
        self._due: list[Board] = []  # the boards on which it does
        self.views = Views(self._clearing, self._register, self._funds, self._judge, self._boards)
        self._close_orders_of_earlier_lives()
        self._open_accounts(balances)
        self._finish()

    @property
    def exchange_id(self) -> str:
        """Made once, kept over all lives of one ledger."""
        return self._register.exchange_id

    def look_again(self) -> None:
        """A market was told something, perhaps from outside: what comes next may be something else."""
        self.next_at, self._due = None, []
        for board in self._boards.values():
            at = board.next_at
            if at is None or (self.next_at is not None and at > self.next_at):
                continue
            if at != self.next_at:
                self.next_at, self._due = at, []
            self._due.append(board)

    def advance(self, at: int) -> None:
        """Let the markets go on towards `at`, moment by moment over all of them, but not for long.

        What is left stays due (`next_at` is in the past) and is done by the next calls; it happens when it is done.
        """
        for _ in range(MOMENTS_A_CALL):
            next_at = self.next_at
            if next_at is None or next_at > at:
                break
            if next_at > self._clearing.at:
                self._clearing.at = next_at
            for board in self._due:
                self._consequences.go_on(board, next_at)
            self.look_again()
        if at > self._clearing.at:
            self._clearing.at = at
        self._clearing.flush()

    # --- Orders -------------------------------------------------------------------------------------------------

    def place(self, request: OrderRequest, at: int) -> Outcome:
        """A new order: refused, or matched and then resting or gone."""
        self.advance(at)
        self._note_request(request.account, request.method, request.label)
        board = self._boards.get(request.instrument)
        if board is None:
            return self._refuse(request.account, request.label, Refusal.UNKNOWN_INSTRUMENT)
        verdict = self._judge.placing(board, request, self._at)
        if isinstance(verdict, Refusal):
            return self._refuse(request.account, request.label, verdict, board)
        self._consequences.give_way(board, verdict)
        entry = self._clearing.take(board, request, verdict.amount, verdict.ticks)
        if verdict.is_killed:
            return self._answer(board, NOTHING_HAPPENED, entry, rests=False)
        order = ClientOrder(
            order_id=entry.placed.order_id,
            side=request.side,
            price=verdict.limit,
            quantity=board.instrument.lots(verdict.amount),
            rests=verdict.rests,
        )
        return self._answer(board, board.market.place(order, self._at), entry, rests=verdict.rests)

    def amend(
        self,
        account: str,
        order_id: str,
        *,
        amount: Decimal,
        price: Decimal | None,
        post_only: bool | None,
        reject_post_only: bool,
        valid_until: int | None,
        method: str,
        at: int,
    ) -> Outcome:
        """Another total amount, filled part included, for a resting order, another price or flag; None keeps them."""
        self.advance(at)
        label = self._label_of(order_id)
        self._note_request(account, method, label)
        if isinstance(entry := self._open_order_of(account, order_id), Refusal):
            return self._refuse(account, label, entry)
        board = self._boards[entry.placed.instrument]
        request = OrderRequest(
            account=account,
            connection=entry.connection,
            instrument=entry.placed.instrument,
            side=entry.placed.side,
            amount=amount,
            price=price,
            post_only=entry.post_only if post_only is None else post_only,
            reject_post_only=reject_post_only,
            valid_until=valid_until,
        )
        verdict = self._judge.amending(board, entry, request, self._at)
        if isinstance(verdict, Refusal):
            return self._refuse(account, label, verdict, board)
        assert verdict.ticks is not None, "what rests has a price"
        self._consequences.give_way(board, verdict)
        happening = self._consequences.change(board, entry, verdict.ticks, verdict.amount, post_only=request.post_only)
        return self._answer(board, happening, entry)

    def cancel(self, account: str, order_id: str, *, reason: str = "user_request", method: str, at: int) -> Outcome:
        """Take one order off the book."""
        self.advance(at)
        label = self._label_of(order_id)
        self._note_request(account, method, label)
        if isinstance(entry := self._open_order_of(account, order_id), Refusal):
            return self._refuse(account, label, entry)
        board = self._boards[entry.placed.instrument]
        if board.state in STILL:
            return self._refuse(account, label, CLOSED[board.state])
        return self._answer(board, self._clearing.take_off(board, [entry], reason), entry)

    def cancel_all(
        self,
        account: str,
        *,
        instrument: str | None = None,
        label: str | None = None,
        connection: str | None = None,
        reason: str = "user_request",
        method: str,
        at: int,
    ) -> int:
        """Take off every open order of an account that fits what is named; returns how many.

        Where everything stands still only those go whose `connection` has ended.
        """
        self.advance(at)
        self._note_request(account, method, label or "")
        fitting = [
            entry
            for entry in self._register.client(account).open_orders.values()
            if instrument in (None, entry.placed.instrument)
            and label in (None, entry.placed.label)
            and connection in (None, entry.connection)
            and (connection or self._boards[entry.placed.instrument].state not in STILL)
        ]
        self._consequences.cancel(fitting, reason)
        self._finish()
        return len(fitting)

    def interrupt(self, instrument: str, state: InstrumentState, at: int) -> None:
        """Let an instrument be locked or halted from now on, or open again; done when the market goes on."""
        self._boards[instrument].interruptions.turn(state, at)
        self.look_again()

    # --- What an account chooses ----------------------------------------------------------------------------------

    def choose_self_trading(self, account: str, choice: SelfTrading, at: int) -> None:
        """What happens from now on when an order would trade with one of its own account."""
        self.advance(at)
        self._clearing.write(
            ledger.SelfTradingChosen(
                account=account,
                mode=choice.mode.value,
                extends_to_subaccounts=choice.extends_to_subaccounts,
                at=self._at,
            )
        )
        self._finish()

    def configure_mmp(self, group: MmpGroup, limits: MmpLimits, at: int) -> None:
        """Protect a group of orders; an interval of nothing takes the protection away."""
        self.advance(at)
        self._clearing.write(
            ledger.MmpConfigured(
                account=group.account,
                index=group.index,
                group=group.name,
                interval_ns=limits.interval_ns,
                frozen_ns=limits.frozen_ns,
                quantity=limits.quantity,
                delta=limits.delta,
                trades=limits.trades,
                at=self._at,
            )
        )
        self._finish()

    def reset_mmp(self, group: MmpGroup, at: int) -> None:
        """Let a group take orders again."""
        self.advance(at)
        self._clearing.freeze_mmp(group, None)
        self._finish()

    def reports(self) -> list[Report]:
        """What happened since the last call, in order; the list is the caller's."""
        return self._reports.take()

    # --- Opening ------------------------------------------------------------------------------------------------

    def _list(self, listing: Listing) -> Board:
        """Show a market's book for the first time in this life."""
        instrument = listing.market.instrument
        self._clearing.write(
            ledger.Listed(
                name=instrument.name,
                tick=instrument.tick,
                lot=instrument.lot,
                inverse=instrument.inverse,
                contract_value=instrument.contract_value,
                settlement_currency=instrument.settlement_currency,
                maker_rate=listing.maker_rate,
                taker_rate=listing.taker_rate,
                spot_of=instrument.base_currency if instrument.kind is Kind.SPOT else "",
                at=self._at,
            )
        )
        change_id = self._clearing.first_change()
        return Board(listing, change_id=change_id, trade_seq=self._clearing.last_trade_id, at=self._at)

    def _close_orders_of_earlier_lives(self) -> None:
        """No connection outlives the process, so no order does."""
        for entry in self._register.open_orders():
            self._clearing.close(entry, "cancel_on_disconnect")

    def _open_accounts(self, balances: Mapping[str, Mapping[str, Decimal]]) -> None:
        for account, amounts in balances.items():
            for currency, amount in amounts.items():
                if currency not in self._register.client(account).deposited:
                    self._clearing.write(ledger.Deposit(account=account, currency=currency, amount=amount, at=self._at))

    # --- Requests -------------------------------------------------------------------------------------------------

    @property
    def _at(self) -> int:
        return self._clearing.at

    def _finish(self) -> None:
        """What was asked for is done: it goes into the ledger, and what comes next may be something else."""
        self.look_again()
        self._clearing.flush()

    def _mark_of(self, instrument: str) -> Decimal:
        """What an instrument is worth; zero for one that is no longer listed."""
        board = self._boards.get(instrument)
        return board.marking.mark(self._at) if board else ZERO

    def _open_order_of(self, account: str, order_id: str) -> OrderEntry | Refusal:
        """The order, or why it cannot be changed by this account."""
        entry = self._register.orders.get(order_id)
        if entry is None:
            return Refusal.ORDER_NOT_FOUND
        if entry.placed.account != account:
            return Refusal.NOT_OWNER
        return entry if entry.state is OrderState.OPEN else Refusal.NOT_OPEN

    def _label_of(self, order_id: str) -> str:
        entry = self._register.orders.get(order_id)
        return entry.placed.label if entry else ""

    def _note_request(self, account: str, method: str, label: str) -> None:
        self._clearing.write(ledger.Request(account=account, method=method, label=label, at=self._at))

    def _refuse(self, account: str, label: str, refusal: Refusal, board: Board | None = None) -> Outcome:
        self._clearing.write(ledger.Rejected(account=account, label=label, code=refusal.value, at=self._at))
        self._finish()
        band = self._judge.band(board, self._at) if board and refusal in OUT_OF_BAND else None
        limit = None if band is None else band[OUT_OF_BAND.index(refusal)]
        return Outcome(order=None, refusal=refusal, limit=limit)

    def _answer(self, board: Board, happening: Happening, entry: OrderEntry, *, rests: bool = True) -> Outcome:
        trades = self._consequences.settle(board, happening, touched=[entry], rests=rests)
        self._finish()
        own = tuple(trade for trade in trades if trade.order_id == entry.placed.order_id)
        return Outcome(order=entry.view(), trades=own)

"""What follows from what: a fill may leave a reduce-only order too large, or a group of orders traded too much.

Something happens to an instrument: its market says so, an account asks for it, or a moment of its timetable comes. It
is cleared, and then the accounts that it touched are looked at, until nothing follows any more.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from replenisher.exchange import ledger
from replenisher.exchange.accounts import ZERO
from replenisher.exchange.board import Board
from replenisher.exchange.clearing import Clearing
from replenisher.exchange.judging import Judge, Verdict
from replenisher.exchange.market import Happening
from replenisher.exchange.payments import payments
from replenisher.exchange.protection import MmpGroup
from replenisher.exchange.register import OrderEntry
from replenisher.exchange.timetable import Occasion
from replenisher.exchange.words import STILL, InstrumentState, MmpTriggered, TradeView


class Consequences:
    """Lets things happen on the boards of one exchange."""

    def __init__(self, clearing: Clearing, judge: Judge, boards: Mapping[str, Board]) -> None:
        self._clearing = clearing
        self._judge = judge
        self._boards = boards

    def settle(
        self, board: Board, happening: Happening, touched: Sequence[OrderEntry] = (), *, rests: bool = True
    ) -> list[TradeView]:
        """Let something have happened to an instrument, and do what follows from it for the accounts it touched."""
        trades = self._clearing.settle(board, happening, touched, rests=rests)
        if not trades and not touched:
            return trades  # no client had a part in it
        traded = [self._clearing.register.orders[trade.order_id] for trade in trades]
        if traded:
            self._protect(board, trades, traded)
        for account in dict.fromkeys([entry.placed.account for entry in (*touched, *traded)]):
            self._trim(board, account)
        return trades

    def go_on(self, board: Board, at: int) -> None:
        """What happens on one instrument by itself at a moment: first its state, then money."""
        if state := board.interruptions.due(at):
            self._enter(board, state)
        for occasion in board.timetable.due(at):
            self._pay(board, occasion)
        if not board.goes_on:
            return
        for happening in board.market.advance(at):
            self.settle(board, happening)

    def _enter(self, board: Board, state: InstrumentState) -> None:
        """An instrument is locked, halted, or goes on where it was; one that has ended stays so."""
        if board.state.is_final:
            return
        if board.state in STILL:
            board.market.stand_still(self._clearing.at - board.state_since)
        board.state_since = self._clearing.at
        self._clearing.change_state(board, state)

    def _pay(self, board: Board, occasion: Occasion) -> None:
        """Funding, settlement or delivery of every position in an instrument."""
        name = board.instrument.name
        state = board.state
        if occasion is not Occasion.FUNDING:
            self._clearing.change_state(board, InstrumentState.SETTLEMENT)
        for account, amount, price in payments(board, self._clearing.register, occasion, self._clearing.at):
            self._clearing.move_cash(board, account, occasion, price, amount)
        if occasion is Occasion.DELIVERY:
            resting = [entry for entry in self._clearing.register.open_orders() if entry.placed.instrument == name]
            self.cancel(resting, "settlement")
            self._clearing.change_state(board, InstrumentState.DELIVERED)
        elif occasion is Occasion.SETTLEMENT:
            board.settlement_price = board.marking.mark(self._clearing.at)
            self._clearing.change_state(board, state)
        for account in self._clearing.register.accounts():
            self._trim(board, account)

    def change(self, board: Board, entry: OrderEntry, ticks: int, amount: Decimal, *, post_only: bool) -> Happening:
        """Give a resting order another price and total amount; it is not settled yet."""
        order_id = entry.placed.order_id
        self._clearing.write(
            ledger.Amended(
                order_id=order_id,
                price=board.instrument.price(ticks),
                amount=amount,
                post_only=None if post_only is entry.post_only else post_only,
                at=self._clearing.at,
            )
        )
        quantity = board.instrument.lots(entry.open_amount)
        return board.market.amend(order_id, price=ticks, quantity=quantity, at=self._clearing.at)

    def cancel(self, entries: Iterable[OrderEntry], reason: str) -> None:
        """Take orders off, those of one instrument as one event."""
        by_board: dict[str, list[OrderEntry]] = {}
        for entry in entries:
            by_board.setdefault(entry.placed.instrument, []).append(entry)
        for name, here in by_board.items():
            board = self._boards[name]
            self.settle(board, self._clearing.take_off(board, here, reason), touched=here)

    def give_way(self, board: Board, verdict: Verdict) -> None:
        """Orders of the same owner that the new one would meet are cancelled before it comes."""
        if verdict.gives_way:
            self.cancel([self._clearing.register.orders[order_id] for order_id in verdict.gives_way], "user_request")

    def _trim(self, board: Board, account: str) -> None:
        """Leave no reduce-only order larger than what it may still reduce."""
        entry, left = next(self._judge.allowances(board, account), (None, ZERO))
        if entry is None:
            return
        if not left:
            self.cancel([entry], "risk_mitigation")
        else:
            assert entry.price is not None, "what rests has a price"
            ticks = int(entry.price / board.instrument.tick)
            self.settle(
                board, self.change(board, entry, ticks, entry.filled + left, post_only=entry.post_only), touched=[entry]
            )
        # Settling it has looked at the account again: what stands behind it may be too large as well.

    def _protect(self, board: Board, trades: Sequence[TradeView], traded: Sequence[OrderEntry]) -> None:
        """Count fills of protected orders, and cancel a group that has traded too much."""
        contract = self._clearing.register.contract(board.instrument.name)
        for trade, entry in zip(trades, traded, strict=True):
            placed = entry.placed
            if not placed.mmp:
                continue
            group = MmpGroup(placed.account, board.index_name, placed.mmp_group)
            quantity = contract.base_quantity(trade.amount, trade.price) * placed.side.sign
            frozen_until = self._clearing.register.protection.count(group, quantity, self._clearing.at)
            if frozen_until is not None:
                self._trigger(group, frozen_until)

    def _trigger(self, group: MmpGroup, frozen_until: int) -> None:
        self._clearing.freeze_mmp(group, frozen_until)
        self._clearing.report(
            MmpTriggered(
                account=group.account,
                index=group.index,
                group=group.name,
                frozen_until=frozen_until,
                at=self._clearing.at,
            )
        )
        protected = [
            entry
            for entry in self._clearing.register.client(group.account).open_orders.values()
            if entry.placed.mmp
            and entry.placed.mmp_group == group.name
            and self._boards[entry.placed.instrument].index_name == group.index
        ]
        self.cancel(protected, "mmp_trigger")

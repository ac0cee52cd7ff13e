"""What may be seen of the exchange: orders, trades and accounts, books, prices, prints. Looking moves nothing."""

from collections.abc import Container, Iterator, Mapping
from decimal import Decimal

from replenisher.exchange.board import Board
from replenisher.exchange.candles import Candles
from replenisher.exchange.clearing import Clearing
from replenisher.exchange.funding import Funding
from replenisher.exchange.funds import Funds
from replenisher.exchange.judging import Judge
from replenisher.exchange.protection import MmpGroup, MmpLimits
from replenisher.exchange.register import Register
from replenisher.exchange.selftrade import SelfTrading
from replenisher.exchange.words import (
    AccountView,
    BookView,
    CashChange,
    InstrumentView,
    OrderView,
    PositionView,
    Print,
    TradeView,
)


class Views:
    """Answers questions about one exchange as it stands."""

    def __init__(
        self, clearing: Clearing, register: Register, funds: Funds, judge: Judge, boards: Mapping[str, Board]
    ) -> None:
        self._clearing = clearing
        self._register = register
        self._funds = funds
        self._judge = judge
        self._boards = boards

    def order(self, account: str, order_id: str) -> OrderView | None:
        """One order of an account, whatever its state."""
        entry = self._register.orders.get(order_id)
        return entry.view() if entry and entry.placed.account == account else None

    def orders_by_label(self, account: str, label: str) -> list[OrderView]:
        """Every order of an account with that label, in all states, newest first."""
        return [entry.view() for entry in reversed(self._register.client(account).by_label.get(label, []))]

    def open_orders(self, account: str, instrument: str | None = None) -> list[OrderView]:
        """What rests of an account, oldest first."""
        client = self._register.client(account)
        entries = client.open_orders if instrument is None else client.open_on.get(instrument, {})
        return [entry.view() for entry in entries.values()]

    def ended_orders(self, account: str, instruments: Container[str]) -> Iterator[OrderView]:
        """What rests no longer of an account, the last one to end first; looked up only as far as it is read."""
        entries = reversed(self._register.client(account).ended_orders)
        return (entry.view() for entry in entries if entry.placed.instrument in instruments)

    def trades(
        self, account: str, *, since: int | None = None, until: int | None = None, newest_first: bool = False
    ) -> Iterator[TradeView]:
        """An account's fills between two moments, both inclusive; looked up only as far as they are read."""
        return self._register.trades(account, since, until, newest_first=newest_first)

    def cash_changes(self, account: str, currency: str) -> Iterator[CashChange]:
        """Every time at which an account's cash in a currency moved, the last one first."""
        changes = reversed(self._register.client(account).cash)
        return (change for change in changes if change.currency == currency)

    def position(self, account: str, instrument: str) -> PositionView:
        """A position; that of nothing where the account never traded."""
        return self._register.position(account, instrument)

    def account(self, account: str, currency: str) -> AccountView:
        """An account's cash in one currency, and what of it nothing holds."""
        return self._funds.account(account, currency)

    def margins(self, account: str, instrument: str) -> tuple[Decimal, Decimal]:
        """What a position holds of its settlement currency, and what the orders that work hold besides."""
        return self._funds.margins(account, self._register.contract(instrument))

    @property
    def max_leverage(self) -> int:
        """How many times what a position holds it may be worth."""
        return self._funds.max_leverage

    def instruments(self) -> list[InstrumentView]:
        """Everything that is listed."""
        return [
            InstrumentView(
                instrument=board.instrument,
                maker_rate=board.listing.maker_rate,
                taker_rate=board.listing.taker_rate,
                state=board.state,
                expires_at=board.listing.expires_at,
            )
            for board in self._boards.values()
        ]

    def price_band(self, instrument: str) -> tuple[Decimal, Decimal] | None:
        """The lowest price at which may be sold now, and the highest at which may be bought; None if there is none."""
        return self._judge.band(self._boards[instrument], self._clearing.at)

    def book(self, instrument: str) -> BookView:
        """The whole public book, as the book changes told so far add up to it."""
        return self._boards[instrument].view()

    def mark_price(self, instrument: str) -> Decimal:
        """What a position in an instrument is valued at now; zero while its market has never shown a price."""
        return self._boards[instrument].marking.mark(self._clearing.at)

    def index_price(self, instrument: str) -> Decimal:
        """What an instrument is worth elsewhere; zero while its market has never shown a price."""
        return self._boards[instrument].marking.index

    def settlement_price(self, instrument: str) -> Decimal:
        """The mark at which positions were settled last; before that, the one at which the exchange opened."""
        return self._boards[instrument].settlement_price

    def funding_8h(self, instrument: str) -> float:
        """The present funding rate of eight hours, a fraction of the position; longs pay what is positive."""
        return self._boards[instrument].marking.funding_8h(self._clearing.at)

    def funding(self, instrument: str) -> Funding:
        """What funding of an instrument came to in this life, hour by hour."""
        funding = self._boards[instrument].marking.funding
        funding.advance(self._clearing.at)
        return funding

    def candles(self, instrument: str) -> Candles:
        """What was traded of an instrument in this life, minute by minute."""
        return self._boards[instrument].candles

    def open_interest(self, instrument: str) -> Decimal:
        """What is held of an instrument: by the accounts of this exchange, or by others against them."""
        return self._register.open_interest(instrument)

    def prints(self, instrument: str, count: int) -> list[Print]:
        """The last public trades of this life, newest first."""
        return self._boards[instrument].prints(count)

    def self_trading(self, account: str) -> SelfTrading:
        """What the account has chosen."""
        return self._register.self_trades.choice(account)

    def mmp_limits(self, account: str) -> dict[MmpGroup, MmpLimits]:
        """The protected groups of an account."""
        return self._register.protection.limits(account)

    def mmp_frozen(self, account: str, at: int) -> dict[MmpGroup, int]:
        """The groups of an account that take no orders, and until when; 0 is until they are reset."""
        return self._register.protection.frozen(account, at)

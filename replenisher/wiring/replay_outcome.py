"""What came of a replay, as its exchange and its engine say at the end."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from replenisher.backtest.replay import Replay
from replenisher.backtest.tally import Tally
from replenisher.config import Config
from replenisher.core.halts import why_halted
from replenisher.exchange.views import Views
from replenisher.live.supervisor import FAILURE, FINE, RISK_HALT
from replenisher.model.instrument import Kind
from replenisher.model.units import SECOND_NS
from replenisher.report.tape import TapeInfo
from replenisher.wiring.replay_parts import NO_PRICES
from replenisher.wiring.venues import instruments_on

ZERO = Decimal(0)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a replay. Of two of the same past, all but what it took is the same."""

    configuration: str
    version: str
    market: str
    seed: int
    began: str
    seconds: float  # by the desk's clock: at another speed more of the market, or less
    tape_gaps: int  # how often what was played of the tape lost a book of ours
    tape_blind_s: float  # for how long it had lost a book, ours or not, by its recorder's clock, as `tape info` says
    tape_disorder: Mapping[str, int]  # and in how far it was in disorder, by kind
    heard_books: int  # what the engine was told of books, our own effects on them among it
    heard_levels: int  # in these
    heard_trades: int  # between others, or with us
    steps: int
    orders: int
    amends: int
    cancels: int
    rejected: int
    cut_off: int  # how often the exchange ended the session, because we asked more often than `exchange.rate` allows
    fills: int
    equity_at_mark: Mapping[str, Decimal]  # by currency: cash, and what positions would bring at the exchange's mark
    pnl_at_mark: Mapping[str, Decimal]  # what that is more than was paid in, and was bought; `report` counts at the mid
    fees: Mapping[str, Decimal]
    positions: Mapping[str, Decimal]  # on a spot market what was bought, less what was sold
    marks: Mapping[str, Decimal]
    halted: str  # why; empty if it was not
    is_flat: bool  # whether nothing rests at the end, as the exchange says
    hash: str  # of the exchange's ledger, and of all that the engine would remember
    held_prices: Mapping[str, float] = NO_PRICES  # what sources over HTTP were said to answer, all the time
    data_directory: str = ""
    cpu_s: float  # what it took

    @property
    def exit_code(self) -> int:
        """As `run` would end."""
        if self.halted:
            return RISK_HALT
        return FINE if self.is_flat else FAILURE


def outcome_of(
    config: Config,
    game: Replay,
    tally: Tally,
    *,
    gaps: int,
    tape: TapeInfo,
    began_at: int,
    seconds: float,
    hash: str,
    cpu_s: float,
) -> Outcome:
    """All of it, now that it has ended."""
    section, (venue,) = config.exchange, config.venues
    assert section is not None, "what cannot be replayed is refused earlier"
    account, views = config.venues[venue].account, game.exchange.views
    listed = {each.instrument.name: each.instrument for each in views.instruments()}
    spot = [each for each in listed.values() if each.kind is Kind.SPOT]
    settled = {each.settlement_currency for each in listed.values()}
    currencies = sorted({*section.balances, *settled, *(each.base_currency for each in spot)})
    equity = {currency: _equity(views, account, currency) for currency in currencies}
    pnl = {currency: now - section.balances.get(currency, ZERO) for currency, now in equity.items()}
    positions = {name: views.position(account, name).size for name in instruments_on(config, venue)}
    marks = {name: views.mark_price(name) for name in positions}
    for each in spot:
        if each.name in positions:
            positions[each.name] = bought = _bought(views, account, each.name)
            pnl[each.base_currency] -= bought
            pnl[each.quote_currency] += bought * marks[each.name]
    return Outcome(
        configuration=str(config.path),
        version=config.fingerprint(),
        market="synthetic" if config.tape is None else str(config.tape),
        seed=section.seed,
        began=datetime.fromtimestamp(began_at // SECOND_NS, UTC).isoformat(),
        seconds=round(seconds, 3),
        tape_gaps=gaps,
        tape_blind_s=round(tape.blind_s, 3),
        tape_disorder=tape.disorder.counts,
        heard_books=tally.changes,
        heard_levels=tally.levels,
        heard_trades=tally.trades,
        steps=tally.steps,
        orders=tally.orders,
        amends=tally.amends,
        cancels=tally.cancels,
        rejected=tally.rejected,
        cut_off=tally.cut_off,
        fills=sum(1 for _ in views.trades(account)),
        equity_at_mark=equity,
        pnl_at_mark=pnl,
        fees=_fees(views, account),
        positions=positions,
        marks=marks,
        halted=why_halted(game.engine.state),
        is_flat=not views.open_orders(account),
        hash=hash,
        cpu_s=round(cpu_s, 2),
    )


def _equity(views: Views, account: str, currency: str) -> Decimal:
    """Cash, what waits for the next settlement, and what positions would bring at the mark."""
    held = views.account(account, currency)
    return held.balance + held.realized + held.unrealized


def _bought(views: Views, account: str, name: str) -> Decimal:
    """What trades have brought of a currency, fees aside."""
    signed = (trade.amount * trade.side.sign for trade in views.trades(account) if trade.instrument == name)
    return sum(signed, ZERO)


def _fees(views: Views, account: str) -> dict[str, Decimal]:
    fees: dict[str, Decimal] = {}
    for trade in views.trades(account):
        fees[trade.fee_currency] = fees.get(trade.fee_currency, ZERO) + trade.fee
    return fees

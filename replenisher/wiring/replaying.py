"""`replenisher replay`: a paper configuration, its engine and its exchange, on one virtual timeline."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from math import isfinite, nan
from pathlib import Path
from time import process_time

import msgspec

from replenisher.backtest.again import Again
from replenisher.backtest.again import again as live_again
from replenisher.backtest.answers import Answers
from replenisher.backtest.connection import Connection
from replenisher.backtest.counter import Counter
from replenisher.backtest.elsewhere import ElsewhereHearing, HeldPrice
from replenisher.backtest.hearing import Hearing
from replenisher.backtest.replay import Observe, Replay
from replenisher.backtest.tally import Tally
from replenisher.config import CCXT, Config
from replenisher.core.engine import Engine
from replenisher.core.halts import why_halted
from replenisher.core.mandates import mandates
from replenisher.core.state import State
from replenisher.errors import ConfigurationError, ReplenisherError
from replenisher.exchange.dialects.deribit.settings import DeribitSettings
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.latency import Way
from replenisher.exchange.ledger import Append
from replenisher.exchange.ledger_file import LedgerFile
from replenisher.exchange.market import Listing
from replenisher.exchange.recorded import RecordedMarket
from replenisher.exchange.views import Views
from replenisher.exchange.words import InstrumentState
from replenisher.live.birth import EPOCH_ZERO_S, begin
from replenisher.live.supervisor import FAILURE, FINE, RISK_HALT
from replenisher.model.event import Started
from replenisher.model.step import Step
from replenisher.model.units import MINUTE_NS, MS_NS, SECOND_NS
from replenisher.store.database import Database
from replenisher.store.journal import Fsync, Journal, Policy
from replenisher.store.recorder import Recorder
from replenisher.wiring.books import database_upgrade
from replenisher.wiring.latency import latency_of
from replenisher.wiring.listings import chance_of, listings_of
from replenisher.wiring.offered import require_offered
from replenisher.wiring.setup import setup_of
from replenisher.wiring.venues import instruments_on, tickers_on, watched_on

START = 1_750_000_000 * SECOND_NS  # of a market that has no time of its own
SLICE_NS = 2 * SECOND_NS  # of virtual time between two words about how far it is
MINUTES = 10.0  # of a market that never ends
FOREVER = 1 << 61
ZERO = Decimal(0)

NO_PRICES: Mapping[str, float] = {}

Tell = Callable[[str], None]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a replay. Of two of the same past, all but what it took is the same."""

    configuration: str
    version: str
    market: str
    seed: int
    began: str
    seconds: float  # of the market's time
    tape_gaps: int  # how often the tape that was played lost a book
    heard_books: int  # what the engine was told of books, our own effects on them among it
    heard_levels: int  # in these
    heard_trades: int  # between others, or with us
    steps: int
    orders: int
    amends: int
    cancels: int
    rejected: int
    fills: int
    equity_at_mark: Mapping[str, Decimal]  # by currency: cash, and what positions would bring at the exchange's mark
    pnl_at_mark: Mapping[str, Decimal]  # what that is more than was paid in; `report` counts at the last fair value
    fees: Mapping[str, Decimal]
    positions: Mapping[str, Decimal]
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


def held_prices(words: Iterable[str]) -> dict[str, float]:
    """What the command line says that sources over HTTP answer, by their names."""
    prices: dict[str, float] = {}
    for word in words:
        name, _, number = word.partition("=")
        try:
            prices[name] = float(number)
        except ValueError:
            prices[name] = nan
        if not (isfinite(prices[name]) and prices[name] > 0):
            raise ConfigurationError(f"the command line: --price: {word!r} is no name and its price, like desk=60000")
    return prices


def require_replayable(config: Config, prices: Mapping[str, float] = NO_PRICES) -> None:
    """Refuse what no replay can play, before anything is read or written."""
    at = config.path
    if config.mode != "paper" or config.exchange is None:
        raise ConfigurationError(f"{at}: mode: {config.mode!r} cannot be replayed, only paper with an exchange can")
    if len(config.venues) != 1:
        names = ", ".join(config.venues)
        raise ConfigurationError(f"{at}: venues: {names} cannot be replayed together, a replay plays one exchange")
    (venue,) = config.venues
    if config.venues[venue].adapter == CCXT:
        raise ConfigurationError(f"{at}: venues.{venue}.adapter: 'ccxt' cannot be replayed, only deribit can")
    for name in prices:
        if name not in config.price_sources:
            raise ConfigurationError(f"the command line: --price: {name!r} is none of {at}'s price_sources")
    for name in config.price_sources:
        if name not in prices:
            raise ConfigurationError(
                f"{at}: price_sources.{name}: a replay asks nobody over HTTP: hold it with --price {name}=PRICE, or "
                "replay what a daemon has heard with --journal"
            )


def replay(
    config: Config,
    *,
    minutes: float | None,
    directory: Path | None,
    tell: Tell,
    prices: Mapping[str, float] = NO_PRICES,
) -> Outcome:
    """Play it all; a data directory is written whole or not at all."""
    require_replayable(config, prices)
    require_offered(config)
    if directory is None:
        return _play(config, Forgetful(), minutes, tell, prices)
    with _written(directory) as beside:
        placed = config.in_directory(beside)
        if not placed.database_url.startswith(f"sqlite:///{placed.data_dir}"):
            raise ConfigurationError(
                f"{config.path}: database.url: a replay writes into its own data directory, name a relative SQLite file"
            )
        outcome = _play(placed, Files(placed), minutes, tell, prices)
    return msgspec.structs.replace(outcome, data_directory=str(directory))


def again(config: Config, directory: Path, tell: Tell) -> Again:
    """Live a journal again: the folder itself, or the data directory that it is in."""
    inside = directory / "journal"
    return live_again(inside if inside.is_dir() else directory, setup_of(config), tell)


def _play(config: Config, memory: "Memory", minutes: float | None, tell: Tell, prices: Mapping[str, float]) -> Outcome:
    section = config.exchange
    assert section is not None, "what cannot be replayed is refused earlier"
    tell("reading the tape" if config.tape else "filling the book")

    def reading(how_far: str) -> None:
        tell(f"reading the tape, {how_far}")

    began_cpu_s, at = process_time(), START

    def clock(tape_begins: int) -> int:
        nonlocal at
        at = tape_begins or at
        return at

    listings = listings_of(section, tape=config.tape, seed=section.seed, clock=clock, say=reading, needs_trades=True)
    state, epoch = memory.begin(config, at)
    tally, digest = Tally(), blake2b(digest_size=8)

    def append(data: bytes) -> None:
        digest.update(data)
        memory.append(data)

    def observe(step: Step) -> None:
        tally.observe(step)
        memory.observe(step)

    game = replay_of(config, listings, state, epoch=epoch, at=at, append=append, observe=observe, prices=prices)
    until = FOREVER
    if minutes is not None or any(listing.market.source == "synthetic" for listing in listings):
        until = at + round((MINUTES if minutes is None else minutes) * MINUTE_NS)
    ends = min(until, max(listing.played_at or until for listing in listings))
    while not game.is_closed and game.at < until:
        game.run(min(game.at + SLICE_NS, until))
        memory.rotate(game)
        past, whole = (min(game.at, ends) - at) / MINUTE_NS, (ends - at) / MINUTE_NS
        tell(f"{past:.1f} of {whole:.1f} minutes of the market, {tally.orders:,} orders")
    seconds = (game.at - at) / SECOND_NS
    game.stop()
    digest.update(state.dump())
    cpu_s = process_time() - began_cpu_s
    tell("writing the rows")
    memory.close()
    gaps = sum(listing.market.gaps for listing in listings if isinstance(listing.market, RecordedMarket))
    outcome = _outcome(config, game, tally, gaps, began_at=at, seconds=seconds, hash=digest.hexdigest(), cpu_s=cpu_s)
    return msgspec.structs.replace(outcome, held_prices=prices)


def replay_of(
    config: Config,
    listings: Sequence[Listing],
    state: State,
    *,
    epoch: int,
    at: int,
    append: Append,
    observe: Observe,
    opens_at: int | None = None,
    prices: Mapping[str, float] = NO_PRICES,
    chance: Callable[[], float] | None = None,
) -> Replay:
    """A life that has been told its first facts; its session opens at once, unless it is said when.

    `prices` says what each source over HTTP answers all the time. By `chance` it is drawn how long a connection that
    was lost is not dialed again; without it the seed says that, too.
    """
    section, (venue,) = config.exchange, config.venues
    assert section is not None, "what cannot be replayed is refused earlier"
    account, latency = config.venues[venue].account, latency_of(section, listings, section.seed)
    held_ns = round(section.latency.order_reply_ms * MS_NS)
    trading = Way(latency.response_ns)
    public, tickers = Way(latency.response_ns), tickers_on(config, venue)
    hearing = (
        ElsewhereHearing(
            venue, account, public, trading, tickers=tickers, views=lambda: exchange.views, held=_held(config, prices)
        )
        if tickers or prices
        else Hearing(venue, account, public, trading)
    )
    exchange = Exchange(
        exchange_id=_exchange_id(section.seed),
        seed=section.seed,
        listings=listings,
        balances={account: dict(section.balances)},
        append=append,
        at=at,
        max_leverage=section.max_leverage,
        told=hearing,
    )
    connection = Connection(
        venue,
        hearing,
        DeribitSettings(keys=(), credits_per_s=section.rate.per_s, credits_burst=section.rate.burst),
        requests=Way(latency.request_ns),
        replies=trading,
        chance=chance or chance_of(f"{section.seed} connection").random,
    )
    connection.begin(at)
    counter = Counter(
        exchange,
        account,
        hearing,
        Answers(exchange.views, venue, account, hearing),
        connection,
        definitions=Way(latency.request_ns),
        replies=trading,
        order_replies=Way(lambda: latency.response_ns() + held_ns) if held_ns else trading,
    )
    traded = instruments_on(config, venue)
    names = watched_on(config, venue)
    watched = [listing.market for listing in listings if listing.market.instrument.name in names]
    for market in watched:
        hearing.listen(market.instrument, is_traded=market.instrument.name in traded)
    game = Replay(Engine(state), exchange, hearing, counter, connection, observe)
    game.begin(
        Started(
            at=at,
            epoch=epoch,
            namespace=config.namespace,
            config_version=config.fingerprint(),
            accounts={venue: f"{account}@{exchange.exchange_id}"},
            mandates=mandates(state.setup),
        )
    )
    hearing.begin([market.instrument for market in watched], at, at if opens_at is None else opens_at)
    for market in watched:
        hearing.tell_state(market.instrument.name, InstrumentState.OPEN, at)
        hearing.show(market.instrument.name, market.depth(), at)
    return game


def _held(config: Config, prices: Mapping[str, float]) -> list[HeldPrice]:
    """The sources over HTTP, asked as often as they would be."""
    return [
        HeldPrice(source=name, price=prices[name], every_ns=section.poll_ms * MS_NS)
        for name, section in config.price_sources.items()
    ]


def _exchange_id(seed: int) -> str:
    """Of an exchange that is made anew for every replay: the same one for the same seed."""
    return blake2b(f"exchange {seed}".encode(), digest_size=8).hexdigest()


def _outcome(
    config: Config, game: Replay, tally: Tally, gaps: int, *, began_at: int, seconds: float, hash: str, cpu_s: float
) -> Outcome:
    section, (venue,) = config.exchange, config.venues
    assert section is not None, "what cannot be replayed is refused earlier"
    account, views = config.venues[venue].account, game.exchange.views
    currencies = sorted({*section.balances, *(each.instrument.settlement_currency for each in views.instruments())})
    equity = {currency: _equity(views, account, currency) for currency in currencies}
    return Outcome(
        configuration=str(config.path),
        version=config.fingerprint(),
        market="synthetic" if config.tape is None else str(config.tape),
        seed=section.seed,
        began=datetime.fromtimestamp(began_at // SECOND_NS, UTC).isoformat(),
        seconds=round(seconds, 3),
        tape_gaps=gaps,
        heard_books=tally.changes,
        heard_levels=tally.levels,
        heard_trades=tally.trades,
        steps=tally.steps,
        orders=tally.orders,
        amends=tally.amends,
        cancels=tally.cancels,
        rejected=tally.rejected,
        fills=sum(1 for _ in views.trades(account)),
        equity_at_mark=equity,
        pnl_at_mark={currency: now - section.balances.get(currency, ZERO) for currency, now in equity.items()},
        fees=_fees(views, account),
        positions={name: views.position(account, name).size for name in instruments_on(config, venue)},
        marks={name: views.mark_price(name) for name in instruments_on(config, venue)},
        halted=why_halted(game.engine.state),
        is_flat=not views.open_orders(account),
        hash=hash,
        cpu_s=round(cpu_s, 2),
    )


def _equity(views: Views, account: str, currency: str) -> Decimal:
    """Cash, what waits for the next settlement, and what positions would bring at the mark."""
    held = views.account(account, currency)
    return held.balance + held.realized + held.unrealized


def _fees(views: Views, account: str) -> dict[str, Decimal]:
    fees: dict[str, Decimal] = {}
    for trade in views.trades(account):
        fees[trade.fee_currency] = fees.get(trade.fee_currency, ZERO) + trade.fee
    return fees


# --- What is kept of it ------------------------------------------------------------------------------------------


class Forgetful:
    """Keeps nothing."""

    def begin(self, config: Config, at: int) -> tuple[State, int]:
        """The state in which the life begins, and its epoch."""
        return State.load(setup_of(config), None), at // SECOND_NS - EPOCH_ZERO_S

    def append(self, data: bytes) -> None:
        """Some records of the exchange's ledger."""

    def observe(self, step: Step) -> None:
        """A step, as it was taken."""

    def rotate(self, game: Replay) -> None:
        """Go on in a new segment if the journal's has its size."""

    def close(self) -> None:
        """It is over."""


class Files:
    """Journal, ledger and rows, as the daemon and its exchange leave them."""

    def __init__(self, config: Config) -> None:
        self._ledger = LedgerFile(config.data_dir / "exchange.ledger")
        self._directory = config.data_dir / "journal"
        self._database_url = config.database_url
        self._journal = Journal.open(
            self._directory,
            new_id=config.fingerprint(),
            policy=Policy(fsync=Fsync.NEVER, market_data=config.journal.market_data),
        )
        database_upgrade(config)

    def begin(self, config: Config, at: int) -> tuple[State, int]:
        """The state in which the life begins, and its epoch."""
        return begin(self._journal, setup_of(config), at)

    def append(self, data: bytes) -> None:
        """Some records of the exchange's ledger."""
        self._ledger.append(data)

    def observe(self, step: Step) -> None:
        """A step, as it was taken."""
        self._journal.append(step)

    def rotate(self, game: Replay) -> None:
        """Go on in a new segment if the journal's has its size."""
        if self._journal.is_full:
            self._journal.rotate(game.engine.state.snapshot(), game.at)

    def close(self) -> None:
        """Make rows of it all."""
        self._journal.close()
        self._ledger.close()
        with closing(Database(self._database_url)) as database:
            Recorder(self._directory, database).record_all()


Memory = Forgetful | Files


@contextmanager
def _written(directory: Path) -> Iterator[Path]:
    """A new folder beside `directory` that takes its place once all is in it; nothing is left if that fails."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(f"{directory}: a replay begins with an empty data directory, and something is there")
    beside = directory.absolute().with_name(f".{directory.name}.partial")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        if directory.exists():
            directory.rmdir()
        beside.rename(directory)
    except OSError as error:
        raise ReplenisherError(f"{directory}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)

"""A replay is put together: the engine, the exchange, and what stands between them in the place of a wire."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

from replenisher.backtest.answers import Answers
from replenisher.backtest.connection import Connection
from replenisher.backtest.counter import Counter
from replenisher.backtest.elsewhere import ElsewhereHearing, HeldPrice
from replenisher.backtest.hearing import Hearing
from replenisher.backtest.replay import Observe, Replay, Watch
from replenisher.backtest.subscriptions import Subscriptions
from replenisher.config import Config
from replenisher.core.engine import Engine
from replenisher.core.mandates import mandates
from replenisher.core.state import State
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.latency import LatencyModel, Way
from replenisher.exchange.ledger import Append
from replenisher.exchange.market import Listing
from replenisher.exchange.words import InstrumentState
from replenisher.model.event import Started
from replenisher.model.units import MS_NS
from replenisher.wiring.dialect import deribit_settings
from replenisher.wiring.latency import latency_of
from replenisher.wiring.listings import chance_of
from replenisher.wiring.venues import instruments_on, tickers_on, watched_on

NO_PRICES: Mapping[str, float] = {}


def replay_of(
    config: Config,
    listings: Sequence[Listing],
    state: State,
    *,
    epoch: int,
    at: int,
    append: Append,
    observe: Observe,
    watch: Watch | None = None,
    opens_at: int | None = None,
    prices: Mapping[str, float] = NO_PRICES,
    chance: Callable[[], float] | None = None,
    latency: LatencyModel | None = None,
) -> Replay:
    """A life that has been told its first facts; its session opens at once, unless it is said when.

    `prices` says what each source over HTTP answers all the time. By `chance` it is drawn how long a connection that
    was lost is not dialed again; without it the seed says that, too. Messages are under way for as long as the
    configuration says, unless `latency` does.
    """
    section, (venue,) = config.exchange, config.venues
    assert section is not None, "what cannot be replayed is refused earlier"
    account, latency = config.venues[venue].account, latency or latency_of(section, listings, section.seed)
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
    limits = deribit_settings(section, (), at)
    connection = Connection(
        venue,
        hearing,
        limits,
        requests=Way(latency.request_ns),
        replies=trading,
        chance=chance or chance_of(f"{section.seed} connection").random,
    )
    connection.begin(at)
    names = watched_on(config, venue)
    watched = [listing.market for listing in listings if listing.market.instrument.name in names]
    subscriptions = Subscriptions(
        venue,
        {market.instrument.name: market for market in watched},
        hearing,
        requests=Way(latency.request_ns),
        replies=Way(latency.response_ns),
        at=at,
    )
    counter = Counter(
        exchange,
        account,
        hearing,
        Answers(exchange.views, venue, account, hearing, limits),
        connection,
        subscriptions,
        definitions_ns=latency.request_ns,
        replies=trading,
        held_ns=round(section.latency.order_reply_ms * MS_NS),
    )
    traded = instruments_on(config, venue)
    for market in watched:
        hearing.listen(market.instrument, is_traded=market.instrument.name in traded)
    game = Replay(Engine(state), exchange, hearing, counter, connection, observe, watch)
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
        hearing.subscribed(market.instrument.name, at)
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

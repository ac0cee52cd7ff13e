"""The sections of a configuration file: one model a section, one field a key, the unit last in its name.

An unknown key is a mistake, and there are no defaults for money: sizes, spreads, limits and balances are always
written down. Everything else has a default that is safe to trade on.
"""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag

from replenisher.core.look import Amend
from replenisher.core.risk import OnBreach
from replenisher.core.setup import OnStart
from replenisher.core.slots import PartialFill, RefillMode
from replenisher.core.toxicity import Response

Money = Annotated[Decimal, Field(gt=0, le=10**15)]
Bps = Annotated[float, Field(ge=0, le=10_000)]
SPEED_MIN, SPEED_MAX = 0.01, 10_000.0  # slower, an hour is four days and more; faster, a day is a few seconds
Milliseconds = Annotated[int, Field(ge=1, le=int(timedelta(days=1) / timedelta(milliseconds=1)))]
WORD = r"^[a-z0-9][a-z0-9_-]{0,31}$"
CURRENCY = r"^[A-Z0-9]{2,12}$"
NAMESPACE = r"^[a-z0-9]{3}$"
MAY_TRADE = "account:read_write trade:read_write"  # a key's scope
PAPER_KEY = "paper"  # id and secret alike: the exchange listens on loopback alone and nothing on it is worth anything
Word = Annotated[str, Field(pattern=WORD)]
Currency = Annotated[str, Field(pattern=CURRENCY)]


class Section(BaseModel):
    """What every section has: no unknown keys, no later changes, no infinite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class Database(Section):
    """Where orders and fills are recorded."""

    url: str = Field("sqlite:///replenisher.db", description="SQLAlchemy URL; a relative path is in the data directory")
    lease_s: int = Field(
        90,
        ge=10,
        le=3600,
        description="one daemon an account: so long after the database was last reached nothing is shown any more",
    )


class Journal(Section):
    """The daemon's own memory, written before anything is sent."""

    fsync: Literal["always", "interval", "never"] = Field(
        "interval",
        description="when steps reach the disk itself: before their orders leave; a moment later; or, with never, once "
        "4 MiB have gathered, which are kept in memory until then. Power loss may take the rest, a death nothing",
    )
    fsync_interval_ms: Milliseconds = Field(200, description="under interval, how often that is begun")
    market_data: bool = Field(False, description="keep steps with market data only, so that the journal replays")
    keep_days: int = Field(7, ge=1, description="what is older and has its rows is dropped")


class VenueSection(Section):
    """One venue, and how we behave on it."""

    adapter: Word = Field(description="deribit, or ccxt with the name of an exchange")
    exchange: Word | None = Field(None, description="which of ccxt's exchanges, such as okx or kraken")
    account: Word = Field("main", description="our name for what the key belongs to: one name, one ledger, one daemon")
    url: str | None = Field(None, description="another address than the adapter's; in paper mode none is started then")
    api_key: SecretStr | None = Field(None, description="better in the environment, or in a directory of secrets")
    api_secret: SecretStr | None = Field(None, description="likewise")
    api_password: SecretStr | None = Field(None, description="of the key, where an exchange wants one")
    request_timeout_ms: Milliseconds = Field(2000, description="without an answer by then, what was asked is unknown")
    dead_man_switch_s: int = Field(
        60, ge=23, le=600, description="the venue cancels our orders at the latest so long after our last sign of life"
    )
    connection_age_h_max: float | None = Field(
        None, gt=0, le=168, description="deribit: a connection is replaced at this age, before it is cut"
    )
    allow_no_dead_man: bool = Field(
        False, description="go live where the venue has no such switch: orders of a daemon that dies stay there"
    )
    own_echo_ms_max: Milliseconds = Field(250, description="until when our own order may be missing in the public book")
    rate_limit_per_s: float = Field(
        5, gt=0, description="of orders, amends and cancels; less where the venue grants less"
    )
    rate_limit_burst: int = Field(20, ge=2, description="at once; likewise")
    sync_every_s: float = Field(
        15, ge=1, le=3600, description="how often our orders, fills, position and cash are compared with the venue's"
    )
    poll_ms: Milliseconds = Field(1000, description="through ccxt: how often what no stream tells is asked for")
    exclusive: bool = Field(
        False, description="through ccxt: nobody else trades on this account, so one request may cancel all of it"
    )


class SyntheticMarket(Section):
    """Seeded order flow. What is not given is the market's own choice."""

    source: Literal["synthetic"]
    time_scale: float | None = Field(
        None, gt=0, le=SPEED_MAX, description="how much faster than the clock time passes in the market"
    )
    informed_share: float | None = Field(None, ge=0, le=1, description="of takers who know where the price goes")
    jump_bps: float | None = Field(None, gt=0, le=10_000, description="size of a move of the efficient price")
    jumps_per_minute: float | None = Field(None, ge=0, description="of the efficient price")
    start_price: Money | None = Field(None, description="in the middle of the book at the start")


class RecordedMarket(Section):
    """A recorded market, played again."""

    source: Literal["recorded"]
    tape: Path | None = Field(None, description="relative to this file; --tape names another")
    speed: float = Field(
        1.0, ge=SPEED_MIN, le=SPEED_MAX, description="only the market is faster; our own delays stay real"
    )


Market = Annotated[SyntheticMarket | RecordedMarket, Field(discriminator="source")]


class Power(Section):
    """The exponent of the power queue model."""

    n: float = Field(gt=0, le=100, description="the exponent")


class PowerQueue(Section):
    """Cancels in the queue are divided by the n-th power of what is ahead and behind."""

    power: Power


def _kind_of_queue_model(value: object) -> str:
    return "risk_averse" if isinstance(value, str) else "power"


QueueModel = Annotated[
    Annotated[Literal["risk_averse"], Tag("risk_averse")] | Annotated[PowerQueue, Tag("power")],
    Discriminator(_kind_of_queue_model),
]


class Fees(Section):
    """What the simulated exchange charges; negative is a rebate."""

    maker_bps: Decimal = Field(Decimal(0), ge=-100, le=1000, description="of what rested; negative is a rebate")
    taker_bps: Decimal = Field(Decimal(5), ge=-100, le=1000, description="of what took it")


Delays = Annotated[tuple[Annotated[float, Field(ge=0, le=60_000)], ...], Field(min_length=1, max_length=100_000)]


class Sampled(Section):
    """Times that were measured, each as likely as any other."""

    request_ms: Delays = Field(description="from us to the exchange")
    response_ms: Delays = Field(description="and back")


class SampledDelays(Section):
    """Every message takes one of the times that were measured."""

    sampled: Sampled


class Feed(Section):
    """How often what the tape's last message took longer to its recorder than the fastest one."""

    request_times: float = Field(1, ge=0, le=1000, description="so many times as long under way as that message")
    response_times: float = Field(1, ge=0, le=1000, description="likewise")


class FeedDelays(Section):
    """Messages take long when those of the tape did."""

    feed: Feed


def _kind_of_latency_model(value: object) -> str:
    if isinstance(value, str):
        return "constant"
    return "sampled" if isinstance(value, SampledDelays) or (isinstance(value, dict) and "sampled" in value) else "feed"


LatencyModel = Annotated[
    Annotated[Literal["constant"], Tag("constant")]
    | Annotated[SampledDelays, Tag("sampled")]
    | Annotated[FeedDelays, Tag("feed")],
    Discriminator(_kind_of_latency_model),
]


class Latency(Section):
    """How long a request is under way, and its answer."""

    request_ms: float = Field(2, ge=0, le=60_000, description="from us to the exchange")
    response_ms: float = Field(2, ge=0, le=60_000, description="and back, as all that it tells")
    model: LatencyModel = Field("constant", description="what comes on top of these two")
    order_reply_ms: float = Field(
        0, ge=0, le=60_000, description="how much longer the answer to an order takes; what it did may be told before"
    )


class FallenRate(Section):
    """What becomes of it, as when the tier of an account falls."""

    after_s: float = Field(ge=0, le=31_536_000, description="counted from the start of the exchange")
    per_s: float = Field(gt=0, description="from then on")
    burst: int = Field(ge=1, description="at once, from then on")


class Rate(Section):
    """How many order requests the simulated exchange takes."""

    per_s: float = Field(5, gt=0, description="who asks more often is cut off, as on the venue")
    burst: int = Field(20, ge=1, description="at once")
    falls: FallenRate | None = Field(None, description="to rehearse that it becomes another one")


class TickAbove(Section):
    """A coarser tick, in force above a price."""

    above_price: Money = Field(description="above which the tick is another one")
    tick: Money = Field(description="the step of prices above it")


class Funding(Section):
    """What the longs of a perpetual pay to its shorts."""

    every_s: int = Field(28_800, ge=1, description="counted from midnight UTC")
    rate_8h_bps: Decimal | None = Field(None, ge=-100, le=100, description="else what the premium of the mark says")


class Settlement(Section):
    """When gains and losses of contracts are paid out."""

    every_s: int = Field(86_400, ge=1, description="counted from 08:00 UTC")


class Interruption(Section):
    """A time in which an instrument does not trade, to rehearse it."""

    state: Literal["locked", "halted", "settlement", "maintenance", "shut"] = Field(
        description="only of `locked` orders can be cancelled; once all instruments are `shut`, nobody is let in"
    )
    after_s: float = Field(ge=0, le=31_536_000, description="counted from the start of the exchange")
    for_s: float = Field(gt=0, le=31_536_000, description="how long it lasts")


class ListedInstrument(Section):
    """One instrument of the simulated exchange. What is not given is usual for its name, or said of all of them."""

    market: SyntheticMarket | None = Field(None, description="order flow of its own, not the exchange's")
    fees: Fees | None = Field(None, description="of this instrument alone")
    tick: Money | None = Field(None, description="the step of prices")
    tick_steps: tuple[TickAbove, ...] = Field((), description="coarser ticks for higher prices, ascending")
    lot: Money | None = Field(None, description="the step of amounts")
    min_amount: Money | None = Field(None, description="of an order; a lot if not given")
    min_notional: Money | None = Field(None, description="of an order, in the quote currency; none if not given")
    price_band_pct: float | None = Field(None, gt=0, lt=100, description="of this instrument alone")
    interruptions: tuple[Interruption, ...] = Field((), description="when it does not trade, one after the other")


class SimulatedAccount(Section):
    """One more account of the simulated exchange, for other clients. Its name is the id and the secret of its key."""

    balances: dict[Currency, Money] = Field(min_length=1, description="what it begins with")
    owner: Word | None = Field(None, description="the account that this one is a subaccount of")
    key_scope: str = Field(MAY_TRADE, description="what its key may do")


class ExchangeSection(Section):
    """The simulated exchange of paper mode."""

    venue: Word = Field(description="the venue it stands in for")
    seed: int = Field(7, ge=0, description="of the order flow: the same one, the same market")
    market: Market = Field(description="an order flow, or a recording that is played")
    instruments: dict[str, ListedInstrument | None] = Field(
        {},
        description="what is listed, by name; if nothing is, what the market brings, and of a recording what is traded",
    )
    queue_model: QueueModel = Field("risk_averse", description="where in a queue others cancel")
    fees: Fees = Fees()
    price_band_pct: float = Field(10, gt=0, lt=100, description="no order buys above the mark, or sells below, by more")
    key_scope: str = Field(MAY_TRADE, description="what the simulated key may do")
    token_s: int = Field(900, ge=10, le=31_536_000, description="how long a login is good for")
    funding: Funding = Funding()
    settlement: Settlement = Settlement()
    latency: Latency = Latency()
    rate: Rate = Rate()
    keeps_orders_when_shut: bool = Field(False, description="orders outlive a maintenance that ends every connection")
    balances: dict[Currency, Money] = Field(min_length=1, description="what the account begins with")
    accounts: dict[Word, SimulatedAccount] = Field({}, description="besides the one that the venue trades on, by name")
    max_leverage: int = Field(50, ge=1, le=1000, description="a position over the margin that it holds")
    faults: tuple[()] = Field((), description="none are made: it is empty")
    allow_hosts: tuple[str, ...] = Field((), description="hosts besides loopback that paper mode may talk to")

    def fees_of(self, instrument: str) -> Fees:
        """What it takes of a fill on an instrument."""
        listed = self.instruments.get(instrument)
        return self.fees if listed is None or listed.fees is None else listed.fees


BreachedLimit = Literal["max_daily_loss_quote", "max_position_quote", "max_messages_per_minute", "max_fills_per_minute"]


class Risk(Section):
    """The limits of one account. Money is in the quote currency of what is traded there, which must be one.

    USD, USDC and USDT count as one.
    """

    max_position_quote: Money = Field(description="in each instrument")
    max_order_quote: Money = Field(description="of one order")
    max_open_orders: int = Field(ge=1, description="on all instruments together")
    max_daily_loss_quote: Money = Field(
        description="on all instruments together, since midnight UTC, open positions too"
    )
    price_collar_bps: float = Field(
        gt=0, le=10_000, description="no order stands further than this from the others' mid"
    )
    max_total_quote: Money | None = Field(None, description="all resting orders on one instrument together")
    max_leverage: Money = Field(
        Decimal(1),
        description="worst-case positions of all that is traded over the cash behind them, for contracts on margin",
    )
    max_data_age_ms: Milliseconds = Field(2000, description="on a book that is older nothing is shown")
    on_breach: OnBreach = Field(
        OnBreach.PAUSE,
        description="of max_daily_loss_quote and max_position_quote; pause and reduce last for the cool-off, halt until"
        " `resume --reason`",
    )
    on_breach_of: dict[BreachedLimit, OnBreach] = Field({}, description="what follows of one limit")
    cooloff_s: int = Field(900, ge=0, description="after a breach, before it may quote again")
    max_messages_per_minute: int = Field(
        6000, ge=1, description="orders, amends and cancels on one instrument; else halt, or as `on_breach_of` says"
    )
    max_fills_per_minute: int = Field(6000, ge=1, description="of one strategy; likewise")
    max_loop_lag_ms: Milliseconds = Field(
        1000, description="later than this quotes are canceled first; again and again it is a halt"
    )
    max_clock_offset_ms: Milliseconds = Field(5000, description="between a venue's clock and ours; else halt")
    on_start: OnStart = Field(
        OnStart.CANCEL,
        description="what happens to orders that an earlier life left: they are canceled before the first quote, or"
        " stay if they fit one (adopt), or the daemon touches nothing and ends (abort)",
    )


class TighterRisk(Section):
    """A strategy's own limits: whatever is named here must be tighter than the account's."""

    max_position_quote: Money | None = Field(None, description="of this strategy's own position")
    max_order_quote: Money | None = Field(None, description="of one order")
    max_open_orders: int | None = Field(None, ge=1, description="of this strategy")
    price_collar_bps: float | None = Field(None, gt=0, le=10_000, description="as the account's")
    max_total_quote: Money | None = Field(None, description="all its resting orders together")
    max_leverage: Money | None = Field(None, description="as the account's")
    max_data_age_ms: Milliseconds | None = Field(None, description="as the account's")


class Toxicity(Section):
    """When the refill of a level is held back because its fills lose, or come in clusters."""

    response: Response = Field(description="it stands further out, comes later, or not while the level is toxic")
    horizon_s: float = Field(10, gt=0, le=600, description="a fill is judged by the others' mid so long after it")
    window_s: float = Field(300, gt=0, le=86_400, description="and counts for so long after that")
    fills_min: int = Field(5, ge=1, le=1000, description="of a level; fewer say nothing")
    markout_bps_min: float = Field(
        0, ge=-10_000, le=10_000, description="a level whose fills bring less on average is toxic"
    )
    cluster_fills: int | None = Field(
        None, ge=2, le=1000, description="so many fills of a side within cluster_s make the levels they hit toxic"
    )
    cluster_s: float | None = Field(None, gt=0, le=3600, description="of cluster_fills: within this time")
    widen_bps: float | None = Field(None, gt=0, le=1000, description="of the response widen: so much further out")
    delay_s: float | None = Field(None, gt=0, le=86_400, description="of the response delay: so long after a fill")


class Refill(Section):
    """How a level left empty by a fill comes back."""

    mode: RefillMode = Field(
        RefillMode.PER_LEVEL, description="when it comes back: by itself, or only once its mirror was eaten, too"
    )
    delay_s: float = Field(0, ge=0, le=86_400, description="after the fill")
    partial_fill: PartialFill = Field(
        PartialFill.WAIT,
        description="what is left of an order rests on, or is amended to its full size at once, whatever delay_s and "
        "max_per_minute say of a level that is empty (top_up)",
    )
    min_fraction: float = Field(0.5, gt=0, le=1, description="of the wanted size, below which top_up acts")
    max_per_minute: int | None = Field(None, ge=1, description="per level")
    toxicity: Toxicity | None = Field(None, description="none: every level comes back whatever its fills have brought")
    hanging_pct: float | None = Field(
        None,
        gt=0,
        le=100,
        description="an order whose opposite was filled stays where it is, up to so far from fair value",
    )
    max_daily_buy_quote: Money | None = Field(None, description="what is bought in a day, midnight to midnight UTC")
    max_daily_sell_quote: Money | None = Field(None, description="what is sold in a day")


class ObligationsSection(Section):
    """What a market maker's programme wants to see of a strategy. It is counted, and changes no quote."""

    max_spread_bps: float = Field(gt=0, le=10_000, description="between the prices that complete the depth")
    min_depth_quote: Money = Field(description="of our own orders on each side, in the quote currency")
    min_uptime_pct: float = Field(gt=0, le=100, description="of the time in which the instrument trades")


class KeepPlace(Section):
    """When an order that the ladder would move stays, as its place in the queue is worth no less."""

    within_bps: float = Field(gt=0, le=1000, description="of where it is wanted; further off it is moved")
    horizon_s: float = Field(10, gt=0, le=3600, description="in which it should be filled")
    queue_model: QueueModel = Field("risk_averse", description="where in a queue others cancel")


class StrategySection(Section):
    """One strategy on one instrument. Every key that is not named here is an argument of the strategy itself."""

    model_config = ConfigDict(extra="allow")  # and the strategy's own class refuses what it does not know

    id: Word = Field(description="its name in orders, rows and reports")
    strategy: str = Field(min_length=1, description="an entry point's name, or path.py:Class")
    venue: Word = Field(description="one of venues")
    instrument: str = Field(min_length=1, description="as the venue calls it, or ccxt")
    refill: Refill = Refill()
    order_refresh_tolerance_bps: Bps = Field(0, description="an order this close to its price is left alone")
    amount_tolerance_pct: float = Field(5, ge=0, le=100, description="an order this close to its size is left alone")
    max_order_age_s: float | None = Field(None, gt=0, description="an order that is older is replaced")
    amend: Amend = Field(
        Amend.AUTO, description="in place, wherever the venue does that at once; or only where it keeps its queue place"
    )
    min_profit_bps: Bps | None = Field(None, description="no quote stands closer to fair value than the fee and this")
    maker_fee_bps: float | None = Field(
        None,
        ge=-100,
        le=1000,
        description="for min_profit_bps: what the venue takes of a fill, a rebate if negative; known if simulated",
    )
    keep_place: KeepPlace | None = Field(None, description="none: an order follows the ladder whatever its place")
    risk: TighterRisk | None = None
    obligations: ObligationsSection | None = Field(None, description="counted hour by hour: `status`, `obligations`")

    @property
    def arguments(self) -> dict[str, Any]:
        """What the strategy's class is constructed with, as it was written."""
        return dict(self.model_extra or {})


class PriceSource(Section):
    """A price that is asked for over HTTP from time to time, for fair values that go by it."""

    url: str = Field(description="answers GET with JSON")
    field: str = Field(min_length=1, description="where the price is in the answer: keys and places, with dots between")
    poll_ms: Milliseconds = Field(1000, description="from one question to the next; after a failure sooner")
    timeout_ms: Milliseconds = Field(2000, description="how long an answer is awaited")


class Sections(Section):
    """A whole configuration file."""

    version: Literal[1] = Field(description="of this form of file")
    mode: Literal["paper", "testnet", "live"] = Field(
        description="the simulated exchange; the venue's testnet; real money, with `run --live`"
    )
    namespace: str = Field("rpl", pattern=NAMESPACE, description="marks the orders of one daemon: one each")
    database: Database = Database()
    journal: Journal = Journal()
    venues: dict[Word, VenueSection] = Field(min_length=1)
    exchange: ExchangeSection | None = Field(None, description="read in mode paper only")
    risk: Risk
    price_sources: dict[Word, PriceSource] = Field({}, description="prices over HTTP, by the name that fair_value uses")
    strategies: tuple[StrategySection, ...] = Field(min_length=1)

    secret_keys: ClassVar[frozenset[str]] = frozenset({"api_key", "api_secret", "api_password"})

    @property
    def quoted_venues(self) -> dict[str, VenueSection]:
        """Where a strategy quotes. Any other venue is listened to at most, in public and without our key."""
        quoted = {section.venue for section in self.strategies}
        return {name: section for name, section in self.venues.items() if name in quoted}

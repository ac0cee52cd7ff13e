"""The SQL ledger: what we asked for, what we got, and why, as tables.

Rows are written by the recorder alone, and read by people and by `queries`. A row that stems from one fact or command
is keyed by where it lies in the journal (journal id, epoch, step, index), so telling it twice changes nothing; an
order and a fill are keyed by what they are. Each fill of an answer is a fact of its own: by their places fills are in
order. Prices and amounts are exact decimals in the venue's own units, next to the integer ticks and lots we asked in.
Times are integer nanoseconds since the epoch, UTC. `instrument` is the venue's own name of it, `account` the account
key (`main`; `main.testnet`; `main@<exchange id>` on an exchange that `run` starts, `main.paper` on one at an address).
"""

from decimal import Decimal

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)

from replenisher.store.columns import Exact

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


MIDS = ("mid_100ms", "mid_500ms", "mid_1s", "mid_5s", "mid_10s", "mid_30s", "mid_60s", "mid_300s")  # as HORIZONS_NS


def _text(name: str) -> Column[str]:
    return Column(name, String, nullable=False)


def _maybe_text(name: str) -> Column[str]:
    return Column(name, String, nullable=True)


def _time(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _maybe_count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=True)


def _exact(name: str) -> Column[Decimal]:
    return Column(name, Exact, nullable=False)


def _maybe_exact(name: str) -> Column[Decimal]:
    return Column(name, Exact, nullable=True)


def _origin() -> list[Column[str] | Column[int]]:
    """Where in which journal a row stems from."""
    return [_text("journal_id"), _count("epoch"), _count("step"), Column("index", Integer, nullable=False)]


def _place() -> list[Column[str]]:
    """On which account of which venue, and in which instrument."""
    return [_text("venue"), _text("account"), _text("instrument")]


def _key_by_origin() -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint("journal_id", "epoch", "step", "index")


lives = Table(
    "lives",
    metadata,
    _text("journal_id"),
    _count("epoch"),
    _time("started_at"),
    _text("config_version"),
    _text("namespace"),
    Column("accounts", JSON, nullable=False),  # venue -> account key
    PrimaryKeyConstraint("journal_id", "epoch"),
)

endings = Table(
    "endings",
    metadata,  # one row a life that came to an end: without one it goes on, or was cut off once another one follows
    _text("journal_id"),
    _count("epoch"),
    _time("ended_at"),
    Column("exit_code", Integer, nullable=False),  # unless rows were left to write
    _text("reason"),
    Column("is_verified", Boolean, nullable=False),  # flat: every venue has said that nothing of ours rests
    Column("may_rest", JSON, nullable=False),  # ids of the orders of which that is not known
    PrimaryKeyConstraint("journal_id", "epoch"),
)

mandates = Table(
    "mandates",
    metadata,  # one row a life and strategy: what was the same all life long of what it was asked for
    _text("journal_id"),
    _count("epoch"),
    _text("strategy"),
    _text("venue"),
    _text("instrument"),
    _text("idea"),  # what the configuration calls it, or its class
    _text("fair_value"),  # where that comes from; empty if it does not say
    Column("chain", JSON, nullable=True),  # how prices follow from terms, likewise
    Column("policy", JSON, nullable=False),
    Column("limits", JSON, nullable=False),
    Column("guards", JSON, nullable=True),
    Column("obligations", JSON, nullable=True),  # null where nothing is owed, and in rows older than this column
    PrimaryKeyConstraint("journal_id", "epoch", "strategy"),
)

instruments = Table(
    "instruments",
    metadata,
    _text("venue"),
    _text("name"),
    Column("version", Integer, nullable=False),
    _text("kind"),
    Column("tick_steps", JSON, nullable=False),  # [[above price, tick], …], decimals as text
    _exact("lot"),
    _text("amount_unit"),
    _exact("contract_value"),
    Column("inverse", Boolean, nullable=False),
    _text("base_currency"),
    _text("quote_currency"),
    _text("settlement_currency"),
    Column("pays_at_settlement", Boolean, nullable=False),
    _exact("min_amount"),
    _exact("min_notional"),
    _time("at"),
    PrimaryKeyConstraint("venue", "name", "version"),
)

orders = Table(
    "orders",
    metadata,
    _text("venue"),
    _text("account"),
    _text("order_id"),
    _text("venue_order_id"),
    _text("instrument"),
    Column("instrument_version", Integer, nullable=False),
    _text("strategy"),
    _text("side"),
    Column("level", Integer, nullable=False),
    _text("intent"),
    _count("price_ticks"),
    _count("quantity_lots"),
    _exact("price"),
    _exact("amount"),
    _exact("filled"),
    _text("status"),
    _text("reason"),
    _time("created_at"),
    _time("updated_at"),
    _text("journal_id"),  # of the life that placed it, as are the next two
    _count("epoch"),
    _text("config_version"),
    _count("updated_epoch"),  # the step that last touched it
    _count("updated_step"),
    PrimaryKeyConstraint("venue", "account", "order_id"),
    Index(None, "venue", "account", "status"),
)

requests = Table(
    "requests",
    metadata,  # one row a command, those that only we hear of included
    *_origin(),
    _time("at"),
    _text("kind"),
    _maybe_text("venue"),
    _maybe_text("account"),
    _maybe_text("instrument"),
    _maybe_text("order_id"),
    _maybe_text("strategy"),
    _maybe_text("side"),
    Column("level", Integer, nullable=True),
    _maybe_count("price_ticks"),
    _maybe_count("quantity_lots"),
    _maybe_exact("price"),
    _maybe_exact("amount"),
    _maybe_text("intent"),
    _maybe_text("reason"),
    _maybe_count("until"),  # of a pause; 0 is until an operator resumes
    _key_by_origin(),
    Index(None, "venue", "account", "order_id"),
)

fills = Table(
    "fills",
    metadata,
    *_place(),
    _text("trade_id"),
    _text("side"),
    _text("order_id"),  # empty if the order is not one of ours by name
    _text("venue_order_id"),
    _text("strategy"),  # of the order; `external` if it is none of ours
    Column("level", Integer, nullable=True),  # of the order, when it was filled; null if it is none of ours
    _text("config_version"),  # under which the order was placed; of another's, the one in force
    _exact("price"),
    _exact("amount"),
    _maybe_exact("mid"),  # of the others, just before we heard of it; null where there was none to rely on
    Column("spread", Double, nullable=True),  # between their best bid and ask, likewise
    Column("own_spread", Double, nullable=True),  # between the strategy's own, then; null unless it showed both
    _maybe_exact("contract_value"),  # of the instrument, when we heard of it; null where nobody had told
    _exact("fee"),
    _text("fee_currency"),
    _text("liquidity"),
    _time("venue_time"),
    _time("at"),
    *_origin(),
    PrimaryKeyConstraint("venue", "account", "instrument", "trade_id", "side"),
    Index(None, "venue", "account", "order_id"),
)

markouts = Table(
    "markouts",
    metadata,  # one row a fill: the others' mid so long after it; null where that is not known
    *_origin(),
    _time("at"),
    *_place(),
    _text("trade_id"),
    _text("side"),
    *(Column(name, Double, nullable=True) for name in MIDS),
    PrimaryKeyConstraint("venue", "account", "instrument", "trade_id", "side"),
)

answers = Table(
    "answers",
    metadata,  # one row each time a venue answered a place or an amend, or a cancel that it refused
    *_origin(),
    _time("at"),
    _text("venue"),
    _text("account"),
    _text("order_id"),
    _text("strategy"),  # of the order, as is the next
    _text("config_version"),
    _text("request"),
    _maybe_text("intent"),  # of the request; null if it was written long before
    _maybe_count("asked_at"),  # session time of the newest fact that led to it; null if it is not known
    _text("outcome"),  # working, a reason to reject, not_sent or unknown
    _text("message"),  # the venue's own words; empty if there were none
    _key_by_origin(),
    Index(None, "venue", "account", "order_id"),
)

cash_moves = Table(
    "cash_moves",
    metadata,
    _text("venue"),
    _text("account"),
    _text("kind"),
    _text("currency"),
    _text("venue_id"),
    _text("instrument"),  # on whose position; empty if it was about none
    _exact("amount"),
    _exact("realized"),  # the part of it that fills had realized before
    _time("venue_time"),
    _time("at"),
    *_origin(),
    PrimaryKeyConstraint("venue", "account", "kind", "currency", "venue_id"),
)

cash_looks = Table(
    "cash_looks",
    metadata,  # one row each time the venue's book of our cash was read to its end
    *_origin(),
    _time("at"),
    _text("venue"),
    _text("account"),
    _text("currency"),
    _time("venue_time"),  # up to when it told us
    _key_by_origin(),
    Index(None, "venue", "account", "currency", "venue_time"),
)

balances = Table(
    "balances",
    metadata,
    *_origin(),
    _time("at"),
    _text("venue"),
    _text("account"),
    _text("currency"),
    _exact("balance"),
    _key_by_origin(),
    Index(None, "venue", "account", "currency", "at"),
)

positions = Table(
    "positions",
    metadata,
    *_origin(),
    _time("at"),
    *_place(),
    _exact("amount"),
    _key_by_origin(),
    Index(None, "venue", "account", "instrument", "at"),
)

marks = Table(
    "marks",
    metadata,  # one row a minute of each instrument of which something is held, and one when a life stops
    *_origin(),
    _time("at"),
    *_place(),
    _exact("mid"),  # of the others
    _key_by_origin(),
    Index(None, "venue", "account", "instrument", "at"),
)

halts = Table(
    "halts",
    metadata,  # one row each time everything was halted, and each time an operator paused everything or resumed
    *_origin(),
    _text("kind"),  # halted, paused or resumed
    _time("at"),
    _text("cause"),  # of a halt
    _text("reason"),  # an operator's own words; empty of a resume that only ended a pause
    PrimaryKeyConstraint("journal_id", "epoch", "step", "index", "kind"),
    Index(None, "at"),
)

presence = Table(
    "presence",
    metadata,  # one row an hour and strategy that has obligations, and journal, should they be two
    *_origin(),
    _time("at"),  # until when it is counted
    *_place(),
    _text("strategy"),
    _time("hour"),  # when it begins
    _count("traded_ns"),  # in which the instrument traded
    _count("met_ns"),  # the part of it in which the obligations were met
    PrimaryKeyConstraint("journal_id", "strategy", "hour"),
    Index(None, "venue", "account", "hour"),
)

breaches = Table(
    "breaches",
    metadata,  # one row each time a strategy ceased to meet its obligations
    *_origin(),
    *_place(),
    _text("strategy"),
    _time("since"),
    _maybe_count("until"),  # null while it lasts
    _text("reason"),  # with which it began
    Column("held_ns", JSON, nullable=False),  # reason -> how long it was why, in the order in which they first came
    PrimaryKeyConstraint("journal_id", "strategy", "since"),
    Index(None, "venue", "account", "since"),
)

sweeps = Table(
    "sweeps",
    metadata,  # one row a sweep of a book that we quote and band around its mid, once it is not watched any more
    *_origin(),
    _time("at"),
    *_place(),
    _text("side"),  # that was hit
    Column("band_bps", Double, nullable=False),  # of the mid, within which depth counts; 0 is the touch
    _time("venue_time"),
    Column("loss", Double, nullable=False),  # of what stood near the mid, as an amount
    _count("watched_ns"),
    Column("back", JSON, nullable=False),  # what share of it was back, by time like "0.5s"; null where not watched
    _maybe_count("t50_ns"),  # from when on half of it was back; null if that was not seen
    _maybe_count("t90_ns"),
    Column("flow_per_s", Double, nullable=True),  # added in the first five seconds, in losses
    Column("own_share", Double, nullable=True),  # of what was back after that
    _key_by_origin(),
    Index(None, "venue", "account", "instrument", "venue_time"),
)

signals = Table(
    "signals",
    metadata,  # one row a market and signal: what it had seen when it was last recorded
    *_origin(),
    _time("at"),
    *_place(),
    _text("specification"),
    _exact("tick"),  # in which it counts
    _exact("lot"),
    Column("numbers", JSON, nullable=False),
    PrimaryKeyConstraint("venue", "account", "instrument", "specification"),
)

decisions = Table(
    "decisions",
    metadata,
    *_origin(),
    _time("at"),
    _text("strategy"),
    _text("venue"),
    _text("instrument"),
    Column("fair_value", Double, nullable=True),
    Column("terms", JSON, nullable=False),
    Column("wanted", JSON, nullable=False),
    Column("permitted", JSON, nullable=False),
    _text("withheld"),
    Column("cuts", JSON, nullable=True),  # null in rows that are older than this column
    _key_by_origin(),
)

leases = Table(
    "leases",
    metadata,  # one row an account: who trades on it, or did last; not made of a journal (`leases.py`)
    _text("venue"),
    _text("account"),
    _count("epoch"),
    _text("journal_id"),
    _text("host"),
    _count("pid"),
    _text("data_directory"),
    _time("since"),
    _time("until"),  # unless it is renewed; 0 once it was given back
    PrimaryKeyConstraint("venue", "account"),
)

cursor = Table(
    "cursor",
    metadata,
    _text("journal_id"),
    Column("segment", Integer, nullable=False),
    _count("offset"),
    _count("epoch"),
    _count("step"),
    _time("at"),
    PrimaryKeyConstraint("journal_id"),
)

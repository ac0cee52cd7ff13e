"""What differs from exchange to exchange where ccxt does not level it, and how far each of them has been tried.

ccxt gives one spelling to most things. The rest is here, a row an exchange: how an order carries our own name, what an
amount is, where its cash is read. An exchange without a row is not traded on, for a reason of its own (`refused.py`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from replenisher.core.prices import Of
from replenisher.core.topic import Topic
from replenisher.model.units import SECOND_NS
from replenisher.venues.deribit import archive, own_trades
from replenisher.venues.venue import Capabilities

Path = tuple[str, ...]  # of keys into one of ccxt's unified structures

# Orders may be looked up in a copy of the exchange's books that lags behind them by some seconds.
FORGETS_NS = 5 * SECOND_NS
UNIFIED_NAME: Path = ("clientOrderId",)


class Standing(StrEnum):
    """How far a venue has been tried."""

    PROVED = "proved on the simulated exchange"
    MAPPED = "mapping tested"
    UNTESTED = "untested"


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """How an exchange says through ccxt what its contracts are worth; most by no means say all."""

    tells: frozenset[Of] = frozenset()
    fetch: str = ""  # the method that asks
    watch: str = ""  # the stream that tells; empty where there is none, or ccxt leaves these prices out of it
    of_spot: bool = False  # of what is no contract, too


class CashRows(msgspec.Struct, frozen=True, kw_only=True):
    """Where an exchange itself says what is cash, in the balances' `info`: ccxt's `total` is the equity, or less."""

    path: tuple[str | int, ...]  # of the list of rows
    currency: str  # a row's currency; empty where the answer is one row, about the wallet's own
    cash: str
    less: str = ""  # what that has of profit not yet realized
    waits: str = ""  # what waits for a settlement besides


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange, where it is not like the others."""

    name_param: str = "clientOrderId"  # of `create_order`, for our own name of an order
    name_paths: tuple[Path, ...] = (UNIFIED_NAME,)  # where that name is in an order
    trade_name_paths: tuple[Path, ...] = ()  # and in a trade
    post_only: tuple[str, str | bool] = ("postOnly", True)  # the parameter that keeps an order from taking
    name_prefix: str = ""  # what the exchange, or ccxt for it, puts before the name
    deadline_param: str = ""  # after this time of its own, in ms, the exchange refuses a request; empty if it cannot
    amends: bool = False  # `edit_order` is one atomic step that keeps order, name and what is filled
    amend_params: Mapping[str, Any] = {}
    counts_contracts: bool = True  # an amount of a derivative is a number of contracts, as nearly everywhere
    no_contracts: str = ""  # why only spot is traded
    changed_path: Path = ("lastUpdateTimestamp",)  # when an order last changed, ms
    # The words in braces are the instrument's, see `instruments.spelled`.
    wallet: Mapping[str, str] = {}  # of `fetch_balance`, where contracts are paid from a wallet of their own
    cash_rows: CashRows | None = None  # of that wallet, else of the only one
    cash_doubt: str = ""  # why what it tells as our cash of contracts may be more than that, or less
    streams_fills: bool = True  # what the stream of fills says of one is so; else it is asked for
    streams_contracts: bool = True  # ccxt reads what the streams of orders and fills tell of contracts
    streams_orders: bool = True  # what the stream of orders says of one is so; else they are asked for
    streams_ends: bool = True  # and it tells when one is over
    streams_rest: bool = False  # an amount in it is only what the order has traded: what rests is told beside it
    filled_path: Path = ()  # of all that an order has traded, where ccxt takes none for it in a stream, or another
    estimates_fees: bool = False  # no answer tells what a fill cost: ccxt goes by the exchange's list of fees
    amount_path: Path = ("amount",)  # of a trade, where ccxt leaves it out
    fees_are_cash: bool = False  # every fee is taken in what the instrument settles in, and never in another coin
    pays_at_settlement: bool = False  # what fills of contracts realize is cash only once it is settled
    cash_log: str = ""  # the method that asks for Deribit's log of cash; empty where there is none that we can read
    tells_funding: bool = False  # ccxt has a history of what funding paid and cost
    funding_params: Mapping[str, Any] = {}  # of that question, for as much as is told at once
    funding_until: str = "until"  # the end of the time whose funding is asked for, ms
    funding_offset: str = ""  # where it has no such end: for how much was told before
    book_limit: int | None = None  # how many levels a side to ask for; None is the exchange's own choice
    clears: bool = True  # `cancel_all_orders`, where there is one, knows every kind of market
    open_limit: int | None = None  # of resting orders in one answer, and to ask for; None is all of them
    tells_all_open: bool = False  # asked without a symbol, it tells every order that rests, whatever market it is on
    currency_param: str = ""  # of that question, if it has to be asked for each currency that we settle in
    tells_position_alone: bool = True  # `fetch_position`, where there is one, knows contracts
    positions_params: Mapping[str, str] = {}
    order_params: Mapping[str, Any] = {}  # of the question for one order
    history_params: Mapping[str, Any] = {}  # and for those that are over
    history_method: str = ""  # of that question, where the first that ccxt has there is another
    history_limit: int | None = None  # of them in one answer, where it is more than ccxt knows of
    history_until: str = ""  # the end of the time whose orders are asked for, if it is not called as that of trades
    offset_param: str = ""  # for how many of them were told before; else the next answer ends at an earlier time
    archive_params: Mapping[str, Any] = {}  # of the question for those that ended long ago, where that is another one
    archived_after_ns: int = 0  # and how long ago that is, at the least
    trades_params: Mapping[str, Any] = {}
    archived_trades_params: Mapping[str, Any] = {}  # of the question for those of long ago, where that is another one
    trades_archived_after_ns: int = 0  # and how long ago that is, at the least
    trades_limit: int | None = None  # a page of our own trades, and to ask for; None is 50 or more
    until_param: str = "until"  # the end of the time whose trades are asked for, ms
    needs_until: bool = False
    # `cancel_all_orders_after` is a timer of the whole account that needs nothing but a time. Elsewhere ccxt gives the
    # same name to what serves one symbol, one kind of market, or only the end of a socket.
    has_switch: bool = False
    worth: Worth = Worth()
    is_paced: bool = True  # by ccxt, as it knows what each request costs; False where our own budget is the venue's
    standing: Standing = Standing.UNTESTED

    @property
    def tells_cash_moves(self) -> bool:
        """Whether it can be asked what moved our cash without a fill."""
        return bool(self.cash_log) or self.tells_funding

    @property
    def tells_at_once(self) -> frozenset[Topic]:
        """What one question can be about all that we trade there."""
        return frozenset({Topic.OPEN_ORDERS}) if self.tells_all_open else frozenset()

    @property
    def capabilities(self) -> Capabilities:
        """What can be done there through ccxt.

        An amend elsewhere may be a cancel and a new order under another id and name: two orders for a moment.
        """
        return Capabilities(
            amends_price=self.amends,
            cancels_orphans=self.has_switch,
            forgets_ns=FORGETS_NS,
            tells_cash_moves=self.tells_cash_moves,
            tells_at_once=self.tells_at_once,
        )


USUAL = Traits()
UNCOUNTED_FEES = (
    "a fee that is taken in a coin of its own, such as BNB or KCS, counts in no P&L and not in max_daily_loss_quote: "
    "status and report tell it apart"
)
OPENS_BESIDE = "a sale opens a short position beside the long one, and closes nothing"

BOTH = frozenset({Of.INDEX, Of.MARK})
IN_TICKERS = Worth(tells=BOTH, fetch="fetch_ticker", watch="watch_ticker")
AS_MARK = Worth(tells=BOTH, fetch="fetch_mark_price", watch="watch_mark_price")
WORTH = {
    "deribit": msgspec.structs.replace(IN_TICKERS, of_spot=True),
    **dict.fromkeys(("bybit", "bybiteu", "bybitid", "gate", "gateeu", "krakenfutures"), IN_TICKERS),
    **dict.fromkeys(("binance", "binancecoinm", "binanceusdm"), AS_MARK),
    **dict.fromkeys(("okx", "myokx", "okxus"), msgspec.structs.replace(AS_MARK, tells=frozenset({Of.MARK}))),
    **dict.fromkeys(("bitget", "poloniex"), Worth(tells=BOTH, fetch="fetch_ticker")),
    **dict.fromkeys(("bingx", "kucoin", "kucoinfutures"), Worth(tells=BOTH, fetch="fetch_mark_price")),
    "phemex": Worth(tells=BOTH, fetch="fetch_funding_rate"),
}

DERIBIT = Traits(
    # ccxt passes `label` through, but never reads it back: `clientOrderId` is always None.
    name_param="label",
    name_paths=(("info", "label"),),
    trade_name_paths=(("info", "label"),),
    deadline_param="valid_until",
    amends=True,
    amend_params={"post_only": True, "reject_post_only": True},  # `edit_order` does not know `postOnly`
    counts_contracts=False,  # the wire amount is USD or coins, whatever `contractSize` says
    changed_path=("info", "last_update_timestamp"),
    cash_rows=CashRows(path=("summaries",), currency="currency", cash="balance", waits="session_rpl"),
    fees_are_cash=True,
    pays_at_settlement=True,
    cash_log="private_get_get_transaction_log",
    book_limit=50,
    tells_all_open=True,
    currency_param="currency",
    history_params={"include_old": True, "include_unfilled": True},
    history_limit=1000,
    offset_param="offset",
    archive_params={"historical": True, "include_unfilled": True},  # with which `include_old` is refused
    archived_after_ns=archive.ORDERS_ARCHIVED_AFTER_NS,
    trades_params={"sorting": "asc"},
    archived_trades_params={"historical": True, "include_old": False},  # which ccxt would set, and which excludes it
    trades_archived_after_ns=own_trades.ARCHIVED_AFTER_NS,
    trades_limit=1000,
    until_param="end_timestamp",
    needs_until=True,
    is_paced=False,
    standing=Standing.PROVED,
)

BINANCE = Traits(
    # Once an order is canceled, `clientOrderId` is the name of the cancel, and ours is the original one.
    name_paths=(("info", "origClientOrderId"), ("info", "C"), UNIFIED_NAME),
    trade_name_paths=(("info", "C"), ("info", "c")),
    wallet={"type": "swap", "subType": "{side}"},
    tells_position_alone=False,  # but of options
    positions_params={"subType": "{side}"},
    funding_params={"limit": 1000},
    cash_rows=CashRows(path=("assets",), currency="asset", cash="walletBalance"),
)
BYBIT = Traits(
    funding_params={"limit": 100},  # ccxt's own word for it is none of the exchange's
    open_limit=50,
    order_params={"acknowledged": True},  # that it knows no more than the last 500
)
OKX = Traits(
    cash_rows=CashRows(path=("data", 0, "details"), currency="ccy", cash="cashBal"),
    funding_until="end",
    open_limit=100,
    has_switch=True,
    streams_fills=False,  # there ccxt leaves them their sign, by which a fee is negative and a rebate is not
)

FUNDED = frozenset(
    (
        *("binance", "binancecoinm", "binanceusdm", "bingx", "bitget", "bybit", "bybiteu", "bybitid", "gate", "gateeu"),
        *("krakenfutures", "kucoin", "kucoinfutures", "mexc", "myokx", "okx", "okxus", "phemex", "whitebit", "xt"),
    )
)

ROWS: dict[str, Traits] = {
    "deribit": DERIBIT,
    "binance": msgspec.structs.replace(BINANCE, standing=Standing.MAPPED),
    **dict.fromkeys(("binancecoinm", "binanceus", "binanceusdm"), BINANCE),
    **dict.fromkeys(
        ("gate", "gateeu"),
        Traits(
            name_prefix="t-",
            open_limit=100,
            wallet={"type": "{kind}", "settle": "{settle}"},
            funding_params={"limit": 1000},
            funding_offset="offset",
        ),
    ),
    "bybit": msgspec.structs.replace(BYBIT, trade_name_paths=(("info", "orderLinkId"),)),
    **dict.fromkeys(("bybiteu", "bybitid"), BYBIT),
    "okx": msgspec.structs.replace(OKX, trade_name_paths=(("info", "clOrdId"),)),
    **dict.fromkeys(("myokx", "okxus"), OKX),
    "kraken": Traits(
        name_paths=(("info", "cl_ord_id"), UNIFIED_NAME),  # in the stream the second is a number of another kind
        filled_path=("info", "cum_qty"),
        streams_ends=False,  # there the end of an order names no market, and ccxt gives it to nobody
        has_switch=True,
        tells_all_open=True,
    ),
    # What ccxt calls all orders there are those of the last seconds.
    "krakenfutures": Traits(
        streams_orders=False,  # there the end of one makes ccxt tell the newest of all once more, as if it rested
        has_switch=True,
        tells_all_open=True,
        history_method="fetch_closed_orders",
        history_until="before",
        cash_doubt="it is that of the multi-collateral wallet, and inverse contracts are paid from others",
        estimates_fees=True,
        amount_path=("info", "size"),  # of inverse contracts
        funding_params={
            "sort": "desc"
        },  # of all contracts together: the newest, so that what is older can be asked for
    ),
    "gemini": Traits(tells_all_open=True, no_contracts="through ccxt it tells no positions"),
    "deepcoin": Traits(open_limit=100, clears=False, wallet={"type": "swap"}),
    "bitget": Traits(
        filled_path=("info", "accBaseVolume"),  # and not the last fill
        open_limit=100,
        wallet={"type": "swap", "productType": "{margin}-FUTURES"},
        cash_rows=CashRows(path=(), currency="marginCoin", cash="accountEquity", less="unrealizedPL"),
        funding_params={"limit": 100},
    ),
    "whitebit": Traits(
        no_contracts="through ccxt it tells no amount of a position",
        open_limit=100,
        history_method="fetch_closed_orders",
        offset_param="offset",
    ),
    "poloniex": Traits(
        streams_fills=False,  # there ccxt takes what an order has filled in all for the amount of its last fill
        filled_path=("info", "filledQuantity"),  # and not what was paid for it
        open_limit=100,
        trades_limit=100,
        wallet={"type": "swap"},
        cash_rows=CashRows(path=("details",), currency="ccy", cash="eq", less="upl"),
    ),
    **dict.fromkeys(
        ("kucoin", "kucoinfutures"),
        Traits(
            open_limit=50,
            wallet={"type": "swap", "code": "{settle}"},
            cash_rows=CashRows(path=("data",), currency="", cash="accountEquity", less="unrealisedPNL"),
            funding_params={"maxCount": 100},
            funding_until="endAt",
        ),
    ),
    "hashkey": Traits(open_limit=500, no_contracts=OPENS_BESIDE),
    "cryptocom": Traits(
        name_param="client_oid",
        cash_doubt="what contracts have made in the session that runs is told beside it, as one sum of the account",
    ),
    "coinbase": Traits(
        name_param="client_order_id",
        streams_rest=True,
        open_limit=100,
        cash_doubt="it is that of spot, and contracts are paid from elsewhere",
    ),
    "toobit": Traits(name_param="newClientOrderId", open_limit=500, no_contracts=OPENS_BESIDE),
    "xt": Traits(
        streams_orders=False,  # of several that rest ccxt tells the wrong one now and then
        open_limit=100,
        no_contracts=OPENS_BESIDE,
        history_until="endTime",
        trades_limit=100,
    ),
    "mexc": Traits(
        no_contracts="ccxt reads their sides by the numbers that spot has for them, by which a sale has none",
        streams_fills=False,  # there ccxt takes each for a taker's
        name_paths=(UNIFIED_NAME, ("info", "externalOid")),  # the second is of contracts
        trades_limit=100,
    ),
    "phemex": Traits(
        streams_contracts=False,  # ccxt expects another shape of them, and takes each message for an empty one
        post_only=("timeInForce", "PostOnly"),
        until_param="end",
        wallet={"type": "swap", "code": "{settle}"},
        funding_params={"limit": 200},
        funding_offset="offset",
    ),
    **dict.fromkeys(
        ("bequant", "hitbtc"),
        Traits(
            streams_orders=False,  # of several that rest ccxt tells the wrong one now and then
            until_param="till",
            wallet={"type": "swap"},
            cash_doubt="what is reserved as margin is not in it",
            tells_position_alone=False,
        ),
    ),
    "bingx": Traits(
        no_contracts="ccxt tells its fills without their ids, and of each the amount of the whole order",
        streams_fills=False,  # of spot, too, that is the amount which ccxt's stream tells
    ),
}
TRAITS = {
    name: msgspec.structs.replace(row, tells_funding=name in FUNDED, worth=WORTH.get(name, row.worth))
    for name, row in ROWS.items()
}


def standing_of(exchange: str) -> Standing:
    """How far an exchange has been tried."""
    return TRAITS[exchange].standing if exchange in TRAITS else Standing.UNTESTED


def found(structure: Mapping[str, Any], path: Path) -> Any:
    """What lies at a path; None if anything on the way is missing."""
    value: Any = structure
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def name_in(structure: Mapping[str, Any], paths: tuple[Path, ...], prefix: str) -> str:
    """Our name for an order, or a stranger's; empty if it has none."""
    for path in paths:
        name = found(structure, path)
        if isinstance(name, str) and name:
            return name.removeprefix(prefix)
    return ""

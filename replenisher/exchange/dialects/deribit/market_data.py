"""The methods that look at the market: instruments, books, trades, indices, charts, funding."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from replenisher.exchange.dialects.deribit.channels import KINDS, RESOLUTIONS_NS, WHOLE
from replenisher.exchange.dialects.deribit.credits import Pool
from replenisher.exchange.dialects.deribit.desk import Desk
from replenisher.exchange.dialects.deribit.errors import BAD_ARGUMENTS, INVALID_FOR_INSTRUMENT, refuse, refuse_param
from replenisher.exchange.dialects.deribit.market_shapes import chart
from replenisher.exchange.dialects.deribit.methods import Call, Method, method
from replenisher.exchange.dialects.deribit.numbers import ZERO, Shape, number, rate
from replenisher.exchange.words import InstrumentState, Print
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.units import MS_NS

DEPTHS = (1, 5, 10, 20, 50, 100, 1000, 10000)
SORTINGS = ("asc", "desc", "default")
CURRENCIES = ("BTC", "ETH", "USDC", "USDT", "EURR")
LONG_NAMES = {"BTC": "Bitcoin", "ETH": "Ethereum", "USDC": "USD Coin", "USDT": "Tether USD", "EURR": "StablR Euro"}
PRINTS_MAX = 10_000  # how many of the past are looked through


def get_instruments(desk: Desk, call: Call) -> list[Shape]:
    """`public/get_instruments`: those that have expired, or the others."""
    chosen, expired = instruments(desk, call), call.params.flag("expired")
    return [
        desk.market.instrument(view)
        for view in desk.views.instruments()
        if view.instrument in chosen and (view.state is InstrumentState.DELIVERED) is expired
    ]


def get_instrument(desk: Desk, call: Call) -> Shape:
    """`public/get_instrument`."""
    return desk.market.instrument(desk.catalogue.view(instrument(desk, call).name))


def get_currencies(desk: Desk, call: Call) -> list[Shape]:
    """`public/get_currencies`: those that can be held; nothing is ever withdrawn."""
    return [
        {
            "coin_type": currency,
            "currency": currency,
            "currency_long": LONG_NAMES.get(currency, currency),
            "fee_precision": 8,
            "min_confirmations": 1,
            "min_withdrawal_fee": ZERO,
            "withdrawal_fee": ZERO,
            "withdrawal_priorities": [],
        }
        for currency in desk.catalogue.currencies()
    ]


def get_contract_size(desk: Desk, call: Call) -> Shape:
    """`public/get_contract_size`."""
    return {"contract_size": number(instrument(desk, call).lot)}


def get_order_book(desk: Desk, call: Call) -> Shape:
    """`public/get_order_book`."""
    depth = call.params.whole("depth", 5)
    if depth not in DEPTHS:
        refuse_param("depth")
    return desk.market.order_book(instrument(desk, call).name, depth, call.at)


def ticker(desk: Desk, call: Call) -> Shape:
    """`public/ticker`."""
    return desk.market.ticker(instrument(desk, call).name, call.at)


def get_book_summary_by_currency(desk: Desk, call: Call) -> list[Shape]:
    """`public/get_book_summary_by_currency`."""
    return [desk.market.summary(each.name, call.at) for each in instruments(desk, call)]


def get_book_summary_by_instrument(desk: Desk, call: Call) -> list[Shape]:
    """`public/get_book_summary_by_instrument`: a list of one."""
    return [desk.market.summary(instrument(desk, call).name, call.at)]


def get_index_price(desk: Desk, call: Call) -> Shape:
    """`public/get_index_price`."""
    price = number(desk.catalogue.index_by_name(call.params.text("index_name")))
    return {"index_price": price, "estimated_delivery_price": price}


def get_index_price_names(desk: Desk, call: Call) -> list[str]:
    """`public/get_index_price_names`."""
    return desk.catalogue.index_names()


def get_last_trades_by_instrument(desk: Desk, call: Call) -> Shape:
    """`public/get_last_trades_by_instrument`, with or without bounds of time."""
    return _page(desk, call, desk.views.prints(instrument(desk, call).name, PRINTS_MAX))


def get_last_trades_by_currency(desk: Desk, call: Call) -> Shape:
    """`public/get_last_trades_by_currency`, with or without bounds of time."""
    prints = [printed for each in instruments(desk, call) for printed in desk.views.prints(each.name, PRINTS_MAX)]
    return _page(desk, call, sorted(prints, key=lambda printed: int(printed.trade_id), reverse=True))


def _page(desk: Desk, call: Call, newest_first: Sequence[Print]) -> Shape:
    """One page of prints; by default it runs forward from where the client said to start, else back from now."""
    start, end = period(call)
    first, last = (call.params.whole(name) if name in call.params else None for name in ("start_seq", "end_seq"))
    chosen = [
        printed
        for printed in newest_first
        if (start is None or printed.at >= start)
        and (end is None or printed.at <= end)
        and (first is None or printed.trade_seq >= first)
        and (last is None or printed.trade_seq <= last)
    ]
    count = call.params.count()
    page = list(islice(chosen if is_newest_first(call) else reversed(chosen), count))
    return {"trades": [desk.market.print(printed) for printed in page], "has_more": len(chosen) > count}


def get_tradingview_chart_data(desk: Desk, call: Call) -> Shape:
    """`public/get_tradingview_chart_data`."""
    start, end = _whole_period(call)
    length = RESOLUTIONS_NS[call.params.choice("resolution", tuple(RESOLUTIONS_NS))]
    return chart(desk.views.candles(instrument(desk, call).name).stretch(start, end, length))


def get_funding_rate_history(desk: Desk, call: Call) -> list[Shape]:
    """`public/get_funding_rate_history`: hour by hour."""
    start, end = _whole_period(call)
    hours = desk.views.funding(_perpetual(desk, call).name).hours
    return [desk.market.funding_hour(hour) for hour in hours if start <= hour.at <= end]


def get_funding_rate_value(desk: Desk, call: Call) -> Any:
    """`public/get_funding_rate_value`: what the hours between two moments came to."""
    start, end = _whole_period(call)
    return rate(desk.views.funding(_perpetual(desk, call).name).interest(start, end))


def _perpetual(desk: Desk, call: Call) -> Instrument:
    found = instrument(desk, call)
    if found.kind is not Kind.PERPETUAL:
        refuse(INVALID_FOR_INSTRUMENT)
    return found


# --- What methods about instruments and times have in common --------------------------------------------------------


def instrument(desk: Desk, call: Call) -> Instrument:
    """The instrument that a request names."""
    return desk.catalogue.instrument(call.params.text("instrument_name"))


def instruments(desk: Desk, call: Call) -> list[Instrument]:
    """The instruments of the currency and kind that a request names; without a currency those of all."""
    known = (WHOLE, *CURRENCIES, *desk.catalogue.currencies())
    currency = call.params.choice("currency", known, default=WHOLE)
    return desk.catalogue.in_currency(currency, call.params.choice("kind", KINDS, default=WHOLE))


def of_index(desk: Desk, call: Call) -> list[Instrument]:
    """The instruments of the currency pair and kind that a request names."""
    name = call.params.text("currency_pair")
    desk.catalogue.index_by_name(name)
    return desk.catalogue.of_index(name, call.params.choice("kind", KINDS, default=WHOLE))


def period(call: Call) -> tuple[int | None, int | None]:
    """From and until when, both inclusive, as far as a request says; the last one is the whole of its millisecond."""
    start, end = call.params.time_ns("start_timestamp"), call.params.time_ns("end_timestamp")
    if start is not None and end is not None and end < start:
        refuse(BAD_ARGUMENTS)
    return start, None if end is None else end + MS_NS - 1


def _whole_period(call: Call) -> tuple[int, int]:
    """The same where both are required."""
    start, end = period(call)
    assert start is not None and end is not None, "the dispatch table requires both"
    return start, end


def is_newest_first(call: Call) -> bool:
    """By default a page runs forward from where the client said to start, else back from now."""
    sorting = call.params.choice("sorting", SORTINGS, "default")
    if sorting == "default":
        return "start_seq" not in call.params and "start_timestamp" not in call.params
    return sorting == "desc"


_TRADES = "start_seq end_seq start_timestamp end_timestamp count sorting include_old"
METHODS: dict[str, Method] = {
    "public/get_instruments": method(get_instruments, "currency? kind expired", pool=Pool.INSTRUMENTS),
    "public/get_instrument": method(get_instrument, "instrument_name*"),
    "public/get_currencies": method(get_currencies),
    "public/get_contract_size": method(get_contract_size, "instrument_name*"),
    "public/get_order_book": method(get_order_book, "instrument_name* depth"),
    "public/ticker": method(ticker, "instrument_name*"),
    "public/get_book_summary_by_currency": method(get_book_summary_by_currency, "currency* kind"),
    "public/get_book_summary_by_instrument": method(get_book_summary_by_instrument, "instrument_name*"),
    "public/get_index_price": method(get_index_price, "index_name*"),
    "public/get_index_price_names": method(get_index_price_names),
    "public/get_last_trades_by_instrument": method(get_last_trades_by_instrument, f"instrument_name* {_TRADES}"),
    "public/get_last_trades_by_instrument_and_time": method(
        get_last_trades_by_instrument, "instrument_name* start_timestamp* end_timestamp? count sorting include_old"
    ),
    "public/get_last_trades_by_currency": method(
        get_last_trades_by_currency, "currency* kind start_id- end_id- start_timestamp end_timestamp count sorting"
    ),
    "public/get_last_trades_by_currency_and_time": method(
        get_last_trades_by_currency, "currency* kind start_timestamp* end_timestamp? count sorting"
    ),
    "public/get_tradingview_chart_data": method(
        get_tradingview_chart_data, "instrument_name* start_timestamp* end_timestamp* resolution*"
    ),
    "public/get_funding_rate_history": method(
        get_funding_rate_history, "instrument_name* start_timestamp* end_timestamp*"
    ),
    "public/get_funding_rate_value": method(get_funding_rate_value, "instrument_name* start_timestamp* end_timestamp*"),
}

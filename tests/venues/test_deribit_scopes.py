"""What is asked of Deribit about all that we trade there: one question, and an answer that speaks of others, too."""

from decimal import Decimal

from replenisher.model.command import AskOpenOrders, AskPosition, AskTrades
from replenisher.model.event import OpenOrdersReported, PositionReported, QuestionFailed, TradesReported
from tests.venues.far import DEFINITION, MARKET, MS, OURS, T0, TRADING, Far, Json, S, order, trade

ALL = "deribit"
BTC, LINEAR, SPOT, LATER = "BTC-PERPETUAL", "ETH_USDC-PERPETUAL", "BTC_USDC", "BTC-25DEC26"
DEFINITIONS: dict[str, Json] = {
    BTC: {},
    LATER: {},
    LINEAR: {"quote_currency": "USDC", "settlement_currency": "USDC", "instrument_type": "linear"},
    SPOT: {"kind": "spot", "quote_currency": "USDC", "settlement_currency": "USDC", "instrument_type": "linear"},
}
BY_TIME = "private/get_user_trades_by_{}_and_time"


def opened(*names: str) -> Far:
    """A session in which these instruments are traded."""
    far = Far(*names)
    far.venue.start(far.at)
    far.connect(MARKET)
    for name in names:
        far.answer(MARKET, "public/get_instrument", DEFINITION | {"instrument_name": name} | DEFINITIONS[name])
    far.subscribe()
    far.open_trading()
    far.facts.clear()
    return far


def next_page(far: Far, by: str, since: int = T0) -> Json:
    """The request in which the next page of all our trades is asked for."""
    far.venue.send([AskTrades(scope=ALL, since=since, deadline=far.at + S)], far.at)
    return far.take(TRADING, by if by.startswith("private") else BY_TIME.format(by))


def page(far: Far, request: Json, *trades: Json, has_more: bool = False) -> TradesReported:
    (told,) = far.reply(TRADING, request, {"trades": trades, "has_more": has_more})
    assert isinstance(told, TradesReported)
    return told


def test_all_that_rests_is_one_question_and_what_others_have_elsewhere_is_left_out() -> None:
    far = opened(BTC, LATER)
    far.venue.send([AskOpenOrders(scope=ALL, deadline=far.at + S)], far.at)

    request = far.take(TRADING, "private/get_open_orders")
    resting = [
        order(),
        order(instrument_name=LATER, order_id="78", label="by hand"),
        order(instrument_name="ETH-PERPETUAL"),
    ]
    (told,) = far.reply(TRADING, request, resting)

    assert request["params"] == {}
    assert isinstance(told, OpenOrdersReported)
    assert told.scope == ALL
    assert [(each.instrument, each.order_id) for each in told.orders] == [
        (f"deribit/{BTC}", OURS),
        (f"deribit/{LATER}", "by hand"),
    ]


def test_nothing_is_asked_of_all_before_the_terms_of_all_are_known() -> None:
    far = Far(BTC, LATER)
    far.venue.start(far.at)
    far.connect(MARKET)
    far.answer(MARKET, "public/get_instrument", DEFINITION)
    far.answer(MARKET, "public/get_instrument", error={"code": 10041, "message": "settlement_in_progress"})
    far.subscribe()
    far.open_trading()
    far.collect()

    questions = [each(scope=ALL, deadline=far.at + S) for each in (AskOpenOrders, AskPosition)]
    far.venue.send([*questions, AskTrades(scope=ALL, since=T0, deadline=far.at + S)], far.at)

    told = [fact for fact in far.collect() if isinstance(fact, QuestionFailed)]
    assert [(fact.question, fact.subject) for fact in told] == [
        ("AskOpenOrders", ALL),
        ("AskPosition", ALL),
        ("AskTrades", ALL),
    ]


def test_who_is_not_named_among_all_positions_is_flat() -> None:
    far = opened(BTC, LATER, SPOT)
    far.venue.send([AskPosition(scope=ALL, deadline=far.at + S)], far.at)

    held = {"instrument_name": LATER, "size": 430, "direction": "sell", "average_price": 9990.0}
    others = {"instrument_name": "ETH-PERPETUAL", "size": 10, "direction": "buy"}
    told = far.answer(TRADING, "private/get_positions", [held, others])

    price = Decimal("9990.0")
    assert told == [
        PositionReported(at=T0, instrument=f"deribit/{BTC}", amount=Decimal(0)),
        PositionReported(at=T0, instrument=f"deribit/{LATER}", amount=Decimal(-430), average_price=price),
    ]


def test_trades_are_read_currency_by_currency_and_those_of_spot_by_name() -> None:
    far = opened(BTC, LATER, SPOT, LINEAR)

    first = next_page(far, "currency")
    told = page(far, first, trade(), trade(instrument_name=LATER, trade_id="t2"), trade(instrument_name="BTC-1JAN27"))
    second = next_page(far, "instrument", since=T0 + S)
    third = next_page(far, "instrument", since=T0 + S)

    assert (first["params"]["currency"], first["params"]["start_timestamp"]) == ("BTC", T0 // MS)
    assert ([fill.trade_id for fill in told.fills], told.has_more) == (["t1", "t2"], True)
    assert second["params"]["instrument_name"] == third["params"]["instrument_name"] == LINEAR, (
        "asked again, unanswered"
    )
    assert second["params"]["start_timestamp"] == T0 // MS, "the others are known up to where the reading began"
    assert page(far, second).has_more
    assert page(far, third).has_more, "an answer that comes twice skips nothing"
    last = next_page(far, "instrument")
    assert last["params"]["instrument_name"] == SPOT
    assert not page(far, last).has_more
    assert next_page(far, "currency")["params"]["currency"] == "BTC", "the next time from the beginning"


def test_more_trades_in_a_currency_than_a_page_holds_are_read_instrument_by_instrument() -> None:
    far = opened(BTC, LATER)
    told: list[str] = []

    told += [fill.trade_id for fill in page(far, next_page(far, "currency"), trade(), has_more=True).fills]
    first = next_page(far, "instrument")
    told += [
        fill.trade_id for fill in page(far, first, trade(), trade(trade_id="t2", trade_seq=6), has_more=True).fills
    ]
    more = next_page(far, "private/get_user_trades_by_instrument")
    told += [fill.trade_id for fill in page(far, more, trade(trade_id="t3", trade_seq=7)).fills]
    last = next_page(far, "instrument")
    end = page(far, last, trade(trade_id="t4", instrument_name=LATER))

    assert told == ["t1", "t1", "t2", "t3"], "a fill counts once, however often it is told"
    assert (first["params"]["instrument_name"], more["params"]["start_seq"]) == (BTC, 6)
    assert last["params"]["instrument_name"] == LATER
    assert ([fill.trade_id for fill in end.fills], end.has_more) == (["t4"], False)


def test_of_a_currency_what_is_archived_is_told_first() -> None:
    far = opened(BTC, LATER)
    long_ago = T0 - 25 * 3600 * S

    recent = next_page(far, "currency", since=long_ago)
    kept = page(far, recent, trade(trade_id="t2"))
    archived = next_page(far, "currency", since=long_ago)
    told = page(far, archived, trade(trade_id="t1"))

    assert [each["params"]["historical"] for each in (recent, archived)] == [False, True]
    assert (kept.fills, kept.has_more) == ((), True)
    assert ([fill.trade_id for fill in told.fills], told.has_more) == (["t1", "t2"], False)


def test_of_a_currency_with_more_than_a_page_of_recent_trades_each_archive_is_told_first() -> None:
    far = opened(BTC, LATER)
    long_ago = T0 - 25 * 3600 * S

    told = [page(far, next_page(far, "currency", since=long_ago), trade(trade_id="t2"), has_more=True)]
    for name in (BTC, LATER):
        of = {"instrument_name": name}
        told += [
            page(far, next_page(far, "instrument", since=long_ago), trade(trade_id="t2", **of)),
            page(far, next_page(far, "instrument", since=long_ago), trade(trade_id="t1", **of)),
        ]

    assert [[fill.trade_id for fill in each.fills] for each in told] == [[], [], ["t1", "t2"], [], ["t1", "t2"]]
    assert [each.has_more for each in told] == [True, True, True, True, False]

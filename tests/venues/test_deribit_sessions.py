"""Deribit's connections: how each comes back, what takes its place meanwhile, and what its end must not cost."""

from typing import TypeVar

import msgspec

from replenisher.model.command import PlaceOrder
from replenisher.model.event import CancelsSent, Event, OrderCanceled, SessionLost
from replenisher.venues.deribit.venue import MARKET, TRADING
from tests.venues.test_deribit_venue import MS, OURS, T0, Far, S, kinds, make_open, order, place

BY_LABEL = "private/cancel_by_label"
Kind = TypeVar("Kind")


def of_kind(told: list[Event], kind: type[Kind]) -> list[Kind]:
    return [fact for fact in told if isinstance(fact, kind)]


def another(number: int) -> PlaceOrder:
    return msgspec.structs.replace(place(), order_id=f"{OURS[:-1]}{number}")


def labels(far: Far, connection: str) -> list[str]:
    """The orders whose cancel by label was asked for on a connection."""
    far.collect()
    return [request["params"]["label"] for request in far.requests[connection] if request["method"] == BY_LABEL]


# --- Orders whose session is lost ----------------------------------------------------------------------------------


def test_what_may_rest_is_canceled_over_the_market_connection_when_the_venue_no_longer_hears_the_other() -> None:
    far = make_open()
    far.venue.send([place(), another(2), another(3)], far.at)
    far.answer(TRADING, "private/buy", {"order": order(), "trades": []})
    far.changes(orders=[order("cancelled", label=another(2).order_id)])

    told = far.live(5 * S, MARKET)  # the third one is never answered, and nothing else on that connection

    (lost,), sent = of_kind(told, SessionLost), of_kind(told, CancelsSent)
    assert lost.at == T0 + 4 * S
    assert sent[0] == CancelsSent(at=lost.at, venue="deribit", order_ids=(OURS, another(3).order_id))
    assert set(labels(far, MARKET)) == {OURS, another(3).order_id}
    assert not labels(far, TRADING)
    canceled = far.answer(MARKET, BY_LABEL, 1)
    assert canceled == [OrderCanceled(at=far.at, order_id=OURS, venue_time=far.at, reason="session lost")]


def test_that_there_was_nothing_to_cancel_is_believed_when_no_place_can_arrive_any_more() -> None:
    far = make_open()
    far.venue.send([place()], far.at)  # valid for a second
    far.venue.closed(TRADING, "reset", far.at)
    asked_at = []

    for _ in range(50):
        if labels(far, MARKET):
            asked_at.append(far.at - T0)
            assert OrderCanceled not in map(type, far.answer(MARKET, BY_LABEL, 0))
        far.live(100 * MS)

    assert asked_at == [0, S, 2 * S, 3 * S]


def test_what_is_over_is_not_canceled_again() -> None:
    far = make_open()
    far.venue.send([place(), another(2)], far.at)
    far.changes(orders=[order("filled")])
    far.answer(TRADING, "private/buy", {"order": order("filled"), "trades": []})
    far.answer(TRADING, "private/buy", error={"code": 11054, "message": "post_only_reject"})

    far.venue.closed(TRADING, "reset", far.at)

    assert kinds(far.collect()) == ["SessionLost"]
    assert labels(far, MARKET) == []


def test_orphans_are_canceled_as_soon_as_the_market_connection_is_there() -> None:
    far = make_open()
    far.venue.send([place()], far.at)
    far.venue.closed(MARKET, "reset", far.at)
    far.venue.closed(TRADING, "reset", far.at)
    far.collect()
    far.wait(500 * MS)
    assert labels(far, MARKET) == []

    far.requests[MARKET].clear()
    far.connect(MARKET)
    far.live(S, MARKET)

    assert labels(far, MARKET) == [OURS]


def test_a_session_that_stands_again_looks_after_its_orders_itself() -> None:
    far = make_open()
    far.venue.send([place()], far.at)
    far.venue.closed(TRADING, "reset", far.at)
    far.wait(200 * MS)
    far.requests[TRADING].clear()
    far.open_trading()
    far.requests[MARKET].clear()

    far.live(3 * S)

    assert labels(far, MARKET) == []


def test_a_session_that_was_ended_for_its_requests_asks_for_no_cancels() -> None:
    far = make_open()
    far.venue.send([place(), another(2)], far.at)
    far.answer(TRADING, "private/buy", error={"code": 10028, "message": "too_many_requests"})

    far.venue.closed(TRADING, "1008 too_many_requests", far.at)
    far.live(3 * S, MARKET)

    assert labels(far, MARKET) == []


def test_after_a_suspension_nothing_is_canceled_before_a_sync() -> None:
    far = make_open()
    far.venue.send([place()], far.at)
    far.at += 120 * S

    far.venue.suspended(far.at)
    far.venue.closed(MARKET, "suspended", far.at)
    far.venue.closed(TRADING, "suspended", far.at)
    far.collect()
    far.wait(500 * MS)
    far.requests[MARKET].clear()
    far.connect(MARKET)
    far.live(3 * S, MARKET)

    assert labels(far, MARKET) == []

"""Whether an instrument of Deribit's trades: what its definition, its state, the platform and refusals say."""

import pytest

from replenisher.model.event import InstrumentStateChanged, OrderRejected, RejectReason, SessionOpened
from replenisher.venues.deribit.venue import MARKET, TRADING
from tests.venues.far import DEFINITION, KEY, MS, OURS, STATUS, T0, Far, S, kinds, make_open, place


def test_an_instrument_closes_and_opens() -> None:
    far = make_open()
    state = {"timestamp": T0 // MS, "instrument_name": "BTC-PERPETUAL"}

    closed = far.notify(MARKET, "instrument.state.any.any", state | {"state": "settled"})
    still = far.answer(MARKET, "public/get_instrument", DEFINITION | {"is_active": False, "state": "settlement"})
    far.notify(MARKET, "instrument.state.any.any", state | {"state": "started"})
    opened = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert closed == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="settled")]
    assert still == []
    assert opened == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=True, reason="open")]


def test_an_instrument_that_is_delivered_is_closed_for_good() -> None:
    far = make_open()

    state = {"timestamp": T0 // MS, "instrument_name": "BTC-PERPETUAL", "state": "closed"}
    closed = far.notify(MARKET, "instrument.state.any.any", state)

    assert closed == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="closed", is_final=True)]


def test_a_locked_index_closes_its_instruments_until_it_is_unlocked() -> None:
    far = make_open()

    elsewhere = far.notify(MARKET, "platform_state", {"price_index": "eth_usd", "locked": True})
    locked = far.notify(MARKET, "platform_state", {"price_index": "btc_usd", "locked": True})
    far.notify(MARKET, "platform_state", {"price_index": "btc_usd", "locked": False})
    unlocked = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert elsewhere == []
    assert locked == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="locked")]
    assert unlocked == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=True, reason="open")]


def test_a_maintenance_closes_everything_until_its_end_is_told() -> None:
    far = make_open()

    begun = far.notify(MARKET, "platform_state", {"maintenance": True})
    unlocked = far.notify(MARKET, "platform_state", {"price_index": "btc_usd", "locked": False})
    far.notify(MARKET, "platform_state", {"maintenance": False})
    over = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert begun == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="maintenance")]
    assert unlocked == []
    assert over == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=True, reason="open")]


@pytest.mark.parametrize("began", [{"maintenance": True}, {"price_index": "btc_usd", "locked": True}])
def test_an_end_that_was_told_while_we_were_away_is_found_out_about(began: dict[str, object]) -> None:
    far = make_open()
    far.notify(MARKET, "platform_state", began)
    far.venue.closed(MARKET, "1012 service restart", far.at)
    far.wait(2 * S)

    far.connect(MARKET)
    far.answer(MARKET, "public/status", STATUS)
    back = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert InstrumentStateChanged(at=far.at, instrument=KEY, is_open=True, reason="open") in back


def test_an_instrument_that_opens_before_its_states_are_told_is_asked_about_again() -> None:
    far = Far()
    far.venue.start(far.at)
    far.connect(MARKET)
    far.answer(MARKET, "public/status", STATUS)
    far.answer(MARKET, "public/get_instrument", DEFINITION | {"is_active": False, "state": "halted"})

    far.subscribe()
    far.answer(MARKET, "public/status", STATUS)
    opened = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert opened == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=True, reason="open")]


@pytest.mark.parametrize(
    "standing", [{"locked": "true"}, {"locked": True}, {"locked": "partial", "locked_indices": ["btc_usd"]}]
)
def test_a_platform_that_is_locked_when_we_come_is_not_traded_on(standing: dict[str, object]) -> None:
    far = Far()
    far.venue.start(far.at)
    far.connect(MARKET)

    far.answer(MARKET, "public/status", standing)
    told = far.answer(MARKET, "public/get_instrument", DEFINITION)
    unlocked = far.notify(MARKET, "platform_state", {"price_index": "btc_usd", "locked": False})
    opened = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="locked") in told
    assert unlocked == []
    assert opened == [InstrumentStateChanged(at=T0, instrument=KEY, is_open=True, reason="open")]


def test_an_instrument_on_which_orders_are_refused_is_closed_until_its_definition_says_otherwise() -> None:
    far = make_open()
    far.venue.send([place()], far.at)

    refused = far.answer(TRADING, "private/buy", error={"code": 11051, "message": "system_maintenance"})
    far.live(6 * S)
    still = far.answer(MARKET, "public/get_instrument", DEFINITION | {"is_active": False, "state": "halted"})
    far.notify(MARKET, "instrument.state.any.any", {"instrument_name": "BTC-PERPETUAL", "state": "started"})
    opened = far.answer(MARKET, "public/get_instrument", DEFINITION)

    assert refused == [
        InstrumentStateChanged(at=T0, instrument=KEY, is_open=False, reason="11051 system_maintenance"),
        OrderRejected(at=T0, order_id=OURS, reason=RejectReason.HALTED, message="11051 system_maintenance"),
    ]
    assert still == []
    assert opened == [InstrumentStateChanged(at=far.at, instrument=KEY, is_open=True, reason="open")]


def test_an_instrument_the_venue_does_not_know_is_told_closed_and_the_others_trade() -> None:
    far = Far("BTC-PERPETUAL", "NO-SUCH")
    far.venue.start(far.at)
    far.connect(MARKET)
    far.answer(MARKET, "public/get_instrument", DEFINITION)

    told = far.answer(MARKET, "public/get_instrument", error={"code": 13020, "message": "not_found"})
    far.subscribe()
    far.open_trading()

    assert told[0] == InstrumentStateChanged(
        at=T0, instrument="deribit/NO-SUCH", is_open=False, reason="not offered: 13020 not_found", is_final=True
    )
    assert kinds(far.book(1)) == ["BookSnapshot"]
    assert isinstance(far.facts[-2], SessionOpened)


@pytest.mark.parametrize(("code", "is_open"), [(10028, True), (13028, True), (10041, False), (11051, False)])
def test_an_instrument_that_the_venue_will_not_define_now_is_not_gone_for_good(code: int, is_open: bool) -> None:
    far = make_open()
    far.live(61 * S)

    told = far.answer(MARKET, "public/get_instrument", error={"code": code, "message": "not now"})

    states = [(fact.is_open, fact.is_final) for fact in told if isinstance(fact, InstrumentStateChanged)]
    assert states == ([] if is_open else [(False, False)])
    far.live(6 * S)
    assert far.take(MARKET, "public/get_instrument"), "it is asked again soon"

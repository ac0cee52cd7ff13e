"""What we have: worked examples, and the laws that any sequence of fills obeys."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.account import Account, Position, booked
from replenisher.model.event import CashKind, CashMoved
from replenisher.model.instrument import Instrument, Kind
from replenisher.model.order import EXTERNAL, Side
from tests.core.world import INVERSE, KEY, LINEAR, VENUE, filled

COINS = msgspec.structs.replace(LINEAR, kind=Kind.SPOT)
SETTLED = msgspec.structs.replace(INVERSE, pays_at_settlement=True)

FILLS = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(50_000, 150_000), st.integers(1, 50), st.integers(-9, 9)), max_size=15
)


def book(instrument: Instrument, fills: list[tuple[Side, int, int, int]]) -> Account:
    account = Account()
    account.set_balance(VENUE, instrument.settlement_currency, Decimal(1_000))
    for n, (side, price, lots, fee) in enumerate(fills):
        fill = filled(instrument, "", f"T{n}", side, price, lots, venue_time=n, fee=str(Decimal(fee).scaleb(-8)))
        account.book(fill, instrument, EXTERNAL)
    return account


def test_a_long_of_a_linear_contract_is_worth_its_price_times_its_size() -> None:
    position = book(LINEAR, [(Side.BUY, 100_000, 10, 0), (Side.BUY, 110_000, 10, 0), (Side.SELL, 120_000, 5, 3)])

    held = position.position(KEY)
    assert held.size == Decimal("0.015")
    assert held.entry_value == Decimal("157.5")  # three quarters of 210
    assert held.realized == Decimal("7.5")  # sold for 60 what had cost 52.5
    assert position.balance(VENUE, "USDT") == Decimal("1007.5") - Decimal("3e-8")
    assert held.unrealized(LINEAR, 12_000.0) == pytest.approx(22.5)
    assert held.pnl_quote(LINEAR, 12_000.0) == pytest.approx(30.0)


def test_an_inverse_contract_gains_coins() -> None:
    # 1,000 USD bought at 50,000 (0.02 BTC) and sold at 62,500 (0.016 BTC) gain 0.004 BTC.
    account = book(INVERSE, [(Side.BUY, 100_000, 100, 0), (Side.SELL, 125_000, 100, 0)])

    assert account.position(KEY) == Position(Decimal(0), Decimal(0), Decimal("0.004"), Decimal(0))
    assert account.balance(VENUE, "BTC") == Decimal("1000.004")
    assert account.position(KEY).pnl_quote(INVERSE, 62_500.0) == pytest.approx(250.0)


def test_a_fill_that_goes_through_zero_opens_the_other_side() -> None:
    account = book(LINEAR, [(Side.BUY, 100_000, 10, 0), (Side.SELL, 110_000, 30, 0)])

    held = account.position(KEY)
    assert (held.size, held.entry_value, held.realized) == (Decimal("-0.020"), Decimal(220), Decimal(10))
    assert held.unrealized(LINEAR, 10_000.0) == pytest.approx(20.0)


def test_a_short_of_an_inverse_contract_gains_when_the_price_falls() -> None:
    account = book(INVERSE, [(Side.SELL, 100_000, 100, 0)])

    assert account.position(KEY).unrealized(INVERSE, 40_000.0) == pytest.approx(0.005)
    assert account.position(KEY).unrealized(INVERSE, 0.0) == 0


@given(FILLS, st.sampled_from([LINEAR, INVERSE]))
def test_the_balance_is_the_opening_plus_what_was_realized_less_fees(
    fills: list[tuple[Side, int, int, int]], instrument: Instrument
) -> None:
    account = book(instrument, fills)

    held = account.position(KEY)
    assert account.balance(VENUE, instrument.settlement_currency) == Decimal(1_000) + held.realized - held.fees
    assert held.size == sum((instrument.amount(lots) * side.sign for side, _, lots, _ in fills), Decimal(0))
    assert held.entry_value >= 0
    assert (held.entry_value == 0) == (held.size == 0)


@given(FILLS, st.integers(50_000, 150_000), st.sampled_from([LINEAR, INVERSE]))
def test_closing_realizes_the_cash_that_went_in_and_out(
    fills: list[tuple[Side, int, int, int]], price: int, instrument: Instrument
) -> None:
    net = sum(lots * side.sign for side, _, lots, _ in fills)
    closing = [(Side.SELL if net > 0 else Side.BUY, price, abs(net), 0)] if net else []

    account = book(instrument, [*fills, *closing])

    values = [
        side.sign * instrument.value(instrument.amount(lots), instrument.price(at)).quantize(Decimal("1e-8"))
        for side, at, lots, _ in [*fills, *closing]
    ]
    paid = -sum(values, Decimal(0)) if not instrument.inverse else sum(values, Decimal(0))
    assert account.position(KEY).size == 0
    assert account.position(KEY).realized == paid


@given(FILLS, st.integers(50_000, 150_000))
def test_fees_that_are_coins_of_a_spot_market_are_lost_at_its_price(
    fills: list[tuple[Side, int, int, int]], mark: int
) -> None:
    account = Account()
    for currency in ("USDT", "BTC"):
        account.set_balance(VENUE, currency, Decimal(0))
    for n, (side, price, lots, fee) in enumerate(fills):
        fill = filled(COINS, "", f"T{n}", side, price, lots, venue_time=n, fee=str(Decimal(fee).scaleb(-4)))
        account.book(msgspec.structs.replace(fill, fee_currency="BTC"), COINS, "core")

    held, price = account.position(KEY), float(COINS.price(mark))
    quote, coins = account.balances[f"{VENUE}/USDT"], account.balances[f"{VENUE}/BTC"]
    assert held.size == account.inventory(KEY, "core") == coins
    assert held.pnl_quote(COINS, price) == pytest.approx(float(quote) + float(coins) * price, abs=1e-6)


def test_a_fee_in_a_currency_of_which_nobody_tells_the_worth_is_kept_beside_what_was_gained() -> None:
    account = Account()
    for n, fee in enumerate(("0.5", "0.25")):
        fill = filled(LINEAR, "", f"T{n}", Side.BUY, 100_000, 10, venue_time=n, fee=fee)
        account.book(msgspec.structs.replace(fill, fee_currency="BNB"), LINEAR, EXTERNAL)

    held = account.position(KEY)
    assert (held.fees, held.fees_elsewhere) == (0, {"BNB": Decimal("0.75")})


def test_so_is_one_that_a_fill_had_no_room_for_though_it_is_told_before_its_fill_and_twice() -> None:
    account = Account()
    account.set_balance(VENUE, "BNB", Decimal(1))
    for _ in range(2):
        account.move_cash(charge("BNB", "-0.25"), LINEAR)
    account.book(filled(LINEAR, "", "T1", Side.BUY, 100_000, 10, venue_time=1, fee="0.5"), LINEAR, EXTERNAL)

    held = account.position(KEY)
    assert (held.fees, held.fees_elsewhere) == (Decimal("0.5"), {"BNB": Decimal("0.25")})
    assert account.balances[f"{VENUE}/BNB"] == Decimal("0.75")


def charge(currency: str, amount: str, kind: CashKind = CashKind.FEE) -> CashMoved:
    """What a fill had no room for; it is told before it."""
    return CashMoved(
        at=1,
        venue=VENUE,
        kind=kind,
        currency=currency,
        amount=Decimal(amount),
        venue_time=1,
        venue_id="T1",
        instrument=KEY,
    )


@pytest.mark.parametrize("is_first", [True, False])
def test_coins_that_a_fee_takes_beside_its_fill_are_not_held_either(*, is_first: bool) -> None:
    account, fill = Account(), filled(COINS, "", "T1", Side.BUY, 100_000, 10, venue_time=1, fee="0.5")
    for currency in ("USDT", "BTC"):
        account.set_balance(VENUE, currency, Decimal(0))
    facts = [lambda: account.move_cash(charge("BTC", "-0.001"), COINS), lambda: account.book(fill, COINS, "core")]
    for fact in facts if is_first else reversed(facts):
        fact()

    held, coins = account.position(KEY), account.balances[f"{VENUE}/BTC"]
    assert held.size == sum(account.inventories[KEY].values()) == coins == Decimal("0.009")
    assert held.pnl_quote(COINS, 10_000.0) == float(account.balances[f"{VENUE}/USDT"]) + 90 == -10.5


@pytest.mark.parametrize("kind", [CashKind.FEE, CashKind.LIQUIDATION])
def test_a_charge_in_what_an_instrument_settles_in_is_lost_as_a_fee_is(kind: CashKind) -> None:
    account = book(LINEAR, [(Side.BUY, 100_000, 10, 0)])

    account.move_cash(charge("USDT", "-0.25", kind), LINEAR)

    assert account.position(KEY).fees == Decimal("0.25")
    assert account.balance(VENUE, "USDT") == Decimal("999.75")
    assert account.position(KEY).pnl_quote(LINEAR, 10_000.0) == -0.25


def test_funding_that_is_paid_in_another_currency_is_no_gain_in_the_one_that_is_settled_in() -> None:
    account = book(LINEAR, [(Side.BUY, 100_000, 10, 0)])

    account.move_cash(charge("USDT", "3", CashKind.FUNDING), LINEAR)
    account.move_cash(charge("BTC", "2", CashKind.FUNDING), LINEAR)

    assert (account.position(KEY).realized, account.position(KEY).fees_elsewhere) == (3, {"BTC": -2})


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("inverse", [True, False], ids=["inverse", "linear"])
def test_a_settlement_pays_out_what_a_position_has_gained_once(side: Side, inverse: bool) -> None:
    instrument = msgspec.structs.replace(INVERSE, inverse=inverse)
    settled, undisturbed = Position(), Position()
    for position in (settled, undisturbed):
        position.fill(instrument, side, Decimal(6000), Decimal(60_000))
    now, then = (booked(instrument.value(Decimal(6000), Decimal(price))) for price in (62_500, 60_000))
    gained = (now - then) * side.sign * (-1 if inverse else 1)

    settled.settle(instrument, gained)
    assert settled.unrealized(instrument, 62_500) == pytest.approx(0, abs=1e-9)
    for position in (settled, undisturbed):
        position.fill(instrument, side.opposite, Decimal(6000), Decimal(61_000))

    assert settled.realized == undisturbed.realized
    assert settled.size == settled.entry_value == 0


def test_a_delivery_leaves_nothing_of_a_position() -> None:
    position = Position()
    position.fill(INVERSE, Side.BUY, Decimal(6000), Decimal(60_000))

    position.deliver(Decimal("0.004"))

    assert (position.size, position.entry_value, position.realized) == (0, 0, Decimal("0.004"))


def settlement(amount: str, *, realized: str, kind: CashKind = CashKind.SETTLEMENT, venue_time: int = 10) -> CashMoved:
    return CashMoved(
        at=10,
        venue=VENUE,
        kind=kind,
        currency="BTC",
        amount=Decimal(amount),
        realized=Decimal(realized),
        venue_time=venue_time,
        venue_id="S1",
        instrument=KEY,
    )


def test_where_profit_waits_for_a_settlement_it_is_cash_once_and_no_sooner() -> None:
    # 2,000 USD bought at 50,000 (0.04 BTC); the half sold at 62,500 gains 0.004, the rest at the mark as much.
    account = book(SETTLED, [(Side.BUY, 100_000, 200, 7), (Side.SELL, 125_000, 100, 7)])

    assert account.balance(VENUE, "BTC") == Decimal(1_000) - Decimal("14e-8"), "fees are paid at once"
    assert account.funds(VENUE, "BTC") == account.balance(VENUE, "BTC") + Decimal("0.004")
    before = account.position(KEY).pnl_quote(SETTLED, 62_500.0)

    account.move_cash(settlement("0.008", realized="0.004"), SETTLED)

    assert account.balance(VENUE, "BTC") == account.funds(VENUE, "BTC") == Decimal("1000.008") - Decimal("14e-8")
    assert account.position(KEY).unrealized(SETTLED, 62_500.0) == pytest.approx(0, abs=1e-12)
    assert account.position(KEY).pnl_quote(SETTLED, 62_500.0) == pytest.approx(before), "our profit is counted once"


def test_a_fill_that_was_heard_of_before_the_settlement_it_came_after_waits_for_the_next_one() -> None:
    account = book(SETTLED, [(Side.BUY, 100_000, 200, 0), (Side.SELL, 125_000, 100, 0)])

    # The venue settled 0.008 of what was still 2,000 USD at 62,500; then the half was sold there and gained nothing.
    account.move_cash(settlement("0.008", realized="0"), SETTLED)

    assert account.balance(VENUE, "BTC") == Decimal("1000.008")
    assert account.position(KEY).pnl_quote(SETTLED, 62_500.0) == pytest.approx(0.008 * 62_500)


def test_a_delivery_pays_what_waited_too_and_leaves_nothing() -> None:
    account = book(SETTLED, [(Side.BUY, 100_000, 200, 0), (Side.SELL, 125_000, 100, 0)])

    account.move_cash(settlement("0.008", realized="0.004", kind=CashKind.DELIVERY), SETTLED)

    position = account.position(KEY)
    assert (position.size, position.entry_value, position.realized) == (0, 0, Decimal("0.008"))
    assert account.balance(VENUE, "BTC") == account.funds(VENUE, "BTC") == Decimal("1000.008")


def test_what_waits_is_the_venues_word_when_it_tells_the_balance() -> None:
    account = book(SETTLED, [(Side.BUY, 100_000, 200, 0), (Side.SELL, 125_000, 100, 0)])

    account.set_balance(VENUE, "BTC", Decimal(7), venue_time=20, unsettled=Decimal("-0.5"))
    account.move_cash(settlement("0.008", realized="0.004"), SETTLED)

    assert (account.balance(VENUE, "BTC"), account.funds(VENUE, "BTC")) == (Decimal(7), Decimal("6.5"))


@pytest.mark.parametrize(("instrument", "amount"), [(LINEAR, "0.05"), (INVERSE, "1000")])
def test_what_a_position_cost_on_average(instrument: Instrument, amount: str) -> None:
    position = Position()
    assert position.entry_price(instrument) is None

    position.fill(instrument, Side.SELL, Decimal(amount), Decimal(10_000))

    assert position.entry_price(instrument) == 10_000

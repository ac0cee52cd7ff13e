"""Money is booked to the last digit, and none is made or lost between accounts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replenisher.exchange.accounts import Account, Contract, Position, fee, value
from replenisher.model.order import Side

BUY, SELL = Side.BUY, Side.SELL
INVERSE = Contract("BTC-PERPETUAL", inverse=True, contract_value=Decimal(1), settlement_currency="BTC")
LINEAR = Contract("BTC_USDT-PERPETUAL", inverse=False, contract_value=Decimal(1), settlement_currency="USDT")


D = Decimal


def test_an_inverse_long_gains_in_coin_when_the_price_rises() -> None:
    account = Account("main", balances={"BTC": D("1")})

    account.fill(INVERSE, BUY, D("10000"), D("50000"), fee=D("0"))  # worth 0.2 BTC
    realized = account.fill(INVERSE, SELL, D("10000"), D("62500"), fee=D("-0.00004"))  # worth 0.16 BTC

    assert realized == D("0.04")
    assert account.balance("BTC") == D("1.00004"), "profit waits for a settlement"
    assert account.position("BTC-PERPETUAL").realized == D("0.04")
    assert account.position("BTC-PERPETUAL").size == 0
    assert account.position("BTC-PERPETUAL").entry_value == 0


def test_an_inverse_short_loses_in_coin_when_the_price_rises() -> None:
    account = Account("main")

    account.fill(INVERSE, SELL, D("10000"), D("50000"), fee=D("0"))
    realized = account.fill(INVERSE, BUY, D("10000"), D("62500"), fee=D("0"))

    assert realized == D("-0.04")


def test_a_reduced_position_releases_its_entry_in_proportion() -> None:
    position = Position()

    position.apply(INVERSE, BUY, D("30"), D("60000"))  # 0.0005 BTC
    realized = position.apply(INVERSE, SELL, D("10"), D("61000"))  # 10 / 61000 = 0.00016393 (44262...)

    assert position.entry_value == D("0.00033333")  # 0.0005 less its third, 0.00016667
    assert realized == D("0.00016667") - D("0.00016393")
    assert position.size == 20


def test_a_linear_position_goes_through_zero_and_opens_the_other_side_at_the_new_price() -> None:
    position = Position()

    position.apply(LINEAR, BUY, D("0.5"), D("60000"))  # entered at 30000
    realized = position.apply(LINEAR, SELL, D("0.8"), D("60500"))  # 48400, of which 30250 for the half that closes

    assert realized == D("250")
    assert position.size == D("-0.3")
    assert position.entry_value == D("18150")
    assert position.average_price(LINEAR) == D("60500")


def test_an_inverse_position_goes_through_zero_too() -> None:
    position = Position()

    position.apply(INVERSE, SELL, D("1000"), D("50000"))  # 0.02 BTC
    realized = position.apply(INVERSE, BUY, D("3000"), D("40000"))  # 0.075 BTC, of which 0.025 closes

    assert realized == D("0.005")
    assert position.size == D("2000")
    assert position.entry_value == D("0.05")
    assert position.average_price(INVERSE) == D("40000")


@pytest.mark.parametrize(
    ("amount", "price", "rate", "expected"),
    [
        ("10", "60000", "0.0005", "0.00000008"),  # of 0.00016667: 0.000000083
        ("10", "60000", "-0.0001", "-0.00000002"),
        ("10", "64000", "-0.00016", "-0.00000002"),  # of 0.00015625 exactly 0.000000025: half to even
        ("30", "64000", "0.0008", "0.00000038"),  # of 0.00046875 exactly 0.000000375: half to even
    ],
)
def test_a_fee_is_rounded_half_to_even_at_the_eighth_place(amount: str, price: str, rate: str, expected: str) -> None:
    assert fee(INVERSE, BUY, D(amount), D(price), D(rate)) == D(expected)


FILLS = st.lists(
    st.tuples(
        st.sampled_from([(0, 1), (1, 0), (0, 2), (2, 1), (1, 2)]),
        st.integers(1, 500),
        st.integers(80_000, 160_000),
        st.sampled_from(["-0.0001", "0", "0.0005"]),
    ),
    max_size=40,
)


@given(st.sampled_from([INVERSE, LINEAR]), FILLS)
def test_no_money_is_made_or_lost_between_accounts(contract: Contract, fills: list[tuple]) -> None:
    accounts = [Account(str(number), balances={contract.settlement_currency: D("100")}) for number in range(3)]
    traded, fees = [D("0")] * 3, D("0")

    for (buyer, seller), lots, ticks, rate in fills:
        amount, price = lots * D("10"), ticks * D("0.5")
        cost = fee(contract, BUY, amount, price, D(rate))
        accounts[buyer].fill(contract, BUY, amount, price, cost)
        accounts[seller].fill(contract, SELL, amount, price, D("0"))
        traded[buyer] -= value(contract, amount, price)
        traded[seller] += value(contract, amount, price)
        fees += cost

    direction = -1 if contract.inverse else 1
    positions = [account.position(contract.name) for account in accounts]
    for position, cash in zip(positions, traded, strict=True):
        invested = position.entry_value.copy_sign(position.size) if position.size else D("0")
        assert position.realized == direction * (cash + invested)
        assert position.entry_value >= 0
    assert sum(position.size for position in positions) == 0
    balances = sum(account.balance(contract.settlement_currency) for account in accounts)
    assert balances == 300 - fees
    gained = sum(position.realized + position.unrealized(contract, D(60_000)) for position in positions)
    assert gained == sum(position.settle(contract, D(60_000)) for position in positions)
    assert abs(gained) <= D("1e-8") * (len(fills) + 3), "but for rounding, what some gain others lose"


def test_a_settlement_pays_what_waited_and_what_was_gained_and_the_average_price_stays() -> None:
    position = Position()
    position.apply(LINEAR, BUY, D("2"), D("50000"))
    position.apply(LINEAR, SELL, D("1"), D("51000"))
    position.fund(D("-3"))

    paid = position.settle(LINEAR, D("52000"))

    assert paid == D("1000") - 3 + 2000
    assert (position.realized, position.funded, position.unrealized(LINEAR, D("52000"))) == (0, 0, 0)
    assert position.average_price(LINEAR) == D("50000")
    assert (position.unrealized(LINEAR, D("53000")), position.total(LINEAR, D("53000"))) == (1000, 3000)
    assert position.apply(LINEAR, SELL, D("1"), D("53000")) == 1000, "what was paid is not realized again"

import json
import re
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.small_exchange import BTC_PERPETUAL
from replenisher.exchange.dialects.deribit.numbers import number_text
from replenisher.exchange.flow import SyntheticSettings
from replenisher.model.instrument import TickStep
from tests.exchange.clients import ALICE, Clients


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.0"),
        ("1054", "1054.0"),
        ("2200", "2.2e3"),
        ("0.0001423", "1.423e-4"),
        ("-0.0000004", "-4.0e-7"),
        ("9415.50", "9415.5"),
        ("10", "10.0"),
        ("123456789.12345678", "123456789.12345678"),
    ],
)
def test_numbers_are_printed_as_the_venue_prints_them(value: str, text: str) -> None:
    assert number_text(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_no_digit_of_a_number_is_ever_lost(value: Decimal) -> None:
    text = number_text(value)

    assert Decimal(text) == value
    assert re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", text)
    json.loads(text)


def test_a_price_of_seventeen_digits_reaches_the_book_and_comes_back_unharmed() -> None:
    finest = SyntheticSettings(minutes_per_second=1e-9, start_price_ticks=60_000 * 10**12, step_ticks=10**12)
    ticks = (TickStep(Decimal(0), Decimal("0.000000000001")),)
    fine = msgspec.structs.replace(BTC_PERPETUAL, name="FINE-PERPETUAL", tick_steps=ticks)
    clients = Clients(finest, fine)
    clients.connect("a", ALICE)
    clients.result("a", "private/subscribe", channels=["book.FINE-PERPETUAL.raw"])

    clients.send(
        "a",
        '{"jsonrpc":"2.0","id":99,"method":"private/buy","params":'
        '{"instrument_name":"FINE-PERPETUAL","amount":10,"price":50000.123456789012}}',
    )

    frames = clients.inbox["a"]
    assert '"price":50000.123456789012,' in next(frame for frame in frames if '"id":99' in frame)
    assert '["new",50000.123456789012,10.0]' in frames[-1]

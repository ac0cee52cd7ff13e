from decimal import Decimal

from bench.small_exchange import BTC_PERPETUAL
from replenisher.exchange.candles import Candles, Day
from replenisher.exchange.words import Print
from replenisher.model.order import Side

D = Decimal
MINUTE = 60 * 1_000_000_000
HOUR = 60 * MINUTE


def candles(*trades: tuple[int, int, int]) -> Candles:
    """Of trades at a minute, price and amount."""
    made = Candles(BTC_PERPETUAL)
    for number, (minute, price, amount) in enumerate(trades):
        made.add(
            Print(
                instrument="BTC-PERPETUAL",
                trade_id=str(number),
                trade_seq=number,
                at=minute * MINUTE + number,
                price=D(price),
                amount=D(amount),
                taker=Side.BUY,
                tick_direction=0,
                mark=D(price),
                index=D(price),
            )
        )
    return made


def test_a_candle_tells_the_first_the_extremes_the_last_and_what_was_traded() -> None:
    (candle,) = candles((5, 50_000, 100), (5, 40_000, 200), (5, 80_000, 800), (5, 64_000, 640)).stretch(0, HOUR, MINUTE)

    assert (candle.at, candle.open, candle.high, candle.low, candle.close) == (
        5 * MINUTE,
        50_000,
        80_000,
        40_000,
        64_000,
    )
    assert (candle.volume, candle.cost) == (D("0.027"), 1_740)


def test_minutes_become_longer_stretches_and_a_gap_is_flat() -> None:
    traded = candles((0, 10, 10), (3, 14, 14), (12, 7, 7), (13, 9, 9))

    five, gap, ten = traded.stretch(0, HOUR, 5 * MINUTE)

    assert (five.at, five.open, five.high, five.close, five.cost) == (0, 10, 14, 14, 24)
    assert (gap.at, gap.open, gap.close, gap.volume) == (5 * MINUTE, 14, 14, 0)
    assert (ten.at, ten.open, ten.low, ten.close) == (10 * MINUTE, 7, 7, 9)
    assert [candle.at for candle in traded.stretch(12 * MINUTE, 12 * MINUTE, MINUTE)] == [12 * MINUTE]


def test_a_day_is_the_last_24_hours() -> None:
    traded = candles((0, 500, 10), (60, 100, 10), (120, 80, 10), (180, 110, 10))

    day = traded.day(25 * HOUR)

    assert (day.high, day.low, day.change_percent, day.cost) == (110, 80, 10, 30)
    assert traded.day(60 * HOUR) == Day()

"""What is on a tape is counted, and all that is wrong with it is said."""

from msgspec.structs import replace

from replenisher.model.event import BookSnapshot, FeedLost
from replenisher.model.units import SECOND_NS
from replenisher.report.silences import Silence
from replenisher.report.tape import Disorder, Gap, Inspection, TapeInfo
from replenisher.store.tape.blocks import TapeFact
from tests.store.tapes import KEY, START, change, market, trade


def inspected(*facts: TapeFact) -> TapeInfo:
    inspection = Inspection()
    for fact in facts:
        inspection.see(fact)
    return inspection.info()


def lost(second: float, reason: str = "a gap") -> FeedLost:
    return FeedLost(at=START + round(second * SECOND_NS), instrument=KEY, reason=reason)


def snapshot(second: float) -> BookSnapshot:
    at = START + round(second * SECOND_NS)
    return BookSnapshot(at=at, instrument=KEY, venue_time=at, bids=((100, 1),), asks=((102, 1),))


def test_what_there_is_is_counted() -> None:
    found = inspected(*market(10))

    (each,) = found.instruments
    counts = {"InstrumentDefined": 1, "BookSnapshot": 1, "BookChanged": 100, "TradePrinted": 10}
    assert (each.instrument, each.facts, each.trusted_s) == (KEY, counts, 10)
    assert (found.begins_at, found.ends_at) == (START, START + 10 * SECOND_NS)
    assert (found.gaps, found.disorder, found.disorder.is_any) == ([], Disorder(), False)


def test_nothing_is_nothing() -> None:
    found = inspected()

    assert (found.begins_at, found.ends_at, found.instruments) == (None, None, [])


def test_a_gap_lasts_until_the_next_snapshot_and_the_last_one_to_the_end() -> None:
    found = inspected(*market(2), lost(3), snapshot(4.5), lost(6, "the end"), trade(START + 8 * SECOND_NS, "x"))

    assert found.gaps == [
        Gap(KEY, START + 3 * SECOND_NS, "a gap", 1.5),
        Gap(KEY, START + 6 * SECOND_NS, "the end", None),
    ]
    assert found.instruments[0].trusted_s == 4.5
    assert not found.disorder.is_any


def test_a_silence_is_much_longer_than_the_usual_distance_and_is_not_called_a_gap() -> None:
    def trades(*seconds: float) -> list[TapeFact]:
        return [trade(START + round(second * SECOND_NS), str(second)) for second in seconds]

    often = [number / 100 for number in range(3_000)]
    seldom = [60.0 * number for number in range(3_000)]

    broken = inspected(*trades(*(second for second in often if not 10 < second < 13)))
    assert broken.silences == [Silence(KEY, START + 10 * SECOND_NS, 3.0)]
    assert inspected(*trades(*often[:50], 3_600)).silences == [Silence(KEY, START + 490_000_000, 3_599.51)]
    assert (broken.gaps, broken.instruments[0].pause_s_max) == ([], 3.0)
    assert inspected(*trades(*often), *trades(*(30.5 + second for second in often))).silences == []  # half a second
    quiet = inspected(*trades(*seldom[:500], *(second + 3_600 for second in seldom[500:])))
    assert (quiet.silences, quiet.instruments[0].pause_s_max) == ([], 3_660.0)  # 60 times the usual distance


def test_what_is_told_as_a_gap_is_no_silence() -> None:
    found = inspected(*market(100), lost(150), snapshot(160), *market(100, start=START + 161 * SECOND_NS)[2:])

    assert len(found.gaps) == 1
    assert found.silences == []


def test_a_book_that_is_lost_twice_is_lost_once() -> None:
    assert len(inspected(*market(2), lost(3), lost(4), snapshot(5)).gaps) == 1


def test_every_kind_of_disorder_is_counted_with_its_worst() -> None:
    second = SECOND_NS
    facts = [
        change(START - second),  # of a book that nobody has, of an instrument that nobody has defined
        *market(1),
        replace(change(START + 4 * second), venue_time=START + 4 * second),
        replace(change(START + 5 * second), venue_time=START + 3 * second),  # the book's time goes back by 1 s
        replace(trade(START + 6 * second, "late"), venue_time=START + 2 * second),  # 2 s behind the newest
        change(START + 7 * second, bids=((200, 1),)),  # above the best ask
        snapshot(8),  # although the book stood
        change(START + 5 * second),  # the clock goes back by 3 s
    ]

    found = inspected(*facts).disorder

    assert found == Disorder(
        clock_back=1,
        clock_back_s_max=3,
        book_time_back=2,
        book_time_back_s_max=3,
        trades_late=1,
        trades_late_s_max=2,
        crossed=1,
        restarted=1,
        without_book=1,
        undefined=1,
    )


def test_trades_that_are_told_again_are_counted_and_numbers_that_are_missing_where_a_venue_leaves_none_out() -> None:
    numbers = ["3", "4", "4", "8", "7", "10"]
    trades = [trade(START + round((8 + place / 10) * SECOND_NS), number) for place, number in enumerate(numbers)]
    trades[2] = replace(trades[1], at=trades[2].at)

    of_deribit = inspected(*market(0), *trades).disorder
    of_binance = inspected(*(replace(each, instrument="binance/BTCUSDT") for each in trades)).disorder

    assert (of_deribit.trades_again, of_deribit.trades_missing) == (1, 0)
    assert (of_binance.trades_again, of_binance.trades_missing) == (1, 3)  # 5, 6 and 9


def test_a_clock_that_went_back_once_is_counted_once_however_long_it_stays_behind() -> None:
    later = [trade(START + round(second * SECOND_NS), str(second)) for second in (10, 4, 4.5, 5, 6)]

    found = inspected(*market(2), *later).disorder

    assert (found.clock_back, found.clock_back_s_max) == (1, 6)

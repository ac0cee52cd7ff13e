from random import Random

from hypothesis import given
from hypothesis import strategies as st

from replenisher.exchange.latency import DelayLine, FeedLatency, Latency, SampledLatency


def test_what_goes_in_comes_out_later() -> None:
    line: DelayLine[str] = DelayLine(Latency(request_ms=2.5).request_ns)

    line.put("a", at=0)

    assert line.next_at == 2_500_000
    assert line.take(2_499_999) == []
    assert line.take(2_500_000) == ["a"]
    assert line.next_at is None


@given(st.integers(0, 10), st.lists(st.integers(0, 20)))
def test_nothing_overtakes_and_nothing_is_lost(delay_ns: int, moments: list[int]) -> None:
    line: DelayLine[int] = DelayLine(lambda: delay_ns)
    for number, at in enumerate(moments):
        line.put(number, at)

    arrived = [number for at in range(60) for number in line.take(at)]

    assert arrived == list(range(len(moments)))


def test_a_sampled_delay_is_one_that_was_measured_on_top_of_what_is_always_there() -> None:
    least = Latency(request_ms=1, response_ms=2)
    model = SampledLatency(least, [0, 4], [10], Random(5))

    drawn = [model.request_ns() for _ in range(100)]

    assert set(drawn) == {1_000_000, 5_000_000}
    assert model.response_ns() == 12_000_000
    again = SampledLatency(least, [0, 4], [10], Random(5))
    assert [again.request_ns() for _ in range(100)] == drawn


def test_a_feed_based_delay_follows_what_the_market_last_took() -> None:
    took_ns = 0
    model = FeedLatency(Latency(request_ms=1), 2.0, 0.5, lambda: took_ns)

    assert (model.request_ns(), model.response_ns()) == (1_000_000, 0)
    took_ns = 6_000_000
    assert (model.request_ns(), model.response_ns()) == (13_000_000, 3_000_000)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20))))
def test_whatever_is_drawn_nothing_overtakes(sent: list[tuple[int, int]]) -> None:
    delays = iter([delay for delay, _ in sent])
    line: DelayLine[int] = DelayLine(lambda: next(delays))
    at = 0
    for number, (_, later) in enumerate(sent):
        at += later
        line.put(number, at)

    assert line.take(at + 50) == list(range(len(sent)))

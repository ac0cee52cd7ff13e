from hypothesis import given
from hypothesis import strategies as st

from replenisher.exchange.latency import DelayLine, Latency


def test_what_goes_in_comes_out_later() -> None:
    line: DelayLine[str] = DelayLine(Latency(request_ms=2.5).request_ns)

    line.put("a", at=0)

    assert line.next_at == 2_500_000
    assert line.take(2_499_999) == []
    assert line.take(2_500_000) == ["a"]
    assert line.next_at is None


@given(st.integers(0, 10), st.lists(st.integers(0, 20)))
def test_nothing_overtakes_and_nothing_is_lost(delay_ns: int, moments: list[int]) -> None:
    line: DelayLine[int] = DelayLine(delay_ns)
    for number, at in enumerate(moments):
        line.put(number, at)

    arrived = [number for at in range(60) for number in line.take(at)]

    assert arrived == list(range(len(moments)))

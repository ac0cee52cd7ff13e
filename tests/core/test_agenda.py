"""The agenda: nothing is forgotten, whatever is put off or brought forward, and nothing is told twice."""

from hypothesis import given
from hypothesis import strategies as st

from replenisher.core.agenda import Alarms
from replenisher.model.units import NEVER_NS

NAMES = st.sampled_from(["a", "b", "c", "d"])
TIMES = st.integers(1, 40)


@given(st.lists(st.tuples(NAMES, TIMES | st.just(NEVER_NS)) | TIMES, max_size=40))
def test_each_instrument_has_the_time_that_was_set_last(deeds: list[tuple[str, int] | int]) -> None:
    alarms = Alarms()
    times: dict[str, int] = {}
    now = 0
    for deed in deeds:
        if isinstance(deed, tuple):
            name, at = deed
            times[name] = at
            alarms.set(name, at)
        else:
            now = max(now, deed)
            due = alarms.due(now)

            assert sorted(due) == sorted(name for name, at in times.items() if at <= now)
            times = {name: at for name, at in times.items() if at > now}
        assert alarms.first <= min(times.values(), default=NEVER_NS)


def test_an_alarm_that_is_put_off_again_and_again_takes_one_place() -> None:
    alarms = Alarms()
    for at in range(1_000, 2_000):
        alarms.set("a", at)

    assert (alarms.first, alarms.due(1_000), alarms.first) == (1_000, [], 1_999)
    assert (alarms.due(1_999), alarms.first) == (["a"], NEVER_NS)

"""What many seeds came to, and whether enough went wrong in them."""

from replenisher.simulate.run import Outcome
from replenisher.simulate.total import Total

PER_HOUR = {"disconnects": 5, "restarts": 3, "unknown orders": 10, "fills while away": 10}


def an_hour(tally: dict[str, int]) -> Outcome:
    return Outcome(seed=1, seconds=3600.0, messages=72_000, befell={}, tally=tally, hash="", cpu_s=12.0)


def test_hours_in_which_too_little_went_wrong_are_named() -> None:
    quiet = Total()
    quiet.add(an_hour(PER_HOUR))
    quiet.add(an_hour(PER_HOUR | {"restarts": 2}))

    assert quiet.rare() == ["restarts"]


def test_hours_in_which_enough_went_wrong_are_not() -> None:
    total = Total()
    total.add(an_hour(PER_HOUR))

    assert total.rare() == []
    assert "5.0 disconnects, 3.0 restarts, 10.0 unknown orders, 10.0 fills while away" in total.sentence()

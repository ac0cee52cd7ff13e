"""What many seeds came to, and whether enough went wrong in them."""

from replenisher.simulate.run import Outcome
from replenisher.simulate.total import Total

PER_HOUR = {"disconnects": 5, "restarts": 3, "unknown orders": 10, "fills while away": 10}


def an_hour(tally: dict[str, int], times: dict[str, list[float]] | None = None) -> Outcome:
    return Outcome(
        seed=1, seconds=3600.0, messages=72_000, befell={}, tally=tally, times=times or {}, hash="", cpu_s=12.0
    )


def test_hours_in_which_too_little_went_wrong_are_named() -> None:
    quiet = Total()
    quiet.add(an_hour(PER_HOUR))
    quiet.add(an_hour(PER_HOUR | {"restarts": 2}))

    assert quiet.rare() == ["restarts"]


def test_hours_in_which_enough_went_wrong_are_not() -> None:
    total = Total()
    total.add(an_hour(PER_HOUR))

    assert total.rare() == []
    assert total.sentence().startswith("1 seed, 1.0 simulated hours at 20.0 messages/s, 5.0 of them a CPU-minute\n")
    assert "5.0 disconnects, 3.0 restarts, 10.0 unknown orders, 10.0 fills while away" in total.sentence()


def test_how_long_it_took_is_told_over_all_seeds() -> None:
    total = Total()
    total.add(an_hour({}, {"verified-flat stop": [0.25], "unwanted orders gone": [0.1, 0.2, 4.5]}))
    total.add(an_hour({}, {"verified-flat stop": [15.0]}))

    assert "verified-flat stop: median 7.62 s, worst 15.00 s of 2 (15 s at most)" in total.sentence()
    assert "unwanted orders gone: median 0.20 s, worst 4.50 s of 3 (1 s typical, 5 s at most)" in total.sentence()
    assert "quoting again after the last fault: none was seen (30 s at most)" in total.sentence()
    assert total.document()["times"] == {
        "verified-flat stop": {"count": 2, "median_s": 7.625, "worst_s": 15.0},
        "unwanted orders gone": {"count": 3, "median_s": 0.2, "worst_s": 4.5},
    }
    assert total.slow() == []


def test_what_took_longer_than_is_promised_is_named() -> None:
    total = Total()
    total.add(an_hour({}, {"verified-flat stop": [15.1], "unwanted orders gone": [1.1]}))

    assert total.slow() == ["verified-flat stop", "unwanted orders gone"]

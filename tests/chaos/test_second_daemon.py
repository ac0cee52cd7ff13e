"""Another daemon with our configuration, on a data directory of its own, that traded while ours was away."""

from pathlib import Path

from tests.chaos.story import story


def test_what_it_traded_is_still_told_after_it_has_left_and_the_power_has_gone(tmp_path: Path) -> None:
    """Its journal has all of that, but nobody makes rows of it until somebody starts it again."""
    with story(tmp_path) as told:
        told.victims.away_s = (200.0, 200.0)
        told.victims.kill(lambda: None)
        told.second.come(lambda: None)
        told.until(lambda: told.second.life is not None and told.second.life.epoch and told.is_quoting(), within_s=150)
        order = told.resting()[0]
        told.take(order)
        told.until(lambda: told.agrees_on(order.label))
        told.second.leave()
        told.until(lambda: told.second.is_gone)
        assert told.second.ends[-1] == "exit 0"

        told.until(lambda: not told.life.is_over, within_s=200)
        told.victims.kill(lambda: None, power_lost=True)

        told.run(1)
        assert told.fills(order.label)
        told.end_well()


def test_one_that_was_never_told_that_it_had_the_lease_keeps_nobody_out(tmp_path: Path) -> None:
    """The database goes away right after the COMMIT that gave it the lease; it leaves, and is not started again."""
    with story(tmp_path) as told:
        told.victims.away_s = (200.0, 200.0)
        told.victims.kill(lambda: None)
        told.run(150)  # its lease has ended
        told.victims.lose_database(lambda: None, "after", recorder_dies=False)

        told.second.come(lambda: None)
        told.second.leave()
        assert told.second.ends == ["exit 75"]

        told.until(lambda: not told.life.is_over, within_s=60)
        told.until(told.is_quoting, within_s=30)
        told.end_well()

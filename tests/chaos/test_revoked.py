"""A key that the venue takes no more in the middle of a life: a halt, with orders of which nothing can be asked."""

from pathlib import Path

import pytest

from replenisher.model.command import HaltCause
from replenisher.simulate.frame_faults import is_login
from tests.chaos.story import story


@pytest.mark.parametrize(("is_lifted", "ends"), [(False, "exit 3"), (True, "exit 0")], ids=["halted", "lifted"])
def test_a_key_that_is_revoked_and_an_operator_who_lifts_the_halt_while_it_stops(
    is_lifted: bool, ends: str, tmp_path: Path
) -> None:
    """The life ends either way, and one that was let in again knows that it has left nothing; the next one quotes."""
    with story(tmp_path) as told:
        life, state = told.life, told.life.engine.state
        revoked = told.spoil(
            is_login,
            lambda passage: passage.become(passage.frame.replace('"signature":"', '"signature":"0')),
            times=10_000,
            up=True,
        )
        told.victims.cut(told.link("trading"), "1006")
        told.until(lambda: HaltCause.KEY in state.halts)
        told.until(lambda: state.stopping)
        if is_lifted:
            told.lift(revoked)
            life.ask("resume", reason="there is a new key")
        told.until(lambda: life.is_over)
        told.lift(revoked)
        assert list(told.ends) == [ends]
        told.until(told.is_quoting)
        told.end_well()

"""The lease as the driver sees it: renewed only by who looks, and silent after a gap that it did not survive."""

from dataclasses import dataclass, field

from replenisher.live.lease import Lease, Word
from replenisher.model.event import LeaseHeld, LeaseLost
from replenisher.model.units import SECOND_NS

LIFE = 90 * SECOND_NS
T0 = 1_750_000_000 * SECOND_NS


@dataclass
class Answering:
    """A keeper whose answers are given by hand."""

    word: Word = field(default_factory=lambda: Word(asked_at=T0))
    asked: list[int] = field(default_factory=list)

    def renew(self, at: int) -> None:
        self.asked.append(at)


def looked_at(lease: Lease, until_s: int, since_s: int = 0) -> list[LeaseHeld | LeaseLost]:
    """What is told if somebody looks every second."""
    return [fact for second in range(since_s, until_s + 1) for fact in lease.look(T0 + second * SECOND_NS)]


def test_nothing_leaves_before_the_first_look() -> None:
    lease = Lease(Answering(), LIFE)
    assert lease.silent_from == 0

    assert looked_at(lease, 0) == [LeaseHeld(at=T0)]
    assert lease.silent_from == T0 + LIFE


def test_it_is_renewed_a_few_times_in_its_life_and_only_by_looking() -> None:
    keeper = Answering()
    lease = Lease(keeper, LIFE)
    looked_at(lease, 45)

    assert [(at - T0) // SECOND_NS for at in keeper.asked] == [0, 10, 20, 30, 40]


def test_without_a_database_it_runs_out_and_cancels_still_leave() -> None:
    keeper = Answering()
    lease = Lease(keeper, LIFE)
    looked_at(lease, 50)
    keeper.word = Word(asked_at=T0, error="the server does not answer")

    (lost,) = looked_at(lease, 300, since_s=51)

    assert lost == LeaseLost(at=T0 + LIFE, reason="the lease of the account has run out: the server does not answer")
    assert lease.silent_from > T0 + 300 * SECOND_NS


def test_an_operator_is_told_how_it_stands() -> None:
    keeper = Answering()
    lease = Lease(keeper, LIFE)
    looked_at(lease, 50)

    assert lease.standing(T0 + 50 * SECOND_NS) == {"is_held": True, "left_s": 40.0, "why": ""}

    keeper.word = Word(asked_at=T0, holder="another daemon")
    looked_at(lease, 51, since_s=51)
    assert lease.standing(T0 + 51 * SECOND_NS) == {"is_held": False, "left_s": 0.0, "why": "another daemon"}


def test_a_gap_past_its_end_is_silent_until_a_question_from_after_it_is_answered() -> None:
    keeper = Answering()
    lease = Lease(keeper, LIFE)
    looked_at(lease, 50)
    keeper.word = Word(asked_at=T0 + 50 * SECOND_NS)  # told while nobody ran
    woken = T0 + 200 * SECOND_NS

    assert woken >= lease.silent_from
    (lost,) = lease.look(woken)
    assert isinstance(lost, LeaseLost)
    assert woken >= lease.silent_from
    assert keeper.asked[-1] == woken

    keeper.word = Word(asked_at=woken)
    assert list(lease.look(woken + SECOND_NS)) == [LeaseHeld(at=woken + SECOND_NS)]
    assert lease.silent_from == woken + LIFE


def test_a_gap_within_it_changes_nothing() -> None:
    keeper = Answering()
    lease = Lease(keeper, LIFE)
    looked_at(lease, 1)

    assert looked_at(lease, 80, since_s=80) == []
    assert lease.silent_from == T0 + 80 * SECOND_NS + LIFE // 6


def test_somebody_elses_is_told_once_and_nothing_leaves_any_more() -> None:
    keeper = Answering()
    lease = Lease(keeper, LIFE)
    looked_at(lease, 20)
    keeper.word = Word(asked_at=T0 + 20 * SECOND_NS, holder="another daemon trades")

    assert looked_at(lease, 25, since_s=21) == [LeaseLost(at=T0 + 21 * SECOND_NS, reason="another daemon trades")]
    assert lease.holder == "another daemon trades"
    assert lease.silent_from == 0

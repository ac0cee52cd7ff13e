"""When a connection is dialed, doubted and given up, told by time alone."""

from hypothesis import given
from hypothesis import strategies as st

from replenisher.venues.limiter import Bucket
from replenisher.venues.session import MINUTE_NS, SECOND_NS, Doubt, Pace, Phase, Session
from replenisher.venues.venue import Action, Close, Connect

PACE = Pace(silence_ns=SECOND_NS, answer_ns=2 * SECOND_NS, dial_ns=10 * SECOND_NS)


def make_session(actions: list[Action], random: float = 0.5) -> Session[str]:
    return Session("market", "ws://here", PACE, lambda: random, actions)


def open_session(actions: list[Action]) -> Session[str]:
    session = make_session(actions)
    session.start(0)
    session.opened(0)
    actions.clear()
    return session


def test_dials_at_once_when_started() -> None:
    actions: list[Action] = []

    make_session(actions).start(5)

    assert actions == [Connect("market", "ws://here")]


def test_waits_a_part_of_a_growing_cap_between_attempts() -> None:
    session = make_session([], random=0.5)
    session.start(0)

    waits = []
    at = 0
    for _ in range(6):
        session.closed(at)
        assert session.next_wake is not None
        waits.append(session.next_wake - at)
        at = session.next_wake
        session.wake(at)

    assert waits == [PACE.backoff_first_ns // 2 * 2**n for n in range(6)]


def test_a_connection_that_was_ready_for_long_ends_a_series_of_failures() -> None:
    session = make_session([], random=0.5)
    session.start(0)
    session.closed(0)
    session.closed(0)  # told twice is told once
    session.wake(SECOND_NS)
    session.opened(SECOND_NS)
    session.ready(SECOND_NS)

    session.closed(SECOND_NS + PACE.settled_ns)

    assert session.next_wake == SECOND_NS + PACE.settled_ns + PACE.backoff_first_ns // 2


def test_a_connection_that_breaks_as_soon_as_it_is_ready_does_not() -> None:
    session = make_session([], random=0.5)
    session.start(0)
    session.closed(0)
    session.wake(SECOND_NS)
    session.opened(SECOND_NS)
    session.ready(SECOND_NS)

    session.closed(SECOND_NS)

    assert session.next_wake == SECOND_NS + PACE.backoff_first_ns


@given(st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 20 * SECOND_NS)), min_size=30, max_size=80))
def test_never_more_attempts_in_a_minute_than_allowed(draws: list[tuple[float, int]]) -> None:
    actions: list[Action] = []
    drawn = iter([random for random, _ in draws])
    session: Session[str] = Session("market", "ws://here", PACE, lambda: next(drawn), actions)
    at = 0
    session.start(at)
    attempts = [at]

    for _, lived in draws:
        session.opened(at)
        session.ready(at)
        at += lived
        session.closed(at)
        assert session.next_wake is not None
        at = max(at, session.next_wake)
        session.wake(at)
        attempts.append(at)

    assert len(actions) == len(attempts)
    for first, later in zip(attempts, attempts[PACE.attempts_per_minute :], strict=False):
        assert later - first >= MINUTE_NS


def test_silence_is_answered_with_a_probe_and_an_unanswered_probe_is_death() -> None:
    session = open_session([])

    assert session.wake(SECOND_NS - 1) is None
    assert session.wake(SECOND_NS) is Doubt.PROBE
    assert session.wake(3 * SECOND_NS - 1) is None
    assert session.wake(3 * SECOND_NS) is Doubt.DEAD


def test_a_frame_after_the_probe_ends_the_doubt() -> None:
    session = open_session([])
    session.wake(SECOND_NS)

    session.heard(2 * SECOND_NS)

    assert session.next_wake == 3 * SECOND_NS
    assert session.wake(3 * SECOND_NS) is Doubt.PROBE


def test_a_long_sleep_of_ours_is_not_taken_for_the_venues_silence() -> None:
    session = open_session([])

    assert session.wake(3600 * SECOND_NS) is Doubt.PROBE


def test_a_dial_that_nobody_answers_is_given_up() -> None:
    actions: list[Action] = []
    session = make_session(actions)
    session.start(0)

    assert session.wake(PACE.dial_ns) is Doubt.DEAD
    session.give_up("no sign of life")
    session.opened(PACE.dial_ns + 1)  # too late

    assert actions[1:] == [Close("market", "no sign of life")]
    assert session.phase is Phase.GIVEN_UP


def test_a_stopped_session_never_dials_again() -> None:
    actions: list[Action] = []
    session = open_session(actions)

    session.stop()
    session.closed(SECOND_NS)
    session.wake(MINUTE_NS)

    assert actions == [Close("market", "stop")]
    assert session.next_wake is None


def test_an_answer_finds_its_question_once() -> None:
    session = open_session([])
    first = session.ask("first", SECOND_NS)
    second = session.ask("second", SECOND_NS)

    assert session.answered(second) == "second"
    assert session.answered(second) is None
    assert session.answered(first) == "first"
    assert session.answered(99) is None


def test_what_is_not_answered_by_its_deadline_is_told_and_forgotten() -> None:
    session = open_session([])
    late = session.ask("late", 100)
    session.ask("later", 200)

    assert session.next_wake == 100
    assert session.expired(99) == []
    assert session.expired(100) == ["late"]
    assert session.answered(late) is None
    assert session.next_wake == 200
    assert session.forget() == ["later"]


@given(st.lists(st.tuples(st.integers(0, SECOND_NS), st.integers(1, 10)), max_size=60))
def test_a_bucket_never_pays_more_than_it_was_given(wishes: list[tuple[int, int]]) -> None:
    bucket = Bucket(capacity=10, per_second=5)
    at = paid = 0

    for wait, cost in wishes:
        at += wait
        due = bucket.affordable_at(cost)
        if bucket.take(cost, at):
            paid += cost
            assert at >= due
        assert paid <= 10 + 5 * at / SECOND_NS + 1e-6


def test_a_bucket_can_pay_at_the_time_it_names() -> None:
    bucket = Bucket(capacity=10, per_second=3)
    bucket.owe(17, 0)

    due = bucket.affordable_at(10)

    assert not bucket.take(10, due - SECOND_NS // 1000)
    assert bucket.take(10, due)

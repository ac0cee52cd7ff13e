"""When a connection is dialed, doubted and given up, told by time alone."""

from hypothesis import given
from hypothesis import strategies as st

from replenisher.model.units import MINUTE_NS, SECOND_NS
from replenisher.venues.limiter import Bucket
from replenisher.venues.session import Doubt, Pace, Phase, Session, dials
from replenisher.venues.venue import Action, Close, Connect

PACE = Pace(silence_ns=SECOND_NS, unanswered_ns=SECOND_NS, answer_ns=2 * SECOND_NS, dial_ns=10 * SECOND_NS)
ATTEMPTS_PER_MINUTE = 10


def make_session(actions: list[Action], random: float = 0.5) -> Session[str]:
    plenty = Bucket(capacity=1_000_000, per_second=1_000_000)
    return Session("market", "ws://here", PACE, lambda: random, plenty, actions)


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


def test_the_jitter_is_as_wide_at_the_longest_wait_as_anywhere() -> None:
    waits = []
    for random in (0.0, 0.25, 0.75, 0.999):
        session = make_session([], random)
        session.start(0)
        for _ in range(40):
            session.closed(0)
            session.wake(MINUTE_NS)
        session.closed(0)
        waits.append(session.next_wake)

    assert waits == [int(random * PACE.backoff_max_ns) for random in (0.0, 0.25, 0.75, 0.999)]


def test_a_connection_that_ended_because_we_asked_too_often_is_left_in_peace_for_longer_each_time() -> None:
    session = make_session([], random=0.5)
    session.start(0)

    waits = []
    at = 0
    for _ in range(4):
        session.opened(at)
        session.ready(at)
        at += PACE.settled_ns  # which would end a series of other failures
        session.overran()
        session.closed(at)
        assert session.next_wake is not None
        waits.append(session.next_wake - at)
        at = session.next_wake
        session.wake(at)

    assert waits == [PACE.overrun_ns + PACE.backoff_first_ns // 2 * 2**n for n in range(4)]


@given(st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 20 * SECOND_NS)), min_size=30, max_size=80))
def test_never_more_attempts_in_a_minute_than_allowed_for_all_connections_together(
    draws: list[tuple[float, int]],
) -> None:
    actions: list[Action] = []
    drawn = iter([random for random, _ in draws] * 2)
    attempts = dials()
    sessions = [Session[str](name, "ws://here", PACE, lambda: next(drawn), attempts, actions) for name in "ab"]
    dialed_at: list[int] = []
    for session in sessions:
        session.start(0)

    at = 0
    for _, lived in draws:
        dialed_at += [at] * (len(actions) - len(dialed_at))
        for session in sessions:
            if session.phase is Phase.DIALING:
                session.opened(at)
                session.ready(at)
                session.closed(at + lived)
        waking = [session.next_wake for session in sessions if session.next_wake is not None]
        at = max(at, min(waking))
        for session in sessions:
            session.wake(at)
        assert min(waking) <= at + 15 * SECOND_NS, "nobody waits long for the next attempt"

    dialed_at += [at] * (len(actions) - len(dialed_at))
    for first, later in zip(dialed_at, dialed_at[ATTEMPTS_PER_MINUTE:], strict=False):
        assert later - first >= MINUTE_NS


def test_silence_is_answered_with_a_probe_and_an_unanswered_probe_is_death() -> None:
    session = open_session([])

    assert session.wake(SECOND_NS - 1) is None
    assert session.wake(SECOND_NS) is Doubt.PROBE
    assert session.wake(3 * SECOND_NS - 1) is None
    assert session.wake(3 * SECOND_NS) is Doubt.DEAD


def test_only_the_answer_to_the_probe_ends_the_doubt() -> None:
    session = open_session([])
    session.wake(SECOND_NS)

    session.heard(2 * SECOND_NS)
    assert session.next_wake == 3 * SECOND_NS
    session.proven()

    assert session.wake(3 * SECOND_NS) is Doubt.PROBE


def test_whoever_speaks_and_does_not_answer_is_dead() -> None:
    session = open_session([])
    session.ask("an order", MINUTE_NS, 0)
    doubts = []

    for at in range(0, 3 * SECOND_NS + 1, SECOND_NS // 10):
        session.heard(at)
        doubts.append(session.wake(at))

    assert [doubt for doubt in doubts if doubt] == [Doubt.PROBE, Doubt.DEAD]
    assert doubts[-1] is Doubt.DEAD


def test_a_slow_answer_is_no_death_where_a_probe_is_answered() -> None:
    session = open_session([])
    session.ask("an order", MINUTE_NS, 0)

    assert session.wake(SECOND_NS) is Doubt.PROBE
    session.heard(SECOND_NS)
    session.proven()
    session.heard(2 * SECOND_NS)

    assert session.wake(2 * SECOND_NS) is None


def test_an_answer_gives_what_is_still_to_be_answered_as_long_again() -> None:
    session = open_session([])
    quick = session.ask("quick", MINUTE_NS, 0)
    session.ask("slow", MINUTE_NS, 0)

    session.heard(SECOND_NS // 2)
    session.answered(quick, SECOND_NS // 2)

    assert session.wake(SECOND_NS) is None
    session.heard(SECOND_NS)
    assert session.wake(SECOND_NS * 3 // 2) is Doubt.PROBE


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
    first = session.ask("first", SECOND_NS, 0)
    second = session.ask("second", SECOND_NS, 0)

    assert session.answered(second, 1) == "second"
    assert session.answered(second, 1) is None
    assert session.answered(first, 1) == "first"
    assert session.answered(99, 1) is None


def test_what_is_not_answered_by_its_deadline_is_told_and_forgotten() -> None:
    session = open_session([])
    late = session.ask("late", 100, 0)
    session.ask("later", 200, 0)

    assert session.next_wake == 100
    assert session.expired(99) == []
    assert session.expired(100) == ["late"]
    assert session.answered(late, 100) is None
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

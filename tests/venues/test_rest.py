import httpx
import pytest
import respx

from replenisher.errors import Unreachable
from replenisher.venues.rest import ATTEMPTS, PAUSE_MAX_S, Rest

ADDRESS = "http://127.0.0.1:8787/api/v2"
QUESTION = f"{ADDRESS}/public/get_time"


class Bench:
    """A `Rest` whose clock ticks at every look, and that notes how long it would have slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._at = 0
        self.rest = Rest(ADDRESS, self._now, self.slept.append)

    def read(self) -> tuple[int, bytes]:
        reply = self.rest.read("/public/get_time", {"a": 1}, {"Authorization": "Bearer t"})
        assert reply.heard_at > reply.sent_at
        return reply.status, reply.body

    def _now(self) -> int:
        self._at += 1
        return self._at


@pytest.fixture
def bench() -> Bench:
    return Bench()


@respx.mock
def test_a_question_is_asked_with_its_parameters_and_headers(bench: Bench) -> None:
    asked = respx.get(QUESTION, params={"a": "1"}).respond(200, content=b"{}")

    assert bench.read() == (200, b"{}")

    assert asked.calls.last.request.headers["Authorization"] == "Bearer t"
    assert bench.slept == []


@respx.mock
def test_what_is_lost_on_the_way_is_asked_again_and_more_slowly_each_time(bench: Bench) -> None:
    respx.get(QUESTION).mock(
        side_effect=[httpx.ConnectError("refused"), httpx.ReadTimeout("silence"), httpx.Response(200, content=b"1")]
    )

    assert bench.read() == (200, b"1")

    first, second = bench.slept
    assert 0 < first < second


@respx.mock
@pytest.mark.parametrize(("told", "waited"), [("2", 2.0), ("3600", PAUSE_MAX_S)])
def test_who_asks_for_patience_gets_it_within_bounds(bench: Bench, told: str, waited: float) -> None:
    respx.get(QUESTION).mock(
        side_effect=[httpx.Response(429, headers={"Retry-After": told}), httpx.Response(200, content=b"1")]
    )

    assert bench.read() == (200, b"1")

    assert bench.slept == [waited]


@respx.mock
def test_who_stays_busy_has_the_last_word(bench: Bench) -> None:
    asked = respx.get(QUESTION).respond(503, content=b"later")

    assert bench.read() == (503, b"later")

    assert asked.call_count == ATTEMPTS


@respx.mock
@pytest.mark.parametrize("status", [302, 400, 401, 404, 500])
def test_an_answer_is_an_answer_and_not_asked_for_twice(bench: Bench, status: int) -> None:
    asked = respx.get(QUESTION).respond(status, headers={"Location": "http://elsewhere.test/"}, content=b"no")

    assert bench.read() == (status, b"no")

    assert asked.call_count == 1


@respx.mock
def test_who_never_answers_is_unreachable(bench: Bench) -> None:
    asked = respx.get(QUESTION).mock(side_effect=httpx.ConnectError("connection refused"))

    with pytest.raises(Unreachable, match=f"{ADDRESS} cannot be reached: connection refused"):
        bench.read()

    assert asked.call_count == ATTEMPTS

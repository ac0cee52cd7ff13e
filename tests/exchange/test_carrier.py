import json

import pytest

from bench.small_exchange import exchange_of
from replenisher.exchange.carrier import Carrier, Hangup
from replenisher.exchange.dialects.deribit import ApiKey, Deribit, DeribitSettings
from replenisher.exchange.dialects.dialect import Action, HttpReply, HttpRequest, Send
from replenisher.exchange.latency import Latency
from replenisher.model.units import MS_NS

START = 1_700_000_000_000_000_000
THERE, BACK = 30 * MS_NS, 20 * MS_NS
GET_TIME = HttpRequest("GET", "/api/v2/public/get_time")
ALICE = ApiKey("alice-id", "alice-secret", "alice")
BASIC = {"Authorization": "Basic YWxpY2UtaWQ6YWxpY2Utc2VjcmV0"}
CREDENTIALS = {"grant_type": "client_credentials", "client_id": "alice-id", "client_secret": "alice-secret"}
LOG_IN = json.dumps({"id": 0, "method": "public/auth", "params": CREDENTIALS})
ORDER = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "price": 50_000}
BUY = json.dumps({"id": 1, "method": "private/buy", "params": ORDER})


class Ear:
    """The end of a connection that keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[Action] = []
        self.is_left = False

    def hand_over(self, action: Action) -> None:
        self.heard.append(action)

    def leave(self) -> None:
        self.is_left = True


class Line:
    """A carrier of a real dialect, thirty milliseconds away and twenty back, on virtual time."""

    def __init__(self) -> None:
        exchange = exchange_of("alice", at=START)
        self.carrier = Carrier(
            Deribit(exchange, DeribitSettings(keys=(ALICE,))), Latency(request_ms=30, response_ms=20)
        )

    def turn_until(self, at: int) -> None:
        """Every turn that is due by then."""
        while (due := self.carrier.next_at) is not None and due <= at:
            self.carrier.turn(due)


@pytest.fixture
def line() -> Line:
    return Line()


def ask_time(number: int) -> str:
    return json.dumps({"id": number, "method": "public/get_time", "params": {}})


def text(action: Action) -> str:
    assert isinstance(action, Send | HttpReply)
    return action.frame if isinstance(action, Send) else action.body


def told_ms(action: Action) -> int:
    result: int = json.loads(text(action))["result"]
    return result


def test_a_frame_takes_its_time_there_and_its_answer_back(line: Line) -> None:
    ear = Ear()
    link = line.carrier.opened(ear, START)
    line.carrier.arrived(link, ask_time(1), START)

    line.turn_until(START + THERE + BACK - 1)
    assert ear.heard == []
    line.turn_until(START + THERE + BACK)

    assert [told_ms(action) for action in ear.heard] == [(START + THERE) // MS_NS]


def test_an_http_request_is_as_far_away_and_its_connection_ends_with_the_reply(line: Line) -> None:
    ear = Ear()
    line.carrier.requested(ear, GET_TIME, START)

    line.turn_until(START + THERE + BACK)

    assert [told_ms(action) for action in ear.heard] == [(START + THERE) // MS_NS]
    line.carrier.hang_up(START + THERE + BACK)
    assert not ear.is_left


def test_requests_are_taken_in_the_order_of_their_arrival_however_they_came(line: Line) -> None:
    first, second, third = Ear(), Ear(), Ear()
    early, late = line.carrier.opened(first, START), line.carrier.opened(second, START)
    for link in (early, late):
        line.carrier.arrived(link, LOG_IN, START)
    line.turn_until(START + 100 * MS_NS)

    line.carrier.arrived(late, BUY, START + 100 * MS_NS)
    line.carrier.requested(third, HttpRequest("POST", "/api/v2", BASIC, BUY.encode()), START + 101 * MS_NS)
    line.carrier.arrived(early, BUY, START + 102 * MS_NS)
    line.carrier.turn(START + 900 * MS_NS)  # not before all of them have been there for long
    line.turn_until(START + 1000 * MS_NS)

    ids = [json.loads(text(ear.heard[-1]))["result"]["order"]["order_id"] for ear in (second, third, first)]
    assert ids == ["1", "2", "3"]


def test_what_was_sent_before_the_hangup_is_still_delivered(line: Line) -> None:
    ear = Ear()
    link = line.carrier.opened(ear, START)
    line.carrier.arrived(link, ask_time(1), START)
    line.carrier.arrived(link, Hangup.HANGUP, START)

    line.turn_until(START + THERE)

    assert ear.heard == []  # there is nobody to hear the answer
    line.carrier.hang_up(START + THERE)
    assert not ear.is_left


def test_at_the_end_everybody_who_is_there_is_left(line: Line) -> None:
    ears = [Ear(), Ear()]
    line.carrier.opened(ears[0], START)
    line.carrier.requested(ears[1], GET_TIME, START)

    line.carrier.hang_up(START)

    assert all(ear.is_left for ear in ears)
    line.turn_until(START + THERE + BACK)
    assert ears[1].heard == []

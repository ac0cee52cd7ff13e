"""A price over HTTP: what is asked, what is told of the answer, and what of an answer that is none."""

import asyncio
import json
from collections.abc import Iterator
from itertools import count

import httpx
import pytest
import respx

from replenisher.live.http_price import BYTES_MAX, HttpPrice, NoPrice, price_in
from replenisher.model.event import PriceFailed, PriceTold
from tests.waiting import DEADLINE_S

URL = "https://prices.example/btc"
Told = list[PriceTold | PriceFailed]


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock as router:
        yield router


def heard(answers: int, *, poll_s: float = 0.0, timeout_s: float = 5.0) -> Told:
    """What is told until so many facts were."""

    async def listen() -> Told:
        told: Told = []
        enough = asyncio.Event()

        def tell(fact: PriceTold | PriceFailed) -> None:
            told.append(fact)
            if len(told) >= answers:
                enough.set()

        clock = count(1_000)
        source = HttpPrice(name="desk", url=URL, field="result.price", poll_s=poll_s, timeout_s=timeout_s)
        watching = asyncio.create_task(source.watch(tell, lambda: next(clock)))
        async with asyncio.timeout(DEADLINE_S):
            await enough.wait()
        watching.cancel()
        return told[:answers]

    return asyncio.run(listen())


def answer(price: object) -> httpx.Response:
    return httpx.Response(200, json={"result": {"price": price}})


def test_a_price_is_told_with_the_time_at_which_it_was_asked_for(wire: respx.MockRouter) -> None:
    wire.get(URL).mock(side_effect=[answer(60_000.5), answer("60001.25"), *[answer(1)] * 100])

    first, second = heard(2)

    assert isinstance(first, PriceTold)
    assert isinstance(second, PriceTold)
    assert (first.source, first.price, second.price) == ("desk", 60_000.5, 60_001.25)
    assert first.asked_at < first.at < second.asked_at


def test_a_failure_is_told_once_until_there_is_a_price_again(wire: respx.MockRouter) -> None:
    busy, gone = httpx.Response(503), httpx.ConnectError("no route")
    wire.get(URL).mock(side_effect=[busy, busy, gone, answer(5), busy, *[answer(6)] * 100])

    told = heard(5)

    assert [fact.reason if isinstance(fact, PriceFailed) else fact.price for fact in told] == [
        "it answers 503",
        "it cannot be reached: no route",
        5.0,
        "it answers 503",
        6.0,
    ]


def test_what_is_asked_for_once_an_hour_is_asked_for_again_soon_after_a_failure(wire: respx.MockRouter) -> None:
    wire.get(URL).mock(side_effect=[httpx.Response(503), answer(5)])

    failed, told = heard(2, poll_s=3600)

    assert isinstance(failed, PriceFailed)
    assert isinstance(told, PriceTold)


def test_nobody_is_waited_for_longer_than_was_said(wire: respx.MockRouter) -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")

    wire.get(URL).mock(side_effect=never)

    (failed,) = heard(1, timeout_s=0.05)

    assert isinstance(failed, PriceFailed)
    assert failed.reason == "no answer in 0.05 s"


def test_nobody_is_followed_elsewhere_and_no_endless_answer_is_read(wire: respx.MockRouter) -> None:
    elsewhere = httpx.Response(302, headers={"Location": "https://elsewhere.example"})
    wire.get(URL).mock(side_effect=[elsewhere, *[httpx.Response(200, content=b" " * (BYTES_MAX + 1))] * 100])

    told = heard(2)

    assert [fact.reason for fact in told if isinstance(fact, PriceFailed)] == [
        "it answers 302",
        f"its answer is longer than {BYTES_MAX} bytes",
    ]


@pytest.mark.parametrize(
    ("body", "field", "price"),
    [
        ({"a": {"b": 1.5}}, "a.b", 1.5),
        ({"a": [{"b": "0.00012"}]}, "a.0.b", 0.00012),
        ([["x", 7]], "0.1", 7.0),
    ],
)
def test_a_price_is_where_the_field_says(body: object, field: str, price: float) -> None:
    assert price_in(json.dumps(body).encode(), field) == price


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "its answer is no JSON"),
        (b"\xff\xfe", "its answer is no JSON"),
        (b"", "its answer is no JSON"),
        (b"[" * 100_000, "its answer is no JSON"),
        (b"{}", "its answer has no a.b"),
        (b'{"a": [1]}', "its answer has no a.b"),
        (b'{"a": {"b": null}}', "its a.b is no price: 'None'"),
        (b'{"a": {"b": true}}', "its a.b is no price: 'True'"),
        (b'{"a": {"b": "NaN"}}', "its a.b is no price: 'NaN'"),
        (b'{"a": {"b": "Infinity"}}', "its a.b is no price: 'Infinity'"),
        (b'{"a": {"b": 1e999}}', "its answer is no JSON"),
        (b'{"a": {"b": "1e999"}}', "its a.b is no price: '1e999'"),
        (b'{"a": {"b": 0}}', "its a.b is no price: '0'"),
        (b'{"a": {"b": -3}}', "its a.b is no price: '-3'"),
        (b'{"a": {"b": "sixty"}}', "its a.b is no price: 'sixty'"),
        (b'{"a": {"b": [1, 2]}}', "its a.b is no price: '[1, 2]'"),
    ],
)
def test_rubbish_is_no_price(body: bytes, reason: str) -> None:
    with pytest.raises(NoPrice) as refusal:
        price_in(body, "a.b")

    assert str(refusal.value) == reason

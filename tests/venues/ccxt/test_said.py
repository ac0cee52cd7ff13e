"""An exchange's own error, in each one's shape, as one short line for people."""

import json
from typing import Any

import pytest

from replenisher.venues.ccxt.calls import Failure
from replenisher.venues.ccxt.said import SHOWN_MAX, said


@pytest.mark.parametrize(
    ("exchange", "answer", "line"),
    [
        (
            "deribit",
            {"jsonrpc": "2.0", "error": {"code": 13021, "message": "forbidden"}, "usIn": 1, "usOut": 2, "usDiff": 1},
            "13021 forbidden",
        ),
        (
            "deribit",
            {"error": {"code": -32602, "message": "Invalid params", "data": {"reason": "unknown", "param": "tick"}}},
            "-32602 Invalid params, unknown, tick",
        ),
        ("binance", {"code": -2010, "msg": "Filter failure: LOT_SIZE"}, "-2010 Filter failure: LOT_SIZE"),
        (
            "okx",
            {"code": "1", "data": [{"sCode": "51008", "sMsg": "Insufficient USDT"}], "msg": "All operations failed"},
            "51008 Insufficient USDT, All operations failed",
        ),
        ("bybit", {"retCode": 10003, "retMsg": "API key is invalid.", "result": {}}, "10003 API key is invalid."),
        ("gate", {"label": "INVALID_KEY", "message": "Invalid key provided"}, "INVALID_KEY Invalid key provided"),
        ("kraken", {"error": ["EOrder:Insufficient funds"], "result": None}, "EOrder:Insufficient funds"),
        (
            "whitebit",
            {"code": 32, "message": "Validation failed", "errors": {"amount": ["Min amount step = 0.01"]}},
            "32 Validation failed, Min amount step = 0.01",
        ),
        (
            "gemini",
            {"result": "error", "reason": "InvalidNonce", "message": "not in time"},
            "InvalidNonce, not in time",
        ),
    ],
)
def test_of_an_answer_the_code_and_the_words_are_told(exchange: str, answer: dict[str, Any], line: str) -> None:
    assert said(f"{exchange} {json.dumps(answer)}") == line


@pytest.mark.parametrize(
    "text",
    [
        "kraken requires `apiKey` credential",
        "it waited in the queue of ccxt's rate limit until it was too late",
        'okx {"code":"1","data":[{"sCode":"510',  # an answer that did not come whole
        "bybit {}",
        "",
    ],
)
def test_what_is_no_answer_is_told_as_it_is(text: str) -> None:
    assert said(text) == text


def test_what_is_long_is_cut_between_two_words() -> None:
    line = said("a page of " + "words " * 100)

    assert len(line) <= SHOWN_MAX + len(" ...")
    assert line.endswith("words ...")


def test_a_failure_shows_its_class_and_keeps_the_whole_text_for_whoever_reads_codes() -> None:
    text = 'deribit {"error":{"code":13004,"message":"invalid_credentials"}}'
    failure = Failure("AuthenticationError", text)

    assert str(failure) == "AuthenticationError: 13004 invalid_credentials"
    assert failure.message == text

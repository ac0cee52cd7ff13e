"""What a failure proves: every recorded error through ccxt's own mapping, and every class of ccxt's by name."""

import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import ccxt
import pytest

from replenisher.model.event import NotSent, OrderRejected, OutcomeUnknown, RejectReason, RequestRejected
from replenisher.model.order import Request
from replenisher.venues.ccxt import errors
from replenisher.venues.ccxt.calls import Failure
from replenisher.venues.ccxt.errors import Outcome, verdict
from tests.venues.ccxt.outcomes import BY_CODE, BY_WORDS, expected

Recordings = Callable[[str], Path]
Row = dict[str, Any]
PLACE, CANCEL = Request.PLACE, Request.CANCEL

# Binance's errors have other classes on other hosts: this is the spot exchange's, whose list was recorded.
ADDRESSES = {
    "binance": "https://api.binance.com/api/v3/order",
    "binanceusdm": "https://fapi.binance.com/fapi/v1/order",
    "deribit": "https://www.deribit.com/api/v2/private/buy",
}


def rows(recordings: Recordings) -> list[Row]:
    path = recordings("ccxt_unified/error_to_exception.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def body_of(row: Row) -> str:
    """The exchange's answer, as its own documentation writes it."""
    if row["exchange"] == "deribit":
        return json.dumps({"jsonrpc": "2.0", "error": {"code": row["code"], "message": row["message"]}})
    return json.dumps({"code": row["code"], "msg": row["msg"]})


def raised_by_ccxt(row: Row) -> Failure:
    """What ccxt makes of that answer."""
    return ccxts(row["exchange"], json.loads(body_of(row)))


def ccxts(exchange: str, answer: dict[str, Any]) -> Failure:
    """The same of any answer."""
    client, body = _object_of(exchange), json.dumps(answer)
    address = ADDRESSES.get(exchange, "https://x/y")
    with pytest.raises(ccxt.BaseError) as caught:
        client.handle_errors(400, "Bad Request", address, "POST", {}, body, answer, {}, "")
    return Failure(type(caught.value).__name__, str(caught.value))


@cache
def _object_of(exchange: str) -> Any:
    return getattr(ccxt, exchange)()


def as_recorded(row: Row) -> Failure:
    return Failure(row["ccxt_exception"], f"{row['exchange']} {body_of(row)}")


def test_every_recorded_error_comes_to_what_is_written_down_for_it(recordings: Recordings) -> None:
    outcomes: Counter[tuple[str, Outcome]] = Counter()
    for row in rows(recordings):
        for failure in (raised_by_ccxt(row), as_recorded(row)):
            for request in (PLACE, CANCEL):
                assert verdict(row["exchange"], failure, request) == expected(row, request), (row, request)
        outcomes[row["exchange"], expected(row, CANCEL).outcome] += 1

    assert outcomes == {
        ("deribit", Outcome.REJECTED): 90,
        ("deribit", Outcome.LATER): 12,
        ("deribit", Outcome.UNKNOWN): 50,
        ("binance", Outcome.REJECTED): 90,
        ("binance", Outcome.LATER): 3,
        ("binance", Outcome.UNKNOWN): 65,
    }


def test_a_code_is_written_down_once_and_every_word_that_decides_was_recorded(recordings: Recordings) -> None:
    recorded = rows(recordings)
    said = [(row["exchange"], row["code"], row.get("message") or row["msg"]) for row in recorded]

    for (exchange, code), by_words in BY_WORDS.items():
        assert all(any(each[:2] == (exchange, code) and words in each[2] for each in said) for words in by_words)
    for exchange, by_code in BY_CODE.items():
        written = [code for codes in by_code.values() for code in codes]
        assert len(written) == len(set(written)), exchange


def test_the_installed_ccxt_raises_the_class_that_was_recorded(recordings: Recordings) -> None:
    recorded = rows(recordings)
    others = [row for row in recorded if raised_by_ccxt(row).kind != row["ccxt_exception"]]

    assert len(recorded) == 310
    assert others == []


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (-2010, "Order would immediately match and take.", RejectReason.POST_ONLY),
        (-2010, "Account has insufficient balance for requested action.", RejectReason.FUNDS),
        (-2010, "Market is closed.", RejectReason.HALTED),
        (-2010, "This symbol is restricted for this account.", RejectReason.OTHER),
        (-1013, "Filter failure: LOT_SIZE", RejectReason.SIZE),
        (-1013, "Filter failure: NOTIONAL", RejectReason.SIZE),
        (-1013, "Filter failure: PERCENT_PRICE", RejectReason.PRICE),
        (-1021, "Timestamp for this request is outside of the recvWindow.", RejectReason.TOO_LATE),
        (-2014, "API-key format invalid.", RejectReason.PERMISSION),
        (-2015, "Invalid API-key, IP, or permissions for action.", RejectReason.PERMISSION),
        (-1003, "Too many requests queued.", RejectReason.RATE),
        (-2010, "Duplicate order sent.", None),  # an order of this name is there: it may be the one we asked for
    ],
)
def test_what_binance_says_decides_how_long_we_wait(code: int, text: str, reason: RejectReason | None) -> None:
    failure = raised_by_ccxt({"exchange": "binance", "code": code, "msg": text})

    assert verdict("binance", failure, PLACE).reason is reason


@pytest.mark.parametrize(
    ("exchange", "answer"),
    [
        ("binance", {"code": -5041, "msg": "Time out for too many requests from this account queueing."}),
        ("bybit", {"retCode": 170035, "retMsg": "Submitted to the system for processing!"}),
        ("bybit", {"retCode": 170146, "retMsg": "Order creation timeout"}),
        ("bybit", {"retCode": 170146, "retMsg": ""}),
        ("bybiteu", {"retCode": 170147, "retMsg": "Order cancellation timeout"}),
        ("kucoin", {"code": "408000", "msg": "Network timeout, please try again later"}),
        ("kucoin", {"code": "400100", "msg": "the order timed out"}),
        ("bitget", {"code": "40010", "msg": "Request timed out"}),
        ("bitget", {"code": "40010", "msg": ""}),
        ("bitget", {"code": "40009", "msg": "the gateway timed out"}),  # whatever class ccxt has for the code
        ("bingx", {"code": 80012, "msg": "service unavailable"}),
        ("bingx", {"code": 80001, "msg": "request failed"}),
        ("bingx", {"code": 100202, "msg": "The service is temporarily unavailable"}),
        ("mexc", {"code": 513, "msg": "the system is busy"}),
        # A name that is there already may be that of the very order.
        ("mexc", {"code": 603, "msg": "Repeated request"}),
        ("gate", {"label": "REPEATED_CREATION", "message": ""}),
        ("okx", {"code": "51016", "msg": "Client order ID already exists."}),
        ("poloniex", {"code": 21312, "message": "Client orderId already exists"}),
        ("bybit", {"retCode": 30001, "retMsg": "order_link_id is repeated"}),
    ],
)
def test_what_ccxt_calls_a_refusal_though_the_order_may_rest_is_unknown(exchange: str, answer: dict[str, Any]) -> None:
    for request in (PLACE, CANCEL):
        assert verdict(exchange, ccxts(exchange, answer), request).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("kind", ["AuthenticationError", "DDoSProtection"])
@pytest.mark.parametrize("code", [-2014, -2015])
def test_a_key_that_binance_refuses_is_no_ban_for_a_while_whatever_class_ccxt_has_for_it(kind: str, code: int) -> None:
    failure = Failure(kind, f'binanceusdm {{"code":{code},"msg":"Invalid API-key, IP, or permissions for action."}}')

    assert errors.refuses_key("binanceusdm", failure)
    assert errors.concerns_all("binanceusdm", failure)
    assert verdict("binanceusdm", failure, PLACE).reason is RejectReason.PERMISSION


def test_an_account_that_binance_restricts_for_minutes_has_a_good_key() -> None:
    failure = ccxts("binanceusdm", {"code": -4400, "msg": "Futures Trading Quantitative Rules violated"})

    assert failure.kind == "PermissionDenied"
    assert verdict("binanceusdm", failure, PLACE) == errors.Verdict(Outcome.LATER, RejectReason.HALTED)
    assert not errors.refuses_key("binanceusdm", failure)


def test_a_limit_of_the_account_is_no_refused_key() -> None:
    failure = Failure("PermissionDenied", 'deribit {"error":{"code":10013,"message":"pme_max_total_open_orders"}}')

    assert not errors.refuses_key("deribit", failure)
    assert verdict("deribit", failure, PLACE).reason is RejectReason.SIZE


def test_a_request_that_gate_calls_expired_was_late_and_its_key_is_good() -> None:
    failure = ccxts("gate", {"label": "REQUEST_EXPIRED", "message": "gap between request Timestamp and server time"})

    assert failure.kind == "AuthenticationError"
    assert verdict("gate", failure, PLACE).reason is RejectReason.TOO_LATE


def test_an_order_that_kraken_does_not_know_is_not_open() -> None:
    failure = ccxts("kraken", {"error": ["EOrder:Unknown order"], "result": None})

    assert failure.kind == "InvalidOrder"
    assert verdict("kraken", failure, CANCEL).reason is RejectReason.NOT_OPEN
    assert verdict("kraken", failure, PLACE).outcome is Outcome.UNKNOWN


def test_every_class_of_ccxt_is_decided_and_no_parent_is_surer_than_its_meaning() -> None:
    classes = {name for name, value in vars(import_module("ccxt.base.errors")).items() if isinstance(value, type)}
    proven = {name for name in classes if verdict("kraken", Failure(name, "text"), CANCEL).reason}

    assert set(errors.REFUSALS) <= classes
    assert classes - proven == {
        "BaseError",
        "ExchangeError",  # "some code we have no class for"
        "OperationFailed",
        "NetworkError",
        "RequestTimeout",
        "ExchangeNotAvailable",
        "OnMaintenance",
        "BadResponse",
        "NullResponse",
        "CancelPending",
        "ChecksumError",
        "DuplicateOrderId",  # of this name there is an order: perhaps the very one
        "OrderNotCached",
        "ExchangeClosedByUser",
        "UnsubscribeError",
    }


@pytest.mark.parametrize("kind", ["KeyError", "TypeError", "ClientPayloadError", "JSONDecodeError"])
def test_an_exception_that_is_not_ccxts_own_proves_nothing(kind: str) -> None:
    assert verdict("kraken", Failure(kind, "'id'"), PLACE).outcome is Outcome.UNKNOWN


def test_not_found_is_no_answer_to_a_place() -> None:
    failure = Failure("OrderNotFound", "no such order")

    assert verdict("kraken", failure, PLACE).outcome is Outcome.UNKNOWN
    assert verdict("kraken", failure, CANCEL).reason is RejectReason.NOT_OPEN


def test_a_failure_becomes_the_fact_that_it_proves() -> None:
    def told(kind: str, request: Request, *, was_sent: bool = True) -> object:
        return errors.failed("kraken", Failure(kind, "text", was_sent), "abc1", request, 7)

    assert isinstance(told("InsufficientFunds", PLACE), OrderRejected)
    assert isinstance(told("RateLimitExceeded", PLACE), OrderRejected)
    assert isinstance(told("OrderNotFound", CANCEL), RequestRejected)
    assert isinstance(told("RequestTimeout", PLACE), OutcomeUnknown)
    assert isinstance(told("NetworkError", CANCEL), OutcomeUnknown)
    assert told("NotSentInTime", PLACE, was_sent=False) == NotSent(at=7, order_id="abc1", request=PLACE)

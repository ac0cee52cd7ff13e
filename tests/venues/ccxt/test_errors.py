"""What a failure proves: every recorded error through ccxt's own mapping, and every class of ccxt's by name."""

import json
from collections import Counter
from collections.abc import Callable
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
from replenisher.venues.deribit.refusals import REJECTIONS

Recordings = Callable[[str], Path]
Row = dict[str, Any]
PLACE, CANCEL = Request.PLACE, Request.CANCEL

# By the venues' own words, or because they say nothing of the kind, the request may have been executed.
AMBIGUOUS = {
    "deribit": {10001, 11031, 11094, 13008, 13028},
    "binance": {-1000, -1001, -1006, -1007, -1008, -1016, -2021, -2022},
}
NOT_EXECUTED_NOW = {"deribit": {10028, 10040, 10041, 10047, 10066, 11051, 13503}, "binance": {-1003, -1015}}


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
    client, body = getattr(ccxt, exchange)(), json.dumps(answer)
    with pytest.raises(ccxt.BaseError) as caught:
        client.handle_errors(400, "Bad Request", "https://x/y", "POST", {}, body, answer, {}, "")
    return Failure(type(caught.value).__name__, str(caught.value))


def as_recorded(row: Row) -> Failure:
    return Failure(row["ccxt_exception"], f"{row['exchange']} {body_of(row)}")


def test_every_recorded_error_has_one_outcome_and_those_that_prove_nothing_are_unknown(recordings: Recordings) -> None:
    outcomes: Counter[Outcome] = Counter()
    for row in rows(recordings):
        exchange, code = row["exchange"], row["code"]
        for failure in (as_recorded(row), raised_by_ccxt(row)):
            told = verdict(exchange, failure, PLACE)

            assert (told.outcome is Outcome.UNKNOWN) == (told.reason is None), row
            if code in AMBIGUOUS[exchange]:
                assert told.outcome is Outcome.UNKNOWN, row
            elif code in NOT_EXECUTED_NOW[exchange]:
                assert told.outcome is Outcome.LATER, row
        outcomes[told.outcome] += 1

    assert sum(outcomes.values()) == 310
    assert min(outcomes[outcome] for outcome in Outcome) >= 8, outcomes


def test_a_code_of_deribit_means_the_same_through_ccxt_as_on_its_own_wire(recordings: Recordings) -> None:
    for row in rows(recordings):
        if row["exchange"] != "deribit":
            continue
        reason = REJECTIONS.get(row["code"])
        told = verdict("deribit", raised_by_ccxt(row), CANCEL).reason

        assert told is reason, row


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
    ],
)
def test_what_ccxt_calls_a_refusal_though_the_order_may_rest_is_unknown(exchange: str, answer: dict[str, Any]) -> None:
    for request in (PLACE, CANCEL):
        assert verdict(exchange, ccxts(exchange, answer), request).outcome is Outcome.UNKNOWN


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

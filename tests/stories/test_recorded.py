"""A desk on a recorded market: the tape plays to its end, and every fill of ours names the trade that caused it."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.stories.desk import REPLAY, Desk, Ended, Record, fills, resting
from tests.waiting import LIFE_S

TAPE = "binance_l2/usdm_btcusdt_20240808.jsonl.gz"
CUT_LINES = 8_000  # about half a minute of the market
TRADES = b'"btcusdt@trade"'

Recordings = Callable[[str], Path]


class Print(NamedTuple):
    """A trade between others, as the tape has it."""

    price: Decimal
    quantity: Decimal
    is_sell: bool  # the taker's side


def cut(tape: Path, to: Path, *, without: bytes = b"\0") -> Path:
    """The beginning of a tape, without one kind of message."""
    with gzip.open(tape, "rb") as lines, gzip.open(to, "wb", compresslevel=1) as kept:
        kept.writelines(line for line in islice(lines, CUT_LINES) if without not in line)
    return to


def prints(tape: Path) -> dict[str, Print]:
    """The trades of a tape by their ids."""
    with gzip.open(tape, "rb") as lines:
        told = [json.loads(line.partition(b" ")[2])["data"] for line in lines if TRADES in line]
    return {str(each["t"]): Print(Decimal(each["p"]), Decimal(each["q"]), each["m"]) for each in told}


def assert_tape_allows(ledger: list[Record], tape: Path) -> None:
    """Every passive fill names a trade that would have met us, and nobody was given more than was traded."""
    told = prints(tape)
    given: Counter[str] = Counter()
    for fill in fills(ledger):
        assert fill["liquidity"] == "M"
        cause = fill["cause"]
        by = told[cause["trade_id"]]
        assert (Decimal(cause["price"]), Decimal(cause["amount"])) == (by.price, by.quantity)
        price = Decimal(fill["price"])
        assert by.is_sell == (fill["side"] == "buy")
        assert by.price <= price if by.is_sell else by.price >= price
        given[cause["trade_id"]] += Decimal(fill["amount"])
    assert all(amount <= told[trade_id].quantity for trade_id, amount in given.items())


def play(room: Path, tape: Path, *, speed: float) -> tuple[Desk, Ended]:
    """The recorded market of the shipped configuration, to the end of the tape."""
    desk = Desk(room, REPLAY)
    return desk, desk.run("--tape", tape, "--speed", str(speed), timeout_s=LIFE_S)


def assert_played_to_its_end(desk: Desk, ended: Ended, tape: Path) -> None:
    """Fills and refills that the tape allows, a verified end, and two books that agree."""
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.summary["fills"] > 0
    assert ended.summary["refills"] > 0
    assert ended.summary["stop"] == {"reason": "the market has closed", "verdict": "flat", "left": []}
    assert_tape_allows(desk.ledger(), tape)
    assert desk.assert_books_agree()["fills"] == ended.summary["fills"]
    assert resting(desk.ledger()) == set()
    assert desk.exchange_is_gone()


# The whole tape at the speed that the README names is in tests/long.
@pytest.mark.parametrize(("speed", "is_whole"), [(10, False), (20, True)], ids=["its beginning", "the whole of it"])
def test_a_tape_plays_to_its_end_with_fills_and_refills(
    recordings: Recordings, tmp_path: Path, speed: float, is_whole: bool
) -> None:
    tape = recordings(TAPE) if is_whole else cut(recordings(TAPE), tmp_path / "cut.jsonl.gz")

    desk, ended = play(tmp_path / "desk", tape, speed=speed)

    assert_played_to_its_end(desk, ended, tape)


def test_a_tape_without_trades_fills_nobody(recordings: Recordings, tmp_path: Path) -> None:
    tape = cut(recordings(TAPE), tmp_path / "silent.jsonl.gz", without=TRADES)

    desk, ended = play(tmp_path / "desk", tape, speed=10)

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.summary["orders"] > 0
    assert ended.summary["fills"] == 0
    assert fills(desk.ledger()) == []


def test_a_second_tape_continues_the_books_of_the_first(recordings: Recordings, tmp_path: Path) -> None:
    tape = cut(recordings(TAPE), tmp_path / "cut.jsonl.gz")
    desk, first = play(tmp_path / "desk", tape, speed=15)

    second = desk.run("--tape", tape, "--speed", "15")

    assert (first.code, first.stderr) == (second.code, second.stderr) == (0, "")
    assert second.summary["fills"] > 0
    findings = desk.assert_books_agree()
    assert findings["fills"] == first.summary["fills"] + second.summary["fills"]

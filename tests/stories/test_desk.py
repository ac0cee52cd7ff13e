"""What every story rests on: a wait that asks no more than it has to, and that ends when the process does."""

from pathlib import Path

import pytest

from tests.stories.desk import Desk


def test_what_has_come_true_while_a_process_runs_is_not_asked_again(tmp_path: Path) -> None:
    answers = iter([False, True, False])
    with Desk(tmp_path).running("exchange", "--port", "0") as exchange:
        exchange.until("the second answer", lambda: next(answers))

    assert list(answers) == [False]


def test_a_wait_ends_with_the_process_and_says_how_that_ended(tmp_path: Path) -> None:
    with Desk(tmp_path).running("exchange", "--port", "nowhere") as exchange, pytest.raises(AssertionError) as told:
        exchange.until("it listens", lambda: False)

    assert "ended while waiting until it listens: Ended(code=2," in str(told.value)
    assert "Invalid value for '--port'" in str(told.value)


def test_a_line_that_is_not_written_to_its_end_is_not_read_yet(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.data.mkdir()
    desk.ledger_file.write_bytes('{"label": "…"}\n{"label": "…'.encode()[:-1])

    assert desk.ledger() == [{"label": "…"}]

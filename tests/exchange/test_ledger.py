"""The ledger keeps every finished line, cuts a torn one, and never guesses about a damaged one."""

from decimal import Decimal

import pytest

from replenisher.errors import ConfigurationError
from replenisher.exchange.ledger import BOOKS, Deposit, Ledger, Opened, read_ledger


def written() -> bytes:
    pieces: list[bytes] = []
    ledger = Ledger(pieces.append)
    ledger.write(Opened(exchange_id="00112233aabbccdd", at=1, seed=7, market="synthetic", life=1, books=BOOKS))
    ledger.write(Deposit(account="main", currency="BTC", amount=Decimal("10.00000001"), at=1))
    ledger.flush()
    ledger.flush()
    (piece,) = pieces
    return piece


def test_what_was_done_at_once_is_appended_in_one_piece_and_reads_back_the_same() -> None:
    past = read_ledger(written())

    assert past.records == (
        Opened(exchange_id="00112233aabbccdd", at=1, seed=7, market="synthetic", life=1, books=BOOKS),
        Deposit(account="main", currency="BTC", amount=Decimal("10.00000001"), at=1),
    )
    assert past.kept_bytes == len(written())


def test_numbers_are_text_and_times_are_integers() -> None:
    assert b'{"type":"deposit","account":"main","currency":"BTC","amount":"10.00000001","at":1}\n' in written()


@pytest.mark.parametrize("torn", [1, 5, 40, 80])
def test_a_torn_last_line_is_left_out_and_the_rest_is_kept(torn: int) -> None:
    whole = written()
    first_line = whole.index(b"\n") + 1

    past = read_ledger(whole[: max(len(whole) - torn, first_line)])

    assert len(past.records) == 1
    assert past.kept_bytes == first_line


def test_no_ledger_is_no_past() -> None:
    assert read_ledger(b"").records == ()


@pytest.mark.parametrize(
    "damage",
    [
        b"\0\0\0\0\0\n",
        b"\n",
        b'{"type":"deposit","account":"main"}\n',
        b'{"type":"gift","account":"main","currency":"BTC","amount":"1","at":1}\n',
        b'{"type":"deposit","account":"main","currency":"BTC","amount":"ten","at":1}\n',
        b'{"type":"deposit","account":"main","currency":"\xff","amount":"1","at":1}\n',
    ],
)
def test_a_damaged_line_is_named_by_its_number(damage: bytes) -> None:
    first, second = written().splitlines(keepends=True)

    with pytest.raises(ConfigurationError, match="line 2"):
        read_ledger(first + damage + second)


def test_a_file_that_is_no_ledger_is_refused_at_its_first_line() -> None:
    with pytest.raises(ConfigurationError, match="line 1"):
        read_ledger(written().splitlines(keepends=True)[1])


def test_a_ledger_whose_fills_paid_their_profit_at_once_is_not_gone_on_with() -> None:
    first = b'{"type":"opened","exchange_id":"00112233aabbccdd","at":1,"seed":7,"market":"synthetic","life":1}\n'

    with pytest.raises(ConfigurationError, match=r"paid profit at each fill.*--fresh"):
        read_ledger(first)

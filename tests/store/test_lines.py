"""A tape is read line by line, and a damaged one is refused with one sentence."""

import gzip
from pathlib import Path

import pytest

from replenisher.errors import ConfigurationError
from replenisher.store.tape import lines as tape

LINES = [f'{1723161255030314667 + n} {{"stream":"btcusdt@trade","data":{{"t":{n}}}}}\n'.encode() for n in range(2000)]


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    path = tmp_path / "whole.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(LINES)))
    return path


def test_lines_come_out_as_they_were_received(zipped: Path) -> None:
    lines = list(tape.read(zipped))

    assert [line.number for line in lines] == list(range(1, 2001))
    assert lines[7] == tape.TapeLine(zipped, 8, 1723161255030314674, b'{"stream":"btcusdt@trade","data":{"t":7}}\n')


def test_a_plain_file_and_a_gzip_file_read_the_same(zipped: Path, tmp_path: Path) -> None:
    plain = tmp_path / "whole.jsonl"
    plain.write_bytes(b"".join(LINES))

    assert [line[1:] for line in tape.read(plain)] == [line[1:] for line in tape.read(zipped)]


@pytest.mark.parametrize("is_packed", [False, True])
def test_it_is_told_which_share_of_the_file_has_been_read(is_packed: bool, tmp_path: Path) -> None:
    path, whole = tmp_path / "long.jsonl", b"".join(LINES * 10)
    path.write_bytes(gzip.compress(whole) if is_packed else whole)
    told: list[float] = []

    read = list(tape.read(path, told.append))

    assert len(told) == len(read) // tape.SAYS_EVERY == 20
    assert told == sorted(told)
    assert 0 < told[0] < 0.5 < told[-2] <= told[-1] <= 1


def test_reading_is_lazy_so_a_fault_further_on_does_not_hide_the_lines_before_it(tmp_path: Path) -> None:
    path = tmp_path / "late_fault.jsonl"
    path.write_bytes(b"".join(LINES[:3]) + b"nonsense\n")
    lines = tape.read(path)

    assert [next(lines).number for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ConfigurationError, match="line 4"):
        next(lines)


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_gzip_file_that_is_cut_off_is_refused(zipped: Path, tmp_path: Path, kept: float) -> None:
    path = tmp_path / "cut.jsonl.gz"
    whole = zipped.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(ConfigurationError) as refusal:
        list(tape.read(path))

    sentence = str(refusal.value)
    assert sentence.startswith(f"tape {path}, line ") and "cut off or corrupt" in sentence and "\n" not in sentence
    assert refusal.value.exit_code == 78


def test_a_gzip_file_with_a_flipped_byte_is_refused(zipped: Path, tmp_path: Path) -> None:
    path = tmp_path / "flipped.jsonl.gz"
    damaged = bytearray(zipped.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(bytes(damaged))

    with pytest.raises(ConfigurationError, match="line "):
        list(tape.read(path))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"\n", "does not begin with a time"),
        (b'{"stream":"btcusdt@trade"}\n', "does not begin with a time"),
        (b'17231612x {"stream":"btcusdt@trade"}\n', "does not begin with a time"),
        (b'1723161255030314667 {"stream":"btcusdt@tra', "cut off"),
    ],
)
def test_a_line_that_is_none_is_refused_by_number(tmp_path: Path, line: bytes, complaint: str) -> None:
    path = tmp_path / "one_bad_line.jsonl"
    path.write_bytes(b"".join(LINES[:4]) + line)

    with pytest.raises(ConfigurationError, match=complaint) as refusal:
        list(tape.read(path))

    assert str(refusal.value).startswith(f"tape {path}, line 5: ")


def test_a_tape_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.jsonl: cannot be read \(No such file"):
        list(tape.read(tmp_path / "nowhere.jsonl"))


def test_a_folder_is_not_a_tape(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(tape.read(tmp_path))


def test_an_empty_tape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.touch()

    with pytest.raises(ConfigurationError, match="nothing on it"):
        list(tape.read(path))

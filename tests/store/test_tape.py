"""A tape gives back what was written, wherever its recorder died; and damage is named with its place."""

import errno
import gzip
import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replenisher.core.book import Book
from replenisher.errors import ConfigurationError, Taken
from replenisher.model.event import BookChanged, BookSnapshot, FeedLost, InstrumentDefined
from replenisher.model.units import SECOND_NS
from replenisher.store.tape.blocks import HEAD_BYTES, MAGIC, TapeFact, encoded
from replenisher.store.tape.reader import Tape
from replenisher.store.tape.writer import BLOCK_BYTES, KEY_NS, TapeWriter
from tests.store import tapes
from tests.store.tapes import KEY, START, change, instrument, market, written

ONE_ROOM = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path) -> list[TapeFact]:
    return list(Tape(path).facts())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "market.tape"


# --- What is written is read -------------------------------------------------------------------------------------


@ONE_ROOM
@given(st.lists(tapes.facts, max_size=40))
def test_any_facts_come_back_as_they_were_in_their_order(path: Path, facts: list[TapeFact]) -> None:
    assert read(written(path, facts)) == facts


@ONE_ROOM
@given(st.lists(st.lists(tapes.facts, max_size=10), min_size=1, max_size=4))
def test_facts_come_back_however_often_they_were_brought_to_the_tape(path: Path, parts: list[list[TapeFact]]) -> None:
    path.unlink(missing_ok=True)
    writer = TapeWriter.create(path)
    for part in parts:
        for fact in part:
            writer.write(fact)
        writer.flush()
    writer.close()

    assert read(path) == [fact for part in parts for fact in part]


def test_a_fact_is_written_as_the_documentation_says() -> None:
    """Tapes outlive the program: a name that changes here makes those of yesterday unreadable."""
    assert encoded(change(7, bids=((100, 5),))) == (
        b"\x86\xa4type\xabBookChanged\xa2at\x07\xaainstrument\xb5deribit/BTC-PERPETUAL\xaavenue_time\x07"
        b"\xa4bids\x91\x92\x64\x05\xa4asks\x90"
    )


def test_a_block_is_closed_when_it_is_large_or_old(path: Path) -> None:
    tape = Tape(written(path, market(60)))

    assert len(tape.heads) > 5
    assert all(head.last_at - head.first_at <= 5 * SECOND_NS for head in tape.heads)
    many = [change(START, bids=tuple((price, 1) for price in range(1, 500)))] * 200
    heads = Tape(written(path, many)).heads
    size = len(encoded(many[0]))
    assert all(head.facts * size < BLOCK_BYTES + size for head in heads)


def test_a_tape_is_smaller_than_what_it_says(path: Path) -> None:
    facts = market(120)

    assert written(path, facts).stat().st_size < sum(len(encoded(fact)) for fact in facts) / 3


# --- A time is found ---------------------------------------------------------------------------------------------


def book_after(facts: Iterable[TapeFact]) -> tuple[dict[int, int], dict[int, int]]:
    """What the engine's own book makes of these facts."""
    book = Book()
    for fact in facts:
        match fact:
            case BookSnapshot():
                book.replace(fact.bids, fact.asks, fact.venue_time, fact.at)
            case BookChanged():
                book.change(fact.bids, fact.asks, fact.venue_time, fact.at)
            case FeedLost():
                book.lose(fact.reason)
            case _:
                pass
    return book.bids.quantities, book.asks.quantities


@pytest.mark.parametrize("second", [0, 1, 59, 60, 61, 119, 155, 199])
def test_reading_from_a_time_tells_first_what_stood_then(path: Path, second: int) -> None:
    facts = market(200)
    since = START + second * SECOND_NS + 1
    later = [fact for fact in facts if fact.at >= since]

    told = list(Tape(written(path, facts)).facts(since))

    assert isinstance(told[0], InstrumentDefined) and isinstance(told[1], BookSnapshot)
    assert told[2:] == later
    assert {fact.at for fact in told[:2]} == {since}
    assert book_after(told[:2]) == book_after(fact for fact in facts if fact.at < since)


def test_a_time_is_found_without_reading_what_is_before_it(path: Path) -> None:
    """Everything before the key is made unreadable: whoever reads it nevertheless is refused."""
    tape = Tape(written(path, market(200)))
    since = START + 190 * SECOND_NS
    expected = list(tape.facts(since))
    key = max(head.offset for head in tape.heads if head.standing and head.first_at <= since)
    damaged = bytearray(path.read_bytes())
    for head in tape.heads:
        if head.offset < key:
            damaged[head.offset + HEAD_BYTES] ^= 0xFF
    path.write_bytes(damaged)

    assert list(Tape(path).facts(since)) == expected
    with pytest.raises(ConfigurationError, match="byte 8: "):
        list(Tape(path).facts())


def test_a_key_stands_in_every_minute(path: Path) -> None:
    keys = [head.first_at for head in Tape(written(path, market(300))).heads if head.standing]

    assert len(keys) == 5
    assert all(after - before < KEY_NS + 6 * SECOND_NS for before, after in pairwise([START, *keys]))


def test_a_time_after_the_end_is_what_stood_at_the_end(path: Path) -> None:
    told = list(Tape(written(path, market(3))).facts(START + 4 * SECOND_NS))

    assert [type(fact) for fact in told] == [InstrumentDefined, BookSnapshot]
    assert book_after(told) == book_after(market(3))


# --- A recorder dies ---------------------------------------------------------------------------------------------


def test_whatever_is_torn_off_the_whole_blocks_are_read_and_the_next_recorder_goes_on_behind_them(
    path: Path, tmp_path: Path
) -> None:
    facts = market(11, changes_per_s=1)
    whole = written(path, facts).read_bytes()
    ends = [len(MAGIC), *(head.end for head in Tape(path).heads)]
    counts = [0]
    for head in Tape(path).heads:
        counts.append(counts[-1] + head.facts)
    torn = tmp_path / "torn.tape"
    fresh = change(START + 60 * SECOND_NS, asks=((103, 1),))
    for size in range(len(whole) + 1):
        torn.write_bytes(whole[:size])
        blocks = max((number for number, end in enumerate(ends) if end <= size), default=0)

        tape = Tape(torn)
        assert list(tape.facts()) == facts[: counts[blocks]]
        assert tape.torn_bytes == (size - ends[blocks] if size >= len(MAGIC) else 0)

        writer = TapeWriter.append(torn, fresh.at)
        writer.write(fresh)
        writer.close()
        *before, last = read(torn)
        assert last == fresh
        lost = before[counts[blocks] :]
        assert before[: counts[blocks]] == facts[: counts[blocks]]
        assert [type(fact) for fact in lost] == [FeedLost] * (blocks > 0)


def test_what_nobody_recorded_is_a_gap_from_where_the_tape_ended(path: Path) -> None:
    written(path, market(2))

    writer = TapeWriter.append(path, START + 12 * SECOND_NS)
    writer.close()

    assert read(path)[-1] == FeedLost(
        at=START + 2 * SECOND_NS, instrument=KEY, reason="nothing was recorded for 10.000 s"
    )


def test_a_tape_that_ends_after_now_is_not_continued(path: Path) -> None:
    before = written(path, market(2)).read_bytes()

    with pytest.raises(ConfigurationError, match=r"it ends 1\.000 s after now"):
        TapeWriter.append(path, START + SECOND_NS)

    assert path.read_bytes() == before


def test_two_do_not_write_one_tape(path: Path) -> None:
    writer = TapeWriter.create(path)

    with pytest.raises(Taken, match="somebody else is writing it"):
        TapeWriter.append(path, START)

    writer.close()
    TapeWriter.append(path, START).close()


def test_a_tape_is_read_while_it_is_written(path: Path) -> None:
    writer = TapeWriter.create(path)
    for fact in market(20):
        writer.write(fact)

    assert read(path) == market(20)[: sum(head.facts for head in Tape(path).heads)]
    writer.close()


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """The disk is full from there on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_leaves_whole_blocks(path: Path) -> None:
    writer = TapeWriter.create(path)
    facts = market(60)
    with no_file_larger_than(1500), pytest.raises(ConfigurationError, match="cannot be written") as refusal:
        for fact in facts:
            writer.write(fact)

    assert os.strerror(errno.EFBIG) in str(refusal.value) or os.strerror(errno.ENOSPC) in str(refusal.value)
    tape = Tape(path)
    assert tape.torn_bytes == 0
    kept = list(tape.facts())
    assert kept and kept == facts[: len(kept)]


# --- Damage ------------------------------------------------------------------------------------------------------


def test_every_flipped_byte_is_named_with_the_place_of_its_block(path: Path) -> None:
    whole = written(path, market(11, changes_per_s=1)).read_bytes()
    offsets = [head.offset for head in Tape(path).heads]
    for place in range(len(MAGIC), len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)

        with pytest.raises(ConfigurationError) as refusal:
            read(path)

        block = max(offset for offset in offsets if offset <= place)
        assert str(refusal.value).startswith(f"tape {path}, byte {block:,}: "), place
        assert refusal.value.exit_code == 78


def gzipped(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def test_a_tape_that_was_gzipped_is_read_and_found_in_all_the_same(path: Path) -> None:
    plain = Tape(written(path, market(200)))
    packed, told = Tape(gzipped(path)), list[float]()

    assert list(packed.facts(say=told.append)) == list(plain.facts())
    assert told == sorted(told) and told[-1] == 1
    since = START + 150 * SECOND_NS
    assert list(packed.facts(since)) == list(plain.facts(since))
    assert packed.standing().books == plain.standing().books == [KEY]
    assert (packed.size, packed.torn_bytes, packed.heads) == (plain.size, 0, plain.heads)


def test_a_torn_tape_that_was_gzipped_is_still_a_torn_one(path: Path) -> None:
    written(path, market(20))
    path.write_bytes(path.read_bytes()[:-7])

    with pytest.raises(ConfigurationError, match="it is torn, its last"):
        Tape(gzipped(path)).require_whole()


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.999])
def test_a_gzipped_tape_that_is_cut_off_is_refused(path: Path, kept: float) -> None:
    packed = gzipped(written(path, market(200)))
    whole = packed.read_bytes()
    packed.write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(ConfigurationError, match=r"tape .*\.gz: the gzip file is cut off or corrupt"):
        read(packed)


def test_a_gzipped_tape_is_not_continued(path: Path) -> None:
    packed = gzipped(written(path, market(20)))
    before = packed.read_bytes()

    with pytest.raises(ConfigurationError, match="it is gzipped, and only one that is not can be gone on with"):
        TapeWriter.append(packed, START + 30 * SECOND_NS)

    assert packed.read_bytes() == before


def test_a_damaged_tape_is_not_continued(path: Path) -> None:
    damaged = bytearray(written(path, market(12)).read_bytes())
    damaged[len(MAGIC) + 2] ^= 0xFF
    path.write_bytes(damaged)

    with pytest.raises(ConfigurationError, match=r"byte 8: this is not the head of a block"):
        TapeWriter.append(path, START + 60 * SECOND_NS)

    assert path.read_bytes() == damaged


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"Dear diary", "it does not begin as a tape does"),
        (MAGIC[:-1] + b"2", "it has version '2' of the format, '1' alone is known"),
    ],
)
def test_what_is_no_tape_is_refused(path: Path, content: bytes, complaint: str) -> None:
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=complaint):
        Tape(path)
    with pytest.raises(ConfigurationError, match=complaint):
        TapeWriter.append(path, START)

    assert path.read_bytes() == content


def test_a_file_that_is_there_is_not_written_over(path: Path) -> None:
    path.write_bytes(b"precious")

    with pytest.raises(ConfigurationError, match="there is a file of that name already"):
        TapeWriter.create(path)

    assert path.read_bytes() == b"precious"


def test_a_folder_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere/market\.tape: cannot be written \(No such file"):
        TapeWriter.create(path.parent / "nowhere" / path.name)


def test_an_instrument_comes_back_to_the_last_digit(path: Path) -> None:
    fact = InstrumentDefined(at=START, instrument=instrument())

    (told,) = read(written(path, [fact]))

    assert isinstance(told, InstrumentDefined)
    assert (told.instrument, told.instrument.tick, told.instrument.key) == (instrument(), instrument().tick, KEY)

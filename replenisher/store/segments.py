"""The segments of a journal: what their bytes are, and how they are read.

A journal is a directory of segments, `00000001.journal`, `00000002.journal`, …; only the last one grows. A segment is
a row of records and nothing else:

    record  = length (u32, little endian) · crc32 of the payload (u32, little endian) · payload (msgpack)
    payload = the first record of a segment: `Header` (as a map); every later record: `Step` (as a map)

They are read by the writer at boot, and by whoever follows it from another thread or process. A bad record at the end
is a torn tail, or still being written. One that good ones follow is damage.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from replenisher.errors import ConfigurationError
from replenisher.model.step import Step

FORMAT = 1
PREFIX = struct.Struct("<II")  # length, crc32
SUFFIX = ".journal"


class JournalCorrupt(ConfigurationError):
    """A record in the middle of a segment is damaged, or a segment is none of ours: no waiting mends that."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first record of a segment: whose it is, and the state in which it starts."""

    format: int
    journal_id: str  # 16 hex digits, made once and kept over all lives
    epoch: int
    segment: int
    step: int  # the last step that `snapshot` has in it
    at: int
    snapshot: bytes  # opaque here


_HEADERS = msgspec.msgpack.Decoder(Header)
_STEPS = msgspec.msgpack.Decoder(Step)


class Segment(msgspec.Struct, frozen=True, order=True):
    """One file of a journal."""

    number: int
    path: Path

    @property
    def size(self) -> int:
        """Its length in bytes, as of now."""
        return self.path.stat().st_size


def segments(directory: Path) -> list[Segment]:
    """The segments of a journal, oldest first."""
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    stems = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    return sorted(Segment(int(stem), directory / f"{stem}{SUFFIX}") for stem in stems if stem.isdigit())


def path_of(directory: Path, number: int) -> Path:
    """Where a segment is."""
    return directory / f"{number:08d}{SUFFIX}"


def record_of(payload: bytes) -> bytes:
    """A payload as it stands in a segment."""
    return PREFIX.pack(len(payload), zlib.crc32(payload)) + payload


def records(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The whole records at the start of `data`: each payload, and the offset at which it ends."""
    offset, view = 0, memoryview(data)
    while len(data) - offset >= PREFIX.size:
        length, crc = PREFIX.unpack_from(data, offset)
        payload = view[offset + PREFIX.size : offset + PREFIX.size + length]
        if length == 0 or len(payload) < length or zlib.crc32(payload) != crc:
            return
        offset += PREFIX.size + length
        yield bytes(payload), offset


def is_torn(tail: bytes) -> bool:
    """Whether bytes that start with a bad record are only a torn tail: no whole record lies anywhere behind."""
    return not any(next(records(tail[start:]), None) for start in range(1, len(tail)) if _could_start(tail, start))


def whole_records(segment: Segment) -> list[tuple[bytes, int]]:
    """The records of a segment up to a torn tail; refuses one that is damaged before its end."""
    data = segment.path.read_bytes()
    found = list(records(data))
    end = found[-1][1] if found else 0
    if not is_torn(data[end:]):
        raise JournalCorrupt(
            f"{segment.path}: offset {end}: a record is damaged, and whole ones follow it; restore it, "
            "or move the journal away and look what the venue says of orders and positions before trading"
        )
    return found


def _could_start(data: bytes, offset: int) -> bool:
    if len(data) - offset < PREFIX.size:
        return False
    length = int.from_bytes(data[offset : offset + 4], "little")
    return 0 < length <= len(data) - offset - PREFIX.size


def read_header(segment: Segment) -> tuple[Header, int] | None:
    """A segment's header and where its steps begin; None while the header is not whole."""
    with segment.path.open("rb") as file:
        prefix = file.read(PREFIX.size)
        length = PREFIX.unpack(prefix)[0] if len(prefix) == PREFIX.size else 0
        first = next(records(prefix + file.read(length)), None) if length <= segment.size else None
    if first is None:
        return None
    return decode_header(first[0], segment), first[1]


def decode_header(payload: bytes, segment: Segment) -> Header:
    """The first record of a segment."""
    try:
        header = _HEADERS.decode(payload)
    except msgspec.DecodeError as error:
        raise JournalCorrupt(f"{segment.path}: offset 0: this is not a journal's header ({error})") from error
    if header.format != FORMAT:
        raise JournalCorrupt(f"{segment.path}: format {header.format}, and only format {FORMAT} is known")
    return header


def read_steps(
    segment: Segment, offset: int, *, is_last: bool, bytes_max: int = -1, safe_end: int | None = None
) -> list[tuple[Step, int]]:
    """The steps from `offset` on, each with the offset at which it ends; at least one if a whole one is there.

    The last segment may end in a record that is torn or still being written. An older one may not. Nothing behind
    `safe_end` is told.
    """
    with segment.path.open("rb") as file:
        file.seek(offset)
        data = file.read(bytes_max)
        if bytes_max >= 0 and len(data) == bytes_max and next(records(data), None) is None:
            data += file.read()  # one record that is longer than the bite
    if safe_end is not None:
        data = data[: max(0, safe_end - offset)]
    steps: list[tuple[Step, int]] = []
    start = offset
    for payload, end in records(data):
        steps.append((decode_step(payload, segment, start), offset + end))
        start = offset + end
    if data and not steps and not (is_last and is_torn(data)):
        raise JournalCorrupt(f"{segment.path}: offset {offset}: a record is damaged")
    return steps


def decode_step(payload: bytes, segment: Segment, offset: int) -> Step:
    """A later record, which begins at an offset."""
    try:
        return _STEPS.decode(payload)
    except msgspec.DecodeError as error:
        raise JournalCorrupt(f"{segment.path}: offset {offset}: this is not a step ({error})") from error

"""The bytes of a tape (docs/tapes.md): blocks that can each be read alone, and are found without being read.

    tape    = MAGIC, then blocks
    block   = head · payload (zlib)
    head    = 40 bytes, little endian: crc32 of what follows in it (u32) · length of the payload (u32) · crc32 of the
              payload (u32) · number of facts that stand (u32) · number of facts (u32) · 0 (u32) · the earliest and the
              latest `at` of the facts (i64 each)
    payload = msgpack: [facts that stand, facts]

A fact is a map as `replenisher.model.event` defines it, with its name as `type`. What stands are definitions, books and
gaps as they were before the first fact of the block: whoever begins to read there is told them first, whoever has read
all before knows them. Only some blocks, the keys, have any.

A block is written with one call behind the last one. So a recorder that dies leaves whole blocks and a torn one. The
checksum of the head keeps that apart from damage: a head that is right says truly where its block ends.
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from replenisher.errors import ConfigurationError
from replenisher.model.event import (
    BookChanged,
    BookSnapshot,
    ClockOffset,
    FeedLost,
    InstrumentDefined,
    InstrumentStateChanged,
    TickerTold,
    TradePrinted,
)
from replenisher.store.tape.lines import saved

MAGIC = b"\x89RPTAPE1"  # no text begins like this; the last byte is the version of the format
PACKED = struct.Struct("<IIIIIqq")  # the head behind its checksum
HEAD_BYTES = 4 + PACKED.size
LEVEL = 6  # of zlib: half as large as 1, and still far faster than a market

TapeFact = (
    InstrumentDefined
    | InstrumentStateChanged
    | BookSnapshot
    | BookChanged
    | FeedLost
    | TradePrinted
    | TickerTold
    | ClockOffset
)

_encode = msgspec.msgpack.Encoder().encode
_payloads = msgspec.msgpack.Decoder(tuple[list[TapeFact], list[TapeFact]])


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a block without reading it."""

    offset: int  # in the tape, of the head
    length: int  # of the payload
    crc: int  # of the payload
    standing: int
    facts: int
    first_at: int
    last_at: int

    @property
    def end(self) -> int:
        """Where the next block begins."""
        return self.offset + HEAD_BYTES + self.length


def encoded(fact: TapeFact) -> bytes:
    """A fact as it stands in a payload."""
    return _encode(fact)


def block_of(standing: Sequence[bytes], facts: Sequence[bytes], first_at: int, last_at: int) -> bytes:
    """A whole block of encoded facts."""
    payload = zlib.compress(b"".join([b"\x92", _array(standing), _array(facts)]), LEVEL)
    packed = PACKED.pack(len(payload), zlib.crc32(payload), len(standing), len(facts), 0, first_at, last_at)
    return struct.pack("<I", zlib.crc32(packed)) + packed + payload


def head_at(data: bytes, offset: int, path: Path, before: Head | None) -> Head:
    """The head that these bytes are; they stand at an offset of a tape, behind the block of another."""
    (crc,) = struct.unpack_from("<I", data)
    if zlib.crc32(data[4:HEAD_BYTES]) != crc:
        raise damaged(path, offset, "this is not the head of a block", before)
    length, payload_crc, standing, facts, _, first_at, last_at = PACKED.unpack_from(data, 4)
    return Head(
        offset=offset,
        length=length,
        crc=payload_crc,
        standing=standing,
        facts=facts,
        first_at=first_at,
        last_at=last_at,
    )


def facts_of(payload: bytes, head: Head, path: Path, before: Head | None) -> tuple[list[TapeFact], list[TapeFact]]:
    """What stands before a block, and its facts; the block of another head is the one before it."""
    if zlib.crc32(payload) != head.crc:
        fault = "the block that begins here is not what was written (its checksum differs)"
        raise damaged(path, head.offset, fault, before)
    try:
        return _payloads.decode(zlib.decompress(payload))
    except (zlib.error, msgspec.DecodeError) as error:
        fault = f"the block that begins here has no facts that are known ({error})"
        raise damaged(path, head.offset, fault, before) from error


def damaged(path: Path, offset: int, fault: str, before: Head | None) -> ConfigurationError:
    """The one sentence for a fault at one place of a tape, and for what can be saved of it."""
    rest = "; there is nothing before it" if before is None else saved(path, before.last_at)
    return ConfigurationError(f"tape {path}, byte {offset:,}: {fault}{rest}")


def _array(items: Sequence[bytes]) -> bytes:
    """Encoded values as one array of msgpack."""
    return b"\xdd" + struct.pack(">I", len(items)) + b"".join(items)

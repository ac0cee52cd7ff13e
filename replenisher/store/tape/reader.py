"""A tape is read: which blocks it has is known at once, what they hold is read when it is asked for.

One that was gzipped later is read all the same, though nothing in it is found without unpacking what is before it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

from replenisher.errors import ConfigurationError
from replenisher.store.tape.blocks import HEAD_BYTES, MAGIC, Head, TapeFact, facts_of, head_at
from replenisher.store.tape.packing import DAMAGED, Say, Unpacked, silence
from replenisher.store.tape.standing import Standing, since_time


class Tape:
    """One tape as it was when it was opened; a recorder may go on writing it.

    Behind the first block that ends at `until` or later nothing is looked at.
    """

    def __init__(self, path: Path, until: int | None = None) -> None:
        self.path = path
        with _opened(path) as file:
            self.is_packed = file.is_packed
            self.size = file.stream.seek(0, SEEK_END)  # unpacked
            self.heads = list(_heads(file.stream, self.size, path, until))
        self._is_left = until is not None and bool(self.heads) and self.heads[-1].last_at >= until
        self.end = self.heads[-1].end if self.heads else min(self.size, len(MAGIC))  # of the last whole block

    @property
    def torn_bytes(self) -> int:
        """What a recorder that died has left behind the last whole block, as far as that was looked for."""
        return 0 if self._is_left else self.size - self.end

    def require_whole(self) -> None:
        """Refuse one whose recorder died while it wrote: whoever plays it is to know that its end is missing."""
        if self.torn_bytes:
            raise ConfigurationError(
                f"tape {self.path}, byte {self.end:,}: it is torn, its last {self.torn_bytes:,} bytes are no block; "
                f"`replenisher tape convert {self.path} NEW` makes a whole tape of what is before them"
            )

    def facts(self, since: int | None = None, say: Say = silence) -> Iterator[TapeFact]:
        """The facts in the order in which they were written; those of a time on, with what stood then told first."""
        first = 0 if since is None else self._key_before(since)
        facts = self._from(first, say)
        return facts if since is None else since_time(facts, since)

    def blocks(self, say: Say = silence) -> Iterator[tuple[Head, list[TapeFact]]]:
        """The same, a block at a time."""
        for head, (_, facts) in zip(self.heads, self._blocks(0, say), strict=True):
            yield head, facts

    def standing(self) -> Standing:
        """What stands at its end."""
        standing = Standing()
        for fact in self._from(self._key_before(None), silence):
            standing.apply(fact)
        return standing

    def _key_before(self, at: int | None) -> int:
        """The last block from which all can be told that stands at a time, or at the end."""
        keys = (place for place, head in enumerate(self.heads) if head.standing and (at is None or head.first_at <= at))
        return max(keys, default=0)

    def _from(self, first: int, say: Say) -> Iterator[TapeFact]:
        """All from a block on, with what stands there told first."""
        for number, (stood, facts) in enumerate(self._blocks(first, say)):
            if number == 0:
                yield from stood
            yield from facts

    def _blocks(self, first: int, say: Say) -> Iterator[tuple[list[TapeFact], list[TapeFact]]]:
        with _opened(self.path) as file:
            before = self.heads[first - 1] if first else None
            for head in self.heads[first:]:
                file.stream.seek(head.offset + HEAD_BYTES)
                yield facts_of(file.stream.read(head.length), head, self.path, before)
                before = head
                say(head.end / self.size)


def is_tape(beginning: bytes) -> bool:
    """Whether a file that begins like this is a tape of ours, of any version."""
    return len(beginning) >= len(MAGIC) and beginning.startswith(MAGIC[:-1])


def _heads(file: BinaryIO, size: int, path: Path, until: int | None) -> Iterator[Head]:
    """Where the whole blocks are."""
    file.seek(0)
    magic = file.read(len(MAGIC))
    if magic != MAGIC[: len(magic)]:
        if is_tape(magic):
            version, known = chr(magic[-1]), chr(MAGIC[-1])
            raise ConfigurationError(f"tape {path}: it has version {version!r} of the format, {known!r} alone is known")
        raise ConfigurationError(f"tape {path}: it does not begin as a tape does")
    offset, head = len(MAGIC), None
    while len(data := file.read(HEAD_BYTES)) == HEAD_BYTES:
        head = head_at(data, offset, path, head)
        if head.end > size:
            return
        yield head
        if until is not None and head.last_at >= until:
            return
        offset = file.seek(head.end)


@contextmanager
def _opened(path: Path) -> Iterator[Unpacked]:
    try:
        with Unpacked(path) as file:
            yield file
    except DAMAGED as fault:
        raise ConfigurationError(f"tape {path}: the gzip file is cut off or corrupt ({fault})") from fault
    except OSError as fault:
        raise ConfigurationError(f"tape {path}: cannot be read ({fault.strerror or fault})") from fault

"""A tape is written: facts are gathered into blocks, and a block stands whole behind the last one, or not at all."""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from replenisher.errors import ConfigurationError, ReplenisherError, Taken
from replenisher.model.event import FeedLost
from replenisher.model.units import MINUTE_NS, SECOND_NS
from replenisher.store.tape.blocks import MAGIC, TapeFact, block_of, encoded
from replenisher.store.tape.reader import Tape
from replenisher.store.tape.standing import Standing

BLOCK_BYTES = 64 * 1024  # before they are compressed, which so takes no longer than a market can wait
BLOCK_NS = 5 * SECOND_NS  # as much is lost with a recorder that dies
KEY_NS = MINUTE_NS  # so much is read in vain, at most, by whoever wants to begin at a time


class TapeWriter:
    """One tape that grows. It is this process's alone."""

    @classmethod
    def create(cls, path: Path, spoken_of: Path | None = None) -> Self:
        """A new tape; a file that is there already is left as it is. It may be spoken of by the name it will have."""
        name = spoken_of or path
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError as fault:
            raise ConfigurationError(f"tape {name}: there is a file of that name already") from fault
        except OSError as fault:
            raise _unwritable(name, fault) from fault
        _lock(fd, name)
        writer = cls(name, fd, 0, Standing())
        writer._append(MAGIC)
        return writer

    @classmethod
    def append(cls, path: Path, at: int) -> Self:
        """Go on with a tape behind its last whole block; from its end until `at` nobody knows what happened."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as fault:
            raise _unwritable(path, fault) from fault
        try:
            _lock(fd, path)
            tape = Tape(path)
            if tape.is_packed:
                raise ConfigurationError(f"tape {path}: it is gzipped, and only one that is not can be gone on with")
            ended_at = max((head.last_at for head in tape.heads), default=0)
            if ended_at > at:
                raise ConfigurationError(f"tape {path}: it ends {(ended_at - at) / SECOND_NS:.3f} s after now")
            writer = cls(path, fd, tape.end, tape.standing())
            writer._cut()
        except ReplenisherError:
            os.close(fd)
            raise
        if tape.end < len(MAGIC):
            writer._append(MAGIC[tape.end :])
        reason = f"nothing was recorded for {(at - ended_at) / SECOND_NS:.3f} s"
        for instrument in writer._standing.books:
            writer.write(FeedLost(at=ended_at, instrument=instrument, reason=reason))
        return writer

    def __init__(self, path: Path, fd: int, size: int, standing: Standing) -> None:
        self.path = path
        self.size = size
        self._fd = fd
        self._standing = standing  # before what is pending
        self._key_at: int | None = None  # when the last block began from which a reader may begin; None before ours
        self._pending: list[TapeFact] = []
        self._encoded: list[bytes] = []
        self._bytes = 0

    def write(self, fact: TapeFact) -> None:
        """One more fact; it is on the tape once its block is full, or old enough."""
        self.tick(fact.at)
        text = encoded(fact)
        self._pending.append(fact)
        self._encoded.append(text)
        self._bytes += len(text)
        if self._bytes >= BLOCK_BYTES:
            self.flush()

    def tick(self, at: int) -> None:
        """Bring to the tape what is old enough."""
        if self._pending and at - self._pending[0].at >= BLOCK_NS:
            self.flush()

    def flush(self) -> None:
        """Bring everything to the tape."""
        if not self._pending:
            return
        first_at = min(fact.at for fact in self._pending)
        standing: list[bytes] = []
        if self._key_at is None or first_at - self._key_at >= KEY_NS:
            standing = [encoded(fact) for fact in self._standing.facts(first_at)]
            self._key_at = first_at
        self._append(block_of(standing, self._encoded, first_at, max(fact.at for fact in self._pending)))
        for fact in self._pending:
            self._standing.apply(fact)
        self._pending, self._encoded, self._bytes = [], [], 0

    def sync(self) -> None:
        """Bring everything to the tape, and the tape to the disk, so that it survives more than this process."""
        self.flush()
        try:
            os.fsync(self._fd)
        except OSError as fault:
            raise _unwritable(self.path, fault) from fault

    def close(self) -> None:
        """Bring everything to the tape, and let go of it."""
        try:
            self.flush()
        finally:
            os.close(self._fd)

    def _append(self, data: bytes) -> None:
        """Write this with one call; on failure the tape ends where it did."""
        try:
            if os.pwrite(self._fd, data, self.size) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as fault:
            with suppress(ReplenisherError):
                self._cut()
            raise _unwritable(self.path, fault) from fault
        self.size += len(data)

    def _cut(self) -> None:
        """What is behind the last whole block is none."""
        try:
            os.ftruncate(self._fd, self.size)
        except OSError as fault:
            raise _unwritable(self.path, fault) from fault


def _lock(fd: int, path: Path) -> None:
    """Two recorders would write over each other; the lock ends with the process."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        raise Taken(f"tape {path}: somebody else is writing it") from fault


def _unwritable(path: Path, fault: OSError) -> ConfigurationError:
    return ConfigurationError(f"tape {path}: cannot be written ({fault.strerror or fault})")

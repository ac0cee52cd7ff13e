"""The exchange's ledger on disk: held by one process, read once, and appended to before an answer leaves."""

import fcntl
import os
from pathlib import Path

from replenisher.errors import ConfigurationError, ReplenisherError
from replenisher.exchange.ledger import Past, read_ledger


class LedgerFile:
    """The file behind a ledger: read once, held alone, appended with one write a piece."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"the exchange's ledger {self.path} cannot be opened: {error.strerror}") from error
        self._is_open = True
        try:
            self._lock()
            self.past = self._read()
        except BaseException:
            self.close()
            raise

    def append(self, data: bytes) -> None:
        """Add whole lines at the end. What is not written must not be answered, so a failure ends the exchange."""
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            raise ReplenisherError(f"the exchange's ledger {self.path} cannot be written: {error.strerror}") from error
        if written != len(data):
            raise ReplenisherError(f"the exchange's ledger {self.path} took only a part of a record: the disk is full")

    def close(self) -> None:
        """Let go of the file; closing twice is no mistake."""
        if self._is_open:
            self._is_open = False
            os.close(self._fd)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ReplenisherError(f"another exchange is running on the ledger {self.path}") from error

    def _read(self) -> Past:
        """What earlier lives wrote; a line torn off at the end was never answered, and is cut."""
        past = read_ledger(self.path.read_bytes())
        os.ftruncate(self._fd, past.kept_bytes)
        return past

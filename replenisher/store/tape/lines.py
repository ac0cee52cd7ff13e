"""The tape: a recorded market, one line `<local nanoseconds> <raw JSON>` a message, gzip or plain.

A line is what a recorder wrote when it received one message. This room knows lines only; the venue's codec knows what
they say. A tape that is cut off or corrupt is the operator's mistake: one sentence with the file and the line.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from replenisher.errors import ConfigurationError
from replenisher.model.units import SECOND_NS, US_NS
from replenisher.store.tape.packing import DAMAGED, Say, Unpacked, silence

SAYS_EVERY = 1000  # lines


class TapeLine(NamedTuple):
    """One message as it was received, and where it stands, so that a fault in it can be named."""

    path: Path
    number: int  # from 1
    received_at: int  # the recorder's clock, nanoseconds since the epoch; it may run behind the venue's
    raw: bytes

    def error(self, fault: str) -> ConfigurationError:
        """The one sentence for a fault of this line."""
        return line_error(self.path, self.number, fault)


def line_error(path: Path, number: int, fault: str) -> ConfigurationError:
    """The one sentence for a fault at one place of a tape."""
    return ConfigurationError(f"tape {path}, line {number}: {fault}")


def read(path: Path, say: Say = silence) -> Iterator[TapeLine]:
    """The lines in the order in which they were received, one at a time."""
    number, last = 0, None
    try:
        with Unpacked(path) as file:
            for line in file.stream:
                number += 1
                if number % SAYS_EVERY == 0:
                    say(file.share)
                last = _split(path, number, line, last)
                yield last
    except DAMAGED as fault:
        told = f"the file is cut off or corrupt from here on ({fault}){_saved(last)}"
        raise line_error(path, number + 1, told) from fault
    except OSError as fault:
        raise ConfigurationError(f"tape {path}: cannot be read ({fault.strerror or fault})") from fault
    if number == 0:
        raise ConfigurationError(f"tape {path}: there is nothing on it")


def _split(path: Path, number: int, line: bytes, last: TapeLine | None) -> TapeLine:
    received_at, _, raw = line.partition(b" ")
    if not received_at.isdigit():
        raise line_error(path, number, "it does not begin with a time in nanoseconds")
    if not raw.endswith(b"\n"):
        raise line_error(path, number, f"it is cut off (no end of line){_saved(last)}")
    return TapeLine(path, number, int(received_at), raw)


def _saved(last: TapeLine | None) -> str:
    """What can be saved of a recording whose last whole line is this one."""
    return "" if last is None else saved(last.path, last.received_at)


def saved(path: Path, last_at: int) -> str:
    """What can be saved of a recording that is whole until then."""
    until = written_time(last_at)
    return f"; `replenisher tape convert {path} NEW --until {until}` makes a tape of what is before"


def written_time(at: int) -> str:
    """A time as people write it, UTC, to the microsecond."""
    second, rest = divmod(at, SECOND_NS)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest // US_NS:06d}Z"

"""What an operator lives with: days that are not explained and need no alarm, kept in the data directory.

What was accepted is the sentence, not the day: where a day comes to another one, that is an alarm again. The verb alone
writes this file, and a daemon reads it when there is something to accept, so neither waits for the other.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from replenisher.files import write_over
from replenisher.live.stated import DAYS, Outcome, Stated, not_explained

FILE = "accepted_statements.json"


class Accepted(msgspec.Struct, frozen=True):
    """What a day came to, and why that may be."""

    day: date
    told: str
    why: str


def accept(data_dir: Path, new: Accepted) -> None:
    """Keep one more; those that no daemon would tell of any more are forgotten."""
    others = [each for each in accepted(data_dir) if each.day != new.day and each.day > new.day - timedelta(days=DAYS)]
    text = msgspec.json.format(msgspec.json.encode([*others, new])).decode()
    write_over(data_dir / FILE, text)


def accepted(data_dir: Path) -> tuple[Accepted, ...]:
    """All of them. What cannot be read was never accepted."""
    try:
        return msgspec.json.decode((data_dir / FILE).read_bytes(), type=tuple[Accepted, ...])
    except (OSError, msgspec.DecodeError):
        return ()


def reasons(data_dir: Path, stated: Sequence[Stated]) -> list[str]:
    """Why each of these is accepted; empty where it is not, or need not be."""
    if not not_explained(stated):
        return [""] * len(stated)
    known = {(each.day, each.told): each.why for each in accepted(data_dir)}
    return [known.get((each.day, each.told), "") for each in stated]


def alarms(data_dir: Path, stated: Sequence[Stated]) -> list[str]:
    """What an operator must see: a sentence a day."""
    whys = reasons(data_dir, stated)
    return not_explained([each for each, why in zip(stated, whys, strict=True) if not why])


def alarming(statements: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The same of statements as `status` tells them, which says of each why it was accepted."""
    return [day for day in statements if day["outcome"] == Outcome.NOT_EXPLAINED and not day["accepted"]]

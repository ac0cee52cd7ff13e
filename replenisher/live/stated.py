"""What the statements of the last days have come to, kept in the data directory for whoever asks: the screen, `status`
and `doctor`, in this life and the next.

A day that is not explained is stated again, as rows may come late, and is an alarm until it is explained or a week old.
One that could not be stated, for whatever reason, is not among them: it remains due, and changes nothing that is known.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec

from replenisher.files import write_over

FILE = "statements.json"
DAYS = 7  # that are kept


class Outcome(StrEnum):
    """What a statement comes to."""

    EXPLAINED = "explained"
    NOT_EXPLAINED = "not_explained"


class Stated(msgspec.Struct, frozen=True):
    """The statement of one day, in a sentence."""

    day: date
    outcome: Outcome
    told: str


def kept(data_dir: Path) -> tuple[Stated, ...]:
    """The newest ones by day. What cannot be read was never stated, and so is stated again."""
    try:
        return msgspec.json.decode((data_dir / FILE).read_bytes(), type=tuple[Stated, ...])
    except (OSError, msgspec.DecodeError):
        return ()


def keep(data_dir: Path, stated: Iterable[Stated]) -> None:
    """Put these in the place of those that are kept: as a whole, or not at all."""
    write_over(data_dir / FILE, msgspec.json.format(msgspec.json.encode(list(stated))).decode())


def with_news(stated: Sequence[Stated], new: Stated) -> tuple[Stated, ...]:
    """What is known once a day was stated, possibly not for the first time."""
    others = [each for each in stated if each.day != new.day]
    newest = sorted([*others, new], key=lambda each: each.day)[-DAYS:]
    return tuple(each for each in newest if each.day > newest[-1].day - timedelta(days=DAYS))


def due(stated: Sequence[Stated], today: date) -> list[date]:
    """The days that are to be stated: yesterday, and since the first one that is kept, but for what is settled."""
    settled = {each.day for each in stated if each.outcome is not Outcome.NOT_EXPLAINED}
    yesterday = today - timedelta(days=1)
    first = max(min((each.day for each in stated), default=yesterday), today - timedelta(days=DAYS))
    days = [first + timedelta(days=number) for number in range((today - first).days)]
    return [day for day in days if day not in settled]


def not_explained(stated: Sequence[Stated]) -> list[str]:
    """What an operator must see, or accept: a sentence a day."""
    return [f"{each.day} is {each.told}" for each in stated if each.outcome is Outcome.NOT_EXPLAINED]

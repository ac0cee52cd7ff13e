"""`replenisher tape`: what is on a recording of any form, and one of ours made of it."""

import os
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from replenisher.errors import ConfigurationError
from replenisher.model.units import SECOND_NS
from replenisher.report.tape import Inspection
from replenisher.store.tape.blocks import TapeFact
from replenisher.store.tape.lines import written_time
from replenisher.store.tape.standing import since_time
from replenisher.store.tape.writer import TapeWriter
from replenisher.wiring.periods import period_told
from replenisher.wiring.tapes import OurTape, Recording, Say, facts_of, opened


def info(path: Path, say: Say) -> dict[str, Any]:
    """All that can be said of a recording."""
    recorded = opened(path, say)
    inspection = Inspection()
    for fact in facts_of(recorded, say):
        inspection.see(fact)
    return _document(recorded, inspection)


def convert(source: Path, out: Path, *, since: str | None, until: str | None, say: Say) -> dict[str, Any]:
    """A tape of ours with what a recording tells, or with what it tells in a time; what is on it.

    It is written beside and gets its name once it is whole.
    """
    period = period_told(since, until)
    begin, end = period.since, period.until
    if out.exists():
        raise ConfigurationError(f"tape {out}: there is a file of that name already")
    recorded = opened(source, say, until=end)
    inspection = Inspection()
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    tape = TapeWriter.create(beside, spoken_of=out)
    try:
        try:
            for fact in _between(recorded, begin, end, say):
                inspection.see(fact)
                tape.write(fact)
            _require_something(source, inspection, begin, since=since, until=until)
            tape.sync()
        finally:
            tape.close()
        _name(beside, out)
    finally:
        beside.unlink()
    source_was = {"path": str(source), "form": recorded.form, "torn_bytes": _torn_bytes(recorded)}
    source_was["changes_again"] = recorded.changes_again
    return {"source": source_was, **_document(OurTape(out), inspection)}


def _between(recorded: Recording, since: int | None, until: int | None, say: Say) -> Iterator[TapeFact]:
    facts: Iterable[TapeFact]
    if since is None:
        facts = facts_of(recorded, say)
    elif isinstance(recorded, OurTape):
        facts = recorded.tape.facts(since)  # found without reading what is before it
    else:
        facts = since_time(facts_of(recorded, say), since)
    return iter(facts) if until is None else takewhile(lambda fact: fact.at < until, facts)


def _require_something(
    source: Path, inspection: Inspection, begin: int | None, *, since: str | None, until: str | None
) -> None:
    """Refuse a part in which nothing was recorded; what stood where it begins is none of it."""
    if inspection.info().ends_at not in (None, begin):
        return
    limits = " and ".join(f"{word} {time}" for word, time in (("from", since), ("until", until)) if time is not None)
    if not limits:
        raise ConfigurationError(f"tape {source}: there is nothing on it")
    raise ConfigurationError(
        f"tape {source}: there is nothing on it {limits}; `replenisher tape info {source}` tells its begin and end"
    )


def _name(beside: Path, out: Path) -> None:
    """Give it its name, and to no other file than a new one."""
    try:
        os.link(beside, out)
    except FileExistsError as fault:
        raise ConfigurationError(f"tape {out}: there is a file of that name already") from fault
    except OSError as fault:
        raise ConfigurationError(f"tape {out}: cannot be written ({fault.strerror or fault})") from fault


def _document(recorded: Recording, inspection: Inspection) -> dict[str, Any]:
    found = inspection.info()
    document: dict[str, Any] = {
        "path": str(recorded.path),
        "form": recorded.form,
        "bytes": recorded.path.stat().st_size,
        "changes_again": recorded.changes_again,
    }
    if isinstance(recorded, OurTape):
        document |= {"blocks": len(recorded.tape.heads), "torn_bytes": _torn_bytes(recorded)}
    seconds = None
    if found.begins_at is not None and found.ends_at is not None:
        seconds = (found.ends_at - found.begins_at) / SECOND_NS
    document |= {"begins": _written(found.begins_at), "ends": _written(found.ends_at), "seconds": seconds}
    told: dict[str, Any] = msgspec.to_builtins(found)
    del told["begins_at"], told["ends_at"]
    for each in (*told["gaps"], *told["silences"]):
        each["at"] = _written(each["at"])
    return document | told


def _torn_bytes(recorded: Recording) -> int:
    return recorded.tape.torn_bytes if isinstance(recorded, OurTape) else 0


def _written(at: int | None) -> str | None:
    return None if at is None else written_time(at)

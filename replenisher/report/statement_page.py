"""The statement for people: a few lines an asset."""

from collections.abc import Iterator
from decimal import Decimal

from replenisher.report.statement import Entry, Gap, Moved, Statement
from replenisher.store.moment import moment

WIDTH = 26
GAPS_MAX = 3  # that are told one by one


def statement_page(statement: Statement) -> str:
    """Every asset, and a last word."""
    lines = [f"{statement.day}, UTC{'' if statement.is_over else ', so far'}"]
    for entry in statement.entries:
        lines += ["", *_entry(entry)]
    lives = (f"a life on {life.account} of {life.venue} {life.told}" for life in statement.lives)
    return "\n".join([*lines, "", *lives, verdict(statement)])


def verdict(statement: Statement) -> str:
    """What it comes to, in one sentence."""
    if statement.is_explained:
        silent = ", ".join(f"{each.asset} on {each.venue}" for each in statement.entries if not each.is_ever_told)
        return f"all that moved is explained{f', but for {silent}, of which the venue tells nothing' if silent else ''}"
    left = [f"{each.asset} on {each.venue}: {_left(each)}" for each in statement.entries if not each.is_explained]
    return f"not explained: {'; '.join(left)}"


def _left(entry: Entry) -> str:
    if entry.unexplained is None:
        return _silence(entry)
    if len(entry.gaps) <= GAPS_MAX:
        return ", ".join(_gap(gap) for gap in entry.gaps)
    first, last = moment(entry.gaps[0].after), moment(entry.gaps[-1].until)
    return f"{entry.unexplained:+f} in {len(entry.gaps)} steps between {first} and {last}"


def _silence(entry: Entry) -> str:
    when = "on that day" if entry.is_ever_told else "at any time"
    return f"the venue told nothing {when} that could be held against what moved"


def _gap(gap: Gap) -> str:
    return f"{gap.amount:+f} between {moment(gap.after)} and {moment(gap.until)}"


def _entry(entry: Entry) -> Iterator[str]:
    yield f"{entry.asset} of {entry.account} on {entry.venue}"
    if entry.opening is not None:
        yield _line("opening", entry.opening, entry.opened_at)
    for name in Moved.__struct_fields__:
        if amount := getattr(entry.moved, name):
            yield _line(name, amount, sign="+")
    if entry.closing is not None:
        yield _line("closing", entry.closing, entry.closed_at)
    if entry.unexplained:
        yield _line("NOT EXPLAINED", entry.unexplained, sign="+")
    elif entry.unexplained is None:
        yield f"  {'NOT EXPLAINED: ' if entry.is_ever_told else 'not known: '}{_silence(entry)}"
    if entry.moved_since:
        yield _line("moved since", entry.moved_since, sign="+")


def _line(name: str, amount: Decimal, at: int | None = None, sign: str = "") -> str:
    told = "" if at is None else f"  told at {moment(at)}"
    return f"  {name:<14}{amount:>{sign}{WIDTH}f}{told}"

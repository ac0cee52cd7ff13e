"""The page `docs/venues.md`: every method, channel and error code of the venue, and how it stands here.

`make docs` writes it from the tables by which requests are dispatched, so it cannot promise what is not there.
"""

import sys
from collections.abc import Iterable

from replenisher.exchange.dialects.deribit.channels import GROUPS, GROUPS_OF, OFFERED, UNGROUPED
from replenisher.exchange.dialects.deribit.dispatch import METHODS
from replenisher.exchange.dialects.deribit.errors import ANSWERED
from replenisher.exchange.dialects.deribit.methods import Method
from replenisher.exchange.dialects.deribit.refused import DROPPED, NEVER, REFUSED

HEAD = """\
# The venues that the simulated exchange speaks

This page is written by `make docs` from the dispatch tables. A test fails when it differs from them.

## Deribit

JSON-RPC over WebSocket at `/ws/api/v2`, and over HTTP (GET and POST) at `/api/v2`, on one port. *Implemented* means
that the method or channel does what the venue's does, as far as the exchange knows the things it is about; *refused*
means that a request is answered by the code named here, in the venue's own words. What is not on this page the venue
does not know either: -32601 for a method, and a channel that is left out of the answer to a subscription.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_methods(), *_channels(), *_codes()])


def _methods() -> Iterable[str]:
    refused = len(REFUSED) + sum(bool(row.refuses_with) for row in METHODS.values())
    yield f"### Methods: {len(METHODS) + len(REFUSED) - refused} implemented, {refused} refused\n"
    yield (
        "`*` is a parameter without which the method is refused; `?` one that the venue's reference requires, but ccxt"
        " leaves out,\nso that it is not required here either; `-` one that is refused with 10033, as are the values in"
        " brackets.\n"
    )
    yield from _table(
        ("method", "how it stands", "scope", "parameters"),
        [(f"`{name}`", _standing(row), row.scope, _parameters(row)) for name, row in METHODS.items()]
        + [(f"`{name}`", f"refused, {code}: {why}", "", "") for name, (code, why) in sorted(REFUSED.items())],
    )


def _standing(row: Method) -> str:
    refusal = "refused, " + ", ".join(f"{code}" for code in row.refuses_with) if row.refuses_with else "implemented"
    return f"{refusal}, WebSocket only" if row.only_socket else refusal


def _parameters(row: Method) -> str:
    marks = dict.fromkeys(row.needs, "*") | dict.fromkeys(row.left_out, "?") | dict.fromkeys(row.not_offered, "-")
    values = {name: ", ".join(f"`{word}`" for word in words) for name, words in row.refused_values.items()}
    values |= row.refused_when
    return " ".join(
        f"`{name}{marks.get(name, '')}`" + (f" (not {values[name]})" if name in values else "") for name in row.takes
    )


def _channels() -> Iterable[str]:
    yield f"### Channels: {len(OFFERED)} implemented, {len(DROPPED)} refused\n"
    yield "A refused channel is left out of the answer, as is one that the login may not hear.\n"
    groups = "; ".join(
        f"of {currency} {', '.join(words)}, times {unit}" for currency, (words, unit) in GROUPS_OF.items()
    )
    yield f"A `{{group}}` is {UNGROUPED}, or {groups}; of any other {', '.join(GROUPS)}, times the tick.\n"
    yield from _table(
        ("channel", "how it stands", "scope"),
        [(f"`{name}`", "implemented", topic.scope) for name, topic in OFFERED.items()]
        + [(f"`{name}`", f"refused: {why}", "") for name, why in sorted(DROPPED.items())],
    )


def _codes() -> Iterable[str]:
    never = [(code, word, why) for why, codes in NEVER.items() for code, word in codes.items()]
    yield f"### Error codes: {len(ANSWERED)} implemented, {len(never)} refused\n"
    yield "A refused code is never the answer to anything, for the reason named.\n"
    yield from _table(
        ("code", "word", "how it stands"),
        [(str(code), f"`{meaning.word}`", f"implemented: {meaning.when}") for code, meaning in sorted(ANSWERED.items())]
        + [(str(code), f"`{word}`", f"refused: {why}") for code, word, why in sorted(never)],
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    for cells in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page())

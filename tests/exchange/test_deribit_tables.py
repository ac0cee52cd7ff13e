"""The dispatch tables against the venue's own lists of methods, channels and codes, which stand here as facts."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from replenisher.exchange.dialects.deribit.channels import OFFERED, parse
from replenisher.exchange.dialects.deribit.dispatch import METHODS
from replenisher.exchange.dialects.deribit.errors import ANSWERED, CODES
from replenisher.exchange.dialects.deribit.page import page
from replenisher.exchange.dialects.deribit.refused import DROPPED, NEVER, REFUSED
from replenisher.exchange.dialects.deribit.scopes import parse as parse_scope
from replenisher.exchange.words import Refusal
from tests.exchange.clients import ALICE, Clients
from tests.exchange.deribit_facts import VENUE_CHANNELS, VENUE_CODES, VENUE_METHODS

ROOT = Path(__file__).parent.parent.parent


def test_every_method_of_the_venue_is_implemented_or_refused() -> None:
    known = METHODS.keys() | REFUSED.keys()

    assert [name for name in VENUE_METHODS if name not in known] == []
    assert METHODS.keys() & REFUSED.keys() == set()


def test_every_channel_of_the_venue_is_implemented_or_refused() -> None:
    known = OFFERED.keys() | DROPPED.keys()

    assert [name for name in VENUE_CHANNELS if name not in known] == []
    assert OFFERED.keys() & DROPPED.keys() == set()


def test_every_code_of_the_venue_is_implemented_or_refused() -> None:
    never = {code for codes in NEVER.values() for code in codes}

    assert ANSWERED.keys() | never == {int(code) for code in VENUE_CODES}
    assert ANSWERED.keys() & never == set()
    assert sum(map(len, NEVER.values())) == len(never), "no code has two reasons"


def test_whatever_the_exchange_refuses_has_a_code() -> None:
    assert CODES.keys() == set(Refusal)
    assert set(CODES.values()) <= ANSWERED.keys()


def test_the_page_says_what_the_tables_say() -> None:
    assert (ROOT / "docs/venues.md").read_text() == page(), "write it anew: make docs"


def test_the_page_names_everything_once() -> None:
    first_cells = re.findall(r"^\| `?([^`|]+?)`? \|", page(), flags=re.M)
    named = [cell for cell in first_cells if cell not in ("method", "channel", "code", "---")]
    never = {code for codes in NEVER.values() for code in codes}

    assert sorted(named) == sorted(
        [*METHODS, *REFUSED, *OFFERED, *DROPPED, *(str(code) for code in ANSWERED.keys() | never)]
    )


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_row_of_the_table_makes_sense(name: str) -> None:
    row = METHODS[name]

    assert len(set(row.takes)) == len(row.takes)
    assert row.scope == "" or parse_scope(row.scope) is not None
    assert name.startswith("private/") or row.scope == ""


EXAMPLES = {
    "instrument_name": "BTC-PERPETUAL",
    "interval": "100ms",
    "group": "5",
    "depth": "10",
    "kind": "future",
    "currency": "BTC",
    "index_name": "btc_usd",
    "resolution": "1D",
}


@pytest.mark.parametrize("pattern", [*OFFERED, *DROPPED])
def test_a_channel_is_known_by_its_name_if_it_is_offered(pattern: str) -> None:
    channel = parse(pattern.format(**EXAMPLES))

    assert (channel.topic if channel else None) == OFFERED.get(pattern)


@pytest.mark.parametrize(
    ("instrument", "groups"),
    [
        ("BTC-PERPETUAL", ["none", "1", "2", "5", "10"]),
        ("BTC_USDC", ["none", "1", "2", "5", "10"]),
        ("ETH-27MAR26", ["none", "5", "10", "25", "100", "250"]),
        ("SOL_USDC-PERPETUAL", ["none", "1", "2", "5", "10", "25", "100", "250"]),
    ],
)
def test_a_book_has_the_groups_of_its_currency_and_no_others(instrument: str, groups: list[str]) -> None:
    known = [
        group
        for group in ("none", *map(str, range(1_001)), "1000000")
        if parse(f"book.{instrument}.{group}.10.100ms") is not None
    ]

    assert known == groups


@pytest.mark.parametrize("name", [name for name, row in METHODS.items() if row.refused_values or row.refused_when])
def test_a_value_that_the_page_calls_refused_is_refused(name: str) -> None:
    clients = Clients()
    clients.connect("a", ALICE)
    resting = clients.buy("a", 50_000, label="it")["order"]
    of_method = {"order_id": resting["order_id"], "label": "it", "instrument_name": "BTC-PERPETUAL"}
    row = METHODS[name]
    order = {key: value for key, value in of_method.items() if key in row.takes} | {"amount": 10, "price": 50_000}
    assert "error" not in clients.ask("a", name, **order)

    refused = [(param, word) for param, words in row.refused_values.items() for word in words]
    refused += [("display_amount", 5)] if "display_amount" in row.refused_when else []

    assert {param for param, _ in refused} == row.refused_values.keys() | row.refused_when.keys()
    for param, value in refused:
        error = clients.error("a", name, **order | {param: value})
        assert (error["code"], error["data"]) == (10033, {"param": param}), value
        assert f"`{value}`" in page() or param in row.refused_when


Recordings = Callable[[str], Path]


def test_every_documented_method_is_implemented_or_refused(recordings: Recordings) -> None:
    lines = recordings("private/deribit_docs_examples.jsonl").read_text().splitlines()
    documented = {section[1:] for line in lines if (section := json.loads(line)["section"]).startswith("/")}

    assert len(documented) > 150
    assert sorted(documented - METHODS.keys() - REFUSED.keys()) == []


def test_every_code_and_its_word_are_the_documented_ones(recordings: Recordings) -> None:
    lines = recordings("errors/deribit_error_codes.jsonl").read_text().splitlines()
    theirs = [(row["code"], row["message"]) for row in map(json.loads, lines)]
    ours = {code: meaning.word for code, meaning in ANSWERED.items()}
    for codes in NEVER.values():
        ours |= codes

    assert len(theirs) == 152
    for code, message in theirs:
        assert message.partition(" <")[0] in ours[code].partition(" <")[0].split(", "), code

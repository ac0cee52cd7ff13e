"""The page `docs/from-hummingbot.md`: every key of both templates, and what becomes of it.

`make docs` writes it from the table by which files are read, so it cannot promise what is not there.
"""

import sys
from collections.abc import Iterable

from replenisher.config.hummingbot.keys import AVELLANEDA, PURE, TABLE, Fate, Row

HEAD = """\
# Coming from Hummingbot

This page is written by `make docs` from the table by which files are read. A test fails when it differs from it.

    replenisher import hummingbot conf_pure_mm.yml --out desk.yaml --set risk.max_order_quote=2000 \\
      --set risk.max_position_quote=10000 --set risk.max_daily_loss_quote=100 \\
      --set 'exchange.balances={BTC: 1, USDT: 50000}'

It reads the files of `pure_market_making` and `avellaneda_market_making` and writes a configuration that `check` takes.
By default that is a rehearsal, `mode: paper`, on the simulated exchange; with `--mode testnet` or `--mode live` it
trades where the file says, through ccxt. What a file does not say, or says in a unit that is not ours, is asked for at
a terminal; elsewhere it is named in one sentence and has to be said with `--set KEY=VALUE`: a key of one of our
sections, such as `risk.max_order_quote`, or one of the strategy itself, such as `gamma`. That also wins over what the
file says. No limit in money has a default.

- **mapped**: it is written, as the last column says. Where ours then does something else, as with `price_ceiling` and
  `price_floor`, that is told and written above the configuration, too.
- **asked**: `--set` has to say ours, where Hummingbot's is in use; its value is written above the configuration.
- **without equivalent**: told when a file is imported and written above its configuration, unless nothing is lost; also
  where a blank loses something.

What Hummingbot lays anew every `order_refresh_time`, and after a fill all at once, is here a ladder of single levels:
each follows fair value by itself, and a fill on one of them moves no other.
"""
TITLES = {PURE: "Pure market making", AVELLANEDA: "Avellaneda market making"}


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for strategy in TITLES for line in _section(strategy))])


def _section(strategy: str) -> Iterable[str]:
    rows = TABLE[strategy]
    counts = ", ".join(f"{sum(row.fate is fate for row in rows)} {fate}" for fate in Fate)
    yield f"## {TITLES[strategy]}: {counts}\n"
    yield "| key there | its unit there | blank is | | key here | how, or what instead |"
    yield "|---|---|---|---|---|---|"
    yield from (_line(row) for row in rows)
    yield ""


def _line(row: Row) -> str:
    older = f", before `{row.older}`" if row.older else ""
    condition = f" (if {row.only_if})" if row.only_if else ""
    ours = f"`{row.ours}`" if row.ours else ""
    becomes = f"{row.becomes}; {row.differs}" if row.differs else row.becomes
    return f"| `{row.key}`{older}{condition} | {row.unit} | {row.blank} | {row.fate} | {ours} | {becomes} |"


if __name__ == "__main__":
    sys.stdout.write(page())

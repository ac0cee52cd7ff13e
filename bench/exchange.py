"""The exchange under the bench: a quiet market, two clients; `python -m bench.exchange LEDGER` lets them connect."""

import asyncio
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import uvloop

from bench.small_exchange import QUIET, exchange_of, listing_of
from replenisher.exchange.dialects.deribit import ApiKey, DeribitSettings
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.ledger import NO_PAST, Past
from replenisher.exchange.ledger_file import LedgerFile
from replenisher.exchange.server import ServerSettings, serve

MAKER, TAKER = "maker", "taker"  # account, id and secret alike


def exchange_of_two(append: Callable[[bytes], None], at: int, past: Past = NO_PAST) -> Exchange:
    """An exchange on which both have more than enough, and pay as on the venue."""
    return exchange_of(
        MAKER,
        TAKER,
        listings=(listing_of(QUIET, at=at, maker_rate=Decimal(0)),),
        cash={"BTC": Decimal(1000)},
        append=append,
        at=at,
        past=past,
        exchange_id="00000000bench000",
    )


def main() -> None:
    """Serve until killed; the address is printed."""
    ledger = LedgerFile(Path(sys.argv[1]))
    exchange = exchange_of_two(ledger.append, time.time_ns(), ledger.past)
    keys = tuple(ApiKey(account, account, account) for account in (MAKER, TAKER))
    unlimited = DeribitSettings(keys=keys, credits_per_s=1e9, credits_burst=1_000_000_000)

    def announce(url: str) -> None:
        print(url, flush=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        settings = ServerSettings(deribit=unlimited)
        runner.run(serve(exchange, settings, ledger=ledger, clock=time.time_ns, announce=announce))


if __name__ == "__main__":
    main()

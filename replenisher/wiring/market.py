"""`replenisher exchange`: a configuration, or a few flags, become a simulated exchange that listens on loopback."""

import asyncio
import json
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import uvloop

from replenisher.config import Config
from replenisher.config.sections import PAPER_KEY, ExchangeSection
from replenisher.errors import ReplenisherError
from replenisher.exchange.dialects.deribit.login import ApiKey
from replenisher.exchange.dialects.deribit.naming import read_name
from replenisher.exchange.exchange import Exchange
from replenisher.exchange.ledger_file import LedgerFile
from replenisher.exchange.server import HOST, ServerSettings, serve
from replenisher.live.clock import SessionClock
from replenisher.wiring.dialect import deribit_settings
from replenisher.wiring.latency import latency_of
from replenisher.wiring.listings import listings_of
from replenisher.wiring.tapes import names_on

DEFAULT_BALANCES = {"synthetic": {"BTC": Decimal(10)}, "recorded": {"USDT": Decimal(100_000), "BTC": Decimal(10)}}


def run_exchange(
    config: Config | None,
    *,
    port: int,
    seed: int | None,
    ledger: Path | None,
    tape: Path | None,
    speed: float | None,
    child: bool,
) -> int:
    """Let clients trade until told to end. Everything wrong is found before the ledger is touched."""
    section = _section(config, tape, speed)
    account = "main" if config is None else config.venues[section.venue].account
    clock = SessionClock()
    chosen_seed = section.seed if seed is None else seed
    path = tape if config is None else config.tape
    listings = listings_of(section, tape=path, seed=chosen_seed, clock=lambda _: clock.now())

    _require_free(port)
    file = LedgerFile(
        ledger or (config.data_dir / "exchange.ledger" if config is not None else Path("exchange.ledger"))
    )
    exchange = Exchange(
        exchange_id=secrets.token_hex(8),
        seed=chosen_seed,
        listings=listings,
        balances={account: dict(section.balances)} | {n: dict(each.balances) for n, each in section.accounts.items()},
        append=file.append,
        at=clock.now(),
        past=file.past,
        max_leverage=section.max_leverage,
        owners={name: each.owner for name, each in section.accounts.items() if each.owner is not None},
    )
    settings = ServerSettings(
        deribit=deribit_settings(
            section,
            [
                _key(config, section, account),
                *(ApiKey(name, name, name, each.key_scope) for name, each in section.accounts.items()),
            ],
            clock.now(),
        ),
        port=port,
        latency=latency_of(section, listings, chosen_seed),
    )

    def announce(url: str) -> None:
        announcement = {
            "url": url,
            "exchange_id": exchange.exchange_id,
            "ledger": str(file.path),
            "accounts": [account, *section.accounts],
        }
        sys.stdout.write(json.dumps(announcement) + "\n")
        sys.stdout.flush()

    return uvloop.run(_serve(exchange, settings, file, clock.now, announce, child=child))


async def _serve(
    exchange: Exchange,
    settings: ServerSettings,
    ledger: LedgerFile,
    clock: Callable[[], int],
    announce: Callable[[str], None],
    *,
    child: bool,
) -> int:
    """Serve until a signal, or until the pipe from whoever started us closes."""
    loop = asyncio.get_running_loop()
    server = asyncio.ensure_future(serve(exchange, settings, ledger=ledger, clock=clock, announce=announce))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.cancel)
    if child:
        reader = asyncio.StreamReader()
        pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        ending = asyncio.ensure_future(reader.read())
        ending.add_done_callback(lambda _: server.cancel())
    try:
        await server
    except asyncio.CancelledError:
        pass
    finally:
        if child:
            pipe.close()
    return 0


def _require_free(port: int) -> None:
    """Refuse a port that is taken, before the ledger is touched."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ReplenisherError(f"port {port} is in use: {error.strerror}") from error


def _section(config: Config | None, tape: Path | None, speed: float | None) -> ExchangeSection:
    """What the configuration says; without one, what a market needs by default."""
    if config is not None:
        assert config.exchange is not None, "a configuration without an exchange is refused earlier"
        return config.exchange
    source = "synthetic" if tape is None else "recorded"
    names = [] if tape is None else [name for name in names_on(tape) if read_name(name) is not None]
    market = {"source": source} if tape is None else {"source": source, "tape": tape, "speed": speed or 1.0}
    return ExchangeSection.model_validate(
        {
            "venue": "deribit",
            "market": market,
            "instruments": dict.fromkeys(names),
            "balances": DEFAULT_BALANCES[source],
            "rate": {"per_s": 30, "burst": 100},
        }
    )


def _key(config: Config | None, section: ExchangeSection, account: str) -> ApiKey:
    venue = None if config is None else config.venues[section.venue]
    if venue is None or venue.api_key is None or venue.api_secret is None:
        return ApiKey(PAPER_KEY, PAPER_KEY, account, section.key_scope)
    return ApiKey(venue.api_key.get_secret_value(), venue.api_secret.get_secret_value(), account, section.key_scope)

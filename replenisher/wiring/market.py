"""`replenisher exchange`: a configuration, or a few flags, become a simulated exchange that listens on loopback."""

import asyncio
import json
import random
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import assert_never

import uvloop

from replenisher.config import Config
from replenisher.config.sections import (
    ExchangeSection,
    LiveMarket,
    PowerQueue,
    QueueModel,
    RecordedMarket,
)
from replenisher.config.sections import (
    SyntheticMarket as SyntheticSection,
)
from replenisher.errors import ConfigurationError, ReplenisherError
from replenisher.exchange import queue
from replenisher.exchange.dialects.deribit import DeribitSettings
from replenisher.exchange.dialects.deribit.login import ApiKey
from replenisher.exchange.exchange import Exchange, Listing
from replenisher.exchange.flow import SyntheticSettings
from replenisher.exchange.latency import Latency
from replenisher.exchange.market import Market
from replenisher.exchange.recorded import INSTRUMENT_NAME, recorded_instrument
from replenisher.exchange.recorded import RecordedMarket as TapeMarket
from replenisher.exchange.server import HOST, LedgerFile, ServerSettings, serve
from replenisher.exchange.synthetic import SyntheticMarket
from replenisher.live.clock import SessionClock
from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.store import tape as tapes
from replenisher.venues.binance import codec

PAPER_KEY = "paper"  # id and secret alike: the exchange listens on loopback alone and nothing on it is worth anything
OFFERED = {"synthetic": "BTC-PERPETUAL", "recorded": INSTRUMENT_NAME, "live": ""}
BPS = Decimal(10_000)
DEFAULT_BALANCES = {"synthetic": {"BTC": Decimal(10)}, "recorded": {"USDT": Decimal(100_000)}}


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
    random_source = random.Random(section.seed if seed is None else seed)  # noqa: S311 - a seeded market, no secret
    path = tape if config is None else config.tape
    market = _market(section, path, random_source, clock.now)

    _require_free(port)
    file = LedgerFile(
        ledger or (config.data_dir / "exchange.ledger" if config is not None else Path("exchange.ledger"))
    )
    exchange = Exchange(
        exchange_id=secrets.token_hex(8),
        seed=section.seed if seed is None else seed,
        listings=[
            Listing(
                market=market,
                maker_rate=section.fees.maker_bps / BPS,
                taker_rate=section.fees.taker_bps / BPS,
            )
        ],
        balances={account: dict(section.balances)},
        append=file.append,
        at=clock.now(),
        past=file.past,
    )
    settings = ServerSettings(
        deribit=DeribitSettings(
            keys=(_key(config, section, account),),
            credits_per_s=section.rate.per_s,
            credits_burst=section.rate.burst,
        ),
        port=port,
        latency=Latency(request_ms=section.latency.request_ms, response_ms=section.latency.response_ms),
    )

    def announce(url: str) -> None:
        announcement = {"url": url, "exchange_id": exchange.exchange_id, "ledger": str(file.path)}
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
    market = {"source": source} if tape is None else {"source": source, "tape": tape, "speed": speed or 1.0}
    return ExchangeSection.model_validate(
        {
            "venue": "deribit",
            "market": market,
            "balances": DEFAULT_BALANCES[source],
            "rate": {"per_s": 30, "burst": 100},
        }
    )


def _key(config: Config | None, section: ExchangeSection, account: str) -> ApiKey:
    venue = None if config is None else config.venues[section.venue]
    if venue is None or venue.api_key is None or venue.api_secret is None:
        return ApiKey(PAPER_KEY, PAPER_KEY, account)
    return ApiKey(venue.api_key.get_secret_value(), venue.api_secret.get_secret_value(), account)


def _market(
    section: ExchangeSection, tape: Path | None, random_source: random.Random, clock: Callable[[], int]
) -> Market:
    match section.market:
        case SyntheticSection():
            instrument = synthetic_instrument(section.venue)
            return SyntheticMarket(instrument, _synthetic_settings(section.market, instrument), random_source, clock())
        case RecordedMarket():
            assert tape is not None, "a recorded market without a tape is refused earlier"
            found = codec.survey(tapes.read(tape))
            instrument = recorded_instrument(section.venue, found.tick, found.lot)
            return TapeMarket(
                instrument,
                codec.facts(tapes.read(tape), instrument),
                model=_queue_model(section.queue_model),
                start=clock(),  # not before: to survey a long tape takes seconds
                speed=section.market.speed,
            )
        case LiveMarket():
            raise ConfigurationError("exchange.market.source: a market from a live feed is not offered yet")
        case _:
            assert_never(section.market)


def _queue_model(model: QueueModel) -> queue.QueueModel:
    return queue.power(model.power.n) if isinstance(model, PowerQueue) else queue.RiskAverse()


def synthetic_instrument(venue: str) -> Instrument:
    """The inverse perpetual on which the synthetic market trades."""
    return Instrument(
        venue=venue,
        name=OFFERED["synthetic"],
        kind=Kind.PERPETUAL,
        tick_steps=(TickStep(Decimal(0), Decimal("0.5")),),
        lot=Decimal(10),
        amount_unit=AmountUnit.QUOTE,
        inverse=True,
        base_currency="BTC",
        quote_currency="USD",
        settlement_currency="BTC",
        min_amount=Decimal(10),
    )


def _synthetic_settings(section: SyntheticSection, instrument: Instrument) -> SyntheticSettings:
    """The market's own choices, with those that the configuration makes in their place."""
    defaults = SyntheticSettings()
    start = defaults.start_price_ticks
    if section.start_price is not None:
        start = int(section.start_price / instrument.tick)
    scale, share = section.time_scale, section.informed_share
    return replace(
        defaults,
        start_price_ticks=start,
        minutes_per_second=defaults.minutes_per_second if scale is None else scale / 60,
        informed_share=defaults.informed_share if share is None else share,
        jump_bps=section.jump_bps or defaults.jump_bps,
        jumps_per_minute=defaults.jumps_per_minute if section.jumps_per_minute is None else section.jumps_per_minute,
    )

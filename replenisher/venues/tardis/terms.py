"""What is traded under a symbol of an exchange, as far as it is known here: no file tells what an amount is."""

import re
from decimal import Decimal

from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.venues.binance import terms as binance

DERIBIT_NAME = re.compile(
    r"(?P<base>[A-Z0-9]+)(?:_(?P<quote>[A-Z]+))?(?:-(?:(?P<perpetual>PERPETUAL)|[0-9]+[A-Z]{3}[0-9]{2}))?"
)
HUOBI_CONTRACT_USD = {"BTC": Decimal(100)}  # of every other coin 10


def instrument_named(exchange: str, symbol: str, tick: Decimal, lot: Decimal) -> Instrument:
    """What is traded under a symbol; ValueError where that is not known."""
    if not tick or not lot:
        raise ValueError(f"there is no number of {symbol} to tell its grid by")
    match exchange:
        case "binance" | "binance-futures":
            return binance.instrument_named(exchange, symbol, is_contract=exchange != "binance", tick=tick, lot=lot)
        case "deribit" if name := DERIBIT_NAME.fullmatch(symbol):
            return _of_deribit(name, symbol, tick, lot)
        case "bitmex" if symbol == "XBTUSD":
            return _inverse(exchange, symbol, "XBT", tick, lot, contract_usd=Decimal(1))
        case "huobi-dm-swap" if symbol.endswith("-USD"):
            base = symbol.removesuffix("-USD")
            return _inverse(exchange, symbol, base, tick, lot, contract_usd=HUOBI_CONTRACT_USD.get(base, Decimal(10)))
        case _:
            raise ValueError(f"what an amount of {symbol} of {exchange} is worth is not known here")


def _of_deribit(name: re.Match[str], symbol: str, tick: Decimal, lot: Decimal) -> Instrument:
    base, quote, is_spot = name["base"], name["quote"], "-" not in symbol
    if is_spot and not quote:
        raise ValueError(f"{symbol} is a currency, and no instrument")
    kind = Kind.SPOT if is_spot else Kind.PERPETUAL if name["perpetual"] else Kind.FUTURE
    return Instrument(
        venue="deribit",
        name=symbol,
        kind=kind,
        tick_steps=(TickStep(Decimal(0), tick),),
        lot=lot,
        amount_unit=AmountUnit.BASE if quote else AmountUnit.QUOTE,
        inverse=not quote,
        base_currency=base,
        quote_currency=quote or "USD",
        settlement_currency=quote or base,
        pays_at_settlement=not is_spot,
        min_amount=lot,
    )


def _inverse(
    exchange: str, symbol: str, base: str, tick: Decimal, lot: Decimal, *, contract_usd: Decimal
) -> Instrument:
    """A perpetual in contracts of so many dollars, paid in its coin."""
    return Instrument(
        venue=exchange,
        name=symbol,
        kind=Kind.PERPETUAL,
        tick_steps=(TickStep(Decimal(0), tick),),
        lot=lot,
        amount_unit=AmountUnit.CONTRACT,
        contract_value=contract_usd,
        inverse=True,
        base_currency=base,
        quote_currency="USD",
        settlement_currency=base,
        min_amount=lot,
    )

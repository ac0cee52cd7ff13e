"""What a symbol of Binance's says of its instrument: spot, or a contract that is linear and pays in its quote currency.

The streams tell numbers only. So the grid is the one that all of them lie on, and the rest is read off the name.
"""

from decimal import Decimal

from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep

# In which Binance lets trade, those first that end like another one.
QUOTES = (
    *("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USDP", "USD1", "XUSD", "AEUR", "EURI", "BIDR", "IDRT", "BKRW"),
    *("BTC", "ETH", "BNB", "XRP", "TRX", "SOL", "DOGE", "DOT", "DAI", "UST", "VAI", "PAX"),
    *("USD", "EUR", "TRY", "BRL", "ARS", "JPY", "MXN", "PLN", "RON", "UAH", "ZAR", "CZK", "COP", "IDR"),
    *("AUD", "GBP", "RUB", "NGN"),
)


def instrument_named(venue: str, symbol: str, *, is_contract: bool, tick: Decimal, lot: Decimal) -> Instrument:
    """The instrument of a symbol, on the grid of what was told of it; ValueError if the symbol says too little."""
    pair, _, delivery = symbol.partition("_")
    quote = next((each for each in QUOTES if pair.endswith(each) and pair != each), None)
    if quote is None:
        raise ValueError(f"{symbol!r} does not end in a currency that Binance lets trade in")
    if not tick or not lot:
        raise ValueError(f"there is no number of {symbol} to tell its grid by")
    kind = Kind.SPOT
    if is_contract:
        kind = Kind.FUTURE if delivery else Kind.PERPETUAL
    return Instrument(
        venue=venue,
        name=symbol,
        kind=kind,
        tick_steps=(TickStep(Decimal(0), tick),),
        lot=lot,
        amount_unit=AmountUnit.BASE,
        base_currency=pair.removesuffix(quote),
        quote_currency=quote,
        settlement_currency=quote,
        min_amount=lot,
    )

"""ccxt's market structures, read: an instrument of ours, or the sentence why it cannot be one.

`precision` means three things, as `precisionMode` says: the tick itself, a number of decimal places, or a number of
significant digits. The last is a tick that grows with the price, a step a decade. An amount of a derivative is a number
of contracts, each worth `contractSize` of the base currency (linear) or of the quote currency (inverse).
"""

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.venues.ccxt.exchanges import Traits

DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE = 2, 3, 4  # ccxt's numbers for them
DECADES = range(-8, 8)  # of prices whose tick is given in significant digits

KINDS = {"spot": Kind.SPOT, "swap": Kind.PERPETUAL, "future": Kind.FUTURE}

Market = Mapping[str, Any]


def exact(value: Any) -> Decimal:
    """A number of ccxt's, whatever class it has, as it was written."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def market_named(name: str, markets: Mapping[str, Market]) -> Market | str:
    """The market with this unified symbol or, if it is the only one, with this id of the exchange's own."""
    if name in markets:
        return markets[name]
    found = [market for market in markets.values() if market.get("id") == name]
    if len(found) == 1:
        return found[0]
    if found:
        return f"several markets have this id, write one of: {', '.join(sorted(str(each['symbol']) for each in found))}"
    known = [str(each) for market in markets.values() for each in (market.get("symbol"), market.get("id"))]
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return "not offered" + (f", did you mean {near[0]}?" if near else "")


def instrument_of(
    venue: str, name: str, market: Market, precision_mode: int, traits: Traits, version: int = 1
) -> Instrument | str:
    """The same in our words, or what of it we have no words for."""
    kind = KINDS.get(str(market.get("type")))
    linear, inverse = bool(market.get("linear")), bool(market.get("inverse"))
    if kind is None:
        return f"a market of type {market.get('type')} is not traded through ccxt"
    if kind is not Kind.SPOT and traits.no_contracts:
        return f"contracts are not traded there: {traits.no_contracts}"
    if kind is not Kind.SPOT and linear == inverse:
        return "a contract that is neither linear nor inverse cannot be valued"
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    if precision.get("price") is None or precision.get("amount") is None:
        return "ccxt does not know its precision"
    steps = _steps(exact(precision["price"]), precision_mode)
    lot = _lot(exact(precision["amount"]), precision_mode)
    if steps is None or lot is None:
        return "its precision is no positive number"
    contract_value, unit = Decimal(1), AmountUnit.QUOTE if inverse else AmountUnit.BASE
    if kind is not Kind.SPOT and traits.counts_contracts:
        if not market.get("contractSize"):
            return "ccxt does not know the size of its contract"
        contract_value, unit = exact(market["contractSize"]), AmountUnit.CONTRACT
    quote = str(market["quote"])
    return Instrument(
        venue=venue,
        name=name,
        kind=kind,
        tick_steps=steps,
        lot=lot,
        amount_unit=unit,
        contract_value=contract_value,
        inverse=inverse,
        base_currency=str(market["base"]),
        quote_currency=quote,
        settlement_currency=str(market.get("settle") or quote),
        pays_at_settlement=traits.pays_at_settlement and kind is not Kind.SPOT,
        min_amount=max(lot, _least(limits, "amount")),
        min_notional=_least(limits, "cost"),
        version=version,
    )


def spelled(params: Mapping[str, str], instrument: Instrument) -> dict[str, str]:
    """Parameters of a method that has to be told which kind of contract is meant."""
    settle = instrument.settlement_currency
    words = {
        "kind": "future" if instrument.kind is Kind.FUTURE else "swap",
        "side": "inverse" if instrument.inverse else "linear",
        "settle": settle,
        "margin": settle if settle in ("USDT", "USDC") else "COIN",
    }
    return {key: value.format_map(words) for key, value in params.items()}


def _steps(precision: Decimal, mode: int) -> tuple[TickStep, ...] | None:
    if mode != SIGNIFICANT_DIGITS:
        tick = _unit(precision, mode)
        return None if tick is None else (TickStep(Decimal(0), tick),)
    if precision <= 0 or precision != int(precision):
        return None
    first, *others = DECADES
    ticks = {decade: Decimal(1).scaleb(decade - int(precision) + 1) for decade in DECADES}
    return (
        TickStep(Decimal(0), ticks[first]),
        *(TickStep(Decimal(1).scaleb(decade), ticks[decade]) for decade in others),
    )


def _lot(precision: Decimal, mode: int) -> Decimal | None:
    # Where prices have significant digits, amounts have decimal places.
    return _unit(precision, DECIMAL_PLACES if mode == SIGNIFICANT_DIGITS else mode)


def _unit(precision: Decimal, mode: int) -> Decimal | None:
    if mode == TICK_SIZE:
        return precision if precision > 0 else None
    return Decimal(1).scaleb(-int(precision)) if precision == int(precision) else None


def _least(limits: Mapping[str, Any], what: str) -> Decimal:
    least = (limits.get(what) or {}).get("min")
    return Decimal(0) if least is None else exact(least)

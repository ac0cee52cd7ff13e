"""What an instrument's name says: `BTC-PERPETUAL`, `ETH_USDC-PERPETUAL`, `BTC-25DEC26`, `BTC_USDC`.

With a pair before the dash a contract is linear and settles in the pair's second currency; with a single currency it is
inverse, quoted in dollars and settled in that currency. A pair alone is spot. Dated futures end at 08:00 UTC of their
day. The grids are those of the venue for the currencies it knows best.
"""

import re
from calendar import timegm
from decimal import Decimal

import msgspec

from replenisher.model.instrument import AmountUnit, Instrument, Kind, TickStep
from replenisher.model.units import SECOND_NS

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
EXPIRY_HOUR = 8
NAME = re.compile(
    r"(?P<base>[A-Z0-9]{2,12})(?:_(?P<quote>[A-Z]{3,5}))?"
    r"(?:-(?:(?P<perpetual>PERPETUAL)|(?P<day>[0-9]{1,2})(?P<month>[A-Z]{3})(?P<year>[0-9]{2})))?"
)
RULE = "it must be like BTC-PERPETUAL, BTC_USDC-PERPETUAL, BTC-25DEC26 or BTC_USDC"


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """A name, understood."""

    text: str
    kind: Kind
    base: str
    quote: str
    settlement: str
    expires_at: int | None = None  # nanoseconds; None for what never ends

    @property
    def is_inverse(self) -> bool:
        """Whether it is worth more coin the lower its price."""
        return self.kind is not Kind.SPOT and self.settlement == self.base


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of price and amount of an instrument, and about what it costs."""

    tick_steps: tuple[TickStep, ...]
    lot: Decimal
    min_amount: Decimal
    start_price: Decimal
    min_notional: Decimal = Decimal(0)  # in the quote currency


def _grid(tick: str, lot: str, start_price: str) -> Grid:
    return Grid(
        tick_steps=(TickStep(Decimal(0), Decimal(tick)),),
        lot=Decimal(lot),
        min_amount=Decimal(lot),
        start_price=Decimal(start_price),
    )


GRIDS: dict[tuple[str, Kind, bool], Grid] = {
    ("BTC", Kind.PERPETUAL, True): _grid("0.5", "10", "60000"),
    ("BTC", Kind.FUTURE, True): _grid("2.5", "10", "60000"),
    ("BTC", Kind.PERPETUAL, False): _grid("0.5", "0.001", "60000"),
    ("BTC", Kind.FUTURE, False): _grid("2.5", "0.001", "60000"),
    ("BTC", Kind.SPOT, False): _grid("0.5", "0.0001", "60000"),
    ("ETH", Kind.PERPETUAL, True): _grid("0.05", "1", "3000"),
    ("ETH", Kind.FUTURE, True): _grid("0.25", "1", "3000"),
    ("ETH", Kind.PERPETUAL, False): _grid("0.05", "0.01", "3000"),
    ("ETH", Kind.FUTURE, False): _grid("0.25", "0.01", "3000"),
    ("ETH", Kind.SPOT, False): _grid("0.05", "0.001", "3000"),
}


def read_name(text: str) -> Name | None:
    """What the name says, or None if it is not one."""
    match = NAME.fullmatch(text)
    if match is None:
        return None
    base, quote = match["base"], match["quote"]
    if match["perpetual"]:
        kind = Kind.PERPETUAL
    elif match["day"]:
        kind = Kind.FUTURE
    elif quote:
        kind = Kind.SPOT
    else:
        return None  # a currency is not an instrument
    expires_at = None
    if kind is Kind.FUTURE:
        expires_at = _expiry(int(match["day"]), match["month"], 2000 + int(match["year"]))
        if expires_at is None:
            return None
    return Name(text=text, kind=kind, base=base, quote=quote or "USD", settlement=quote or base, expires_at=expires_at)


def usual_grid(name: Name) -> Grid | None:
    """The grid of an instrument of that name, where it is a well-known one."""
    return GRIDS.get((name.base, name.kind, name.is_inverse))


def instrument_of(venue: str, name: Name, grid: Grid) -> Instrument:
    """The instrument of that name on a grid."""
    return Instrument(
        venue=venue,
        name=name.text,
        kind=name.kind,
        tick_steps=grid.tick_steps,
        lot=grid.lot,
        amount_unit=AmountUnit.QUOTE if name.is_inverse else AmountUnit.BASE,
        inverse=name.is_inverse,
        base_currency=name.base,
        quote_currency=name.quote,
        settlement_currency=name.settlement,
        pays_at_settlement=name.kind is not Kind.SPOT,
        min_amount=grid.min_amount,
        min_notional=grid.min_notional,
    )


def _expiry(day: int, month: str, year: int) -> int | None:
    """08:00 UTC of a day, in nanoseconds; None if there is no such day."""
    if month not in MONTHS:
        return None
    number = MONTHS.index(month) + 1
    first = timegm((year, number, 1, EXPIRY_HOUR, 0, 0))
    following = timegm((year + number // 12, number % 12 + 1, 1, EXPIRY_HOUR, 0, 0))
    moment = first + (day - 1) * 86_400
    return moment * SECOND_NS if first <= moment < following else None

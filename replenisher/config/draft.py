"""A new configuration file: what an operator must decide, and the YAML that follows from it.

Everything has a usual answer but money: sizes, limits and balances are always the operator's own words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial

from replenisher.config.readiness import CCXT
from replenisher.exchange.dialects.deribit.naming import RULE, read_name, usual_grid
from replenisher.model.instrument import AmountUnit, Kind
from replenisher.venues.ccxt.exchanges import TRAITS, Standing, standing_of

MODES = ("paper", "testnet", "live")
DIRECT = "deribit"  # whose wire we speak ourselves; the simulated exchange speaks it, too
LEVELS_MAX = 50
Answers = dict[str, str]


class WrongAnswer(ValueError):
    """What an answer must be instead, in one sentence."""


@dataclass(frozen=True)
class Question:
    """One decision: the flag that answers it, how it is asked, and the usual answer if there is one."""

    key: str
    asks: str
    usual: str | None  # the answer offered at a terminal
    require: Callable[[str], object]  # raises `WrongAnswer`
    must_be_said: bool = False  # even where nobody can be asked and what is usual would do

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return f"--{self.key.replace('_', '-')}"


def questions(answers: Answers) -> list[Question]:
    """What has to be decided; a later question may depend on the answers so far."""
    mode, venue, instrument = answers.get("mode", "paper"), answers.get("venue", DIRECT), answers.get("instrument", "")
    adapters = (DIRECT, CCXT) if venue == DIRECT else (CCXT,)
    offered = DIRECT if mode == "paper" else f"{DIRECT}, or by ccxt's name: binance, okx, ..."
    example = "BTC-PERPETUAL" if venue == DIRECT else None
    level_quote = partial(_level_quote, answers, mode)
    asked = [
        Question("mode", f"Mode ({', '.join(MODES)})", "paper", _one_of(MODES)),
        Question("venue", f"Venue ({offered})", DIRECT, _venue(mode)),
        Question("adapter", f"Adapter ({', '.join(adapters)})", adapters[0], _one_of(adapters)),
        Question("instrument", "Instrument", example, _instrument(mode, venue), must_be_said=True),
        Question("size_unit", f"Unit of sizes ({', '.join(AmountUnit)})", "quote", _one_of(tuple(AmountUnit)), True),
        _money("size", "Size of a level, in that unit"),
        Question("levels", "Levels a side", "5", _levels),
        Question("spread_bps", "From fair value to the first level, in basis points", "8", _amount),
        Question("spacing_bps", "From one level to the next, in basis points", "4", _amount),
        _money("max_order_quote", "Largest order, in the quote currency", level_quote),
        _money("max_position_quote", "Largest position, in the quote currency", level_quote),
        _money("max_daily_loss_quote", "Largest loss of a day, in the quote currency"),
    ]
    if mode == "paper":
        needed = _currencies(instrument)
        held = ", ".join(f"{currency}=AMOUNT" for currency in needed)
        asked.append(Question("balances", f"What the simulated account holds, as {held}", None, _funds(needed), True))
    return asked


def _money(key: str, asks: str, least: Callable[[], str] = lambda: "0") -> Question:
    """A question that only the operator can answer; the least is known once earlier answers are good ones."""

    def require(text: str) -> None:
        if _amount(text) < Decimal(least()):
            raise WrongAnswer(f"it must be at least {least()}: less would let no order through")

    return Question(key, asks, None, require, must_be_said=True)


def draft(answers: Answers) -> str:
    """The file, with a word on what an operator may want to change."""
    mode, venue, name = answers["mode"], answers["venue"], answers["instrument"]
    levels, spacing = int(answers["levels"]), Decimal(answers["spacing_bps"])
    is_through_ccxt = answers["adapter"] == CCXT
    keys = f"REPLENISHER_VENUES__{venue.upper()}__API_KEY, __API_SECRET"
    keys += ", some __API_PASSWORD" if is_through_ccxt else ""
    note = "" if mode == "paper" else f"  # keys from the environment: {keys}"
    return f"""\
# yaml-language-server: $schema=./replenisher.schema.json
# Your editor knows every key after: replenisher config schema > replenisher.schema.json
version: 1
mode: {mode}{note}

venues:
  {venue}:
    adapter: {_adapter(venue) if is_through_ccxt else DIRECT}
    account: main
{_switch(venue, is_through_ccxt=is_through_ccxt)}\
{_exchange(answers) if mode == "paper" else ""}
risk:  # of the account, in the quote currency
  max_position_quote: {answers["max_position_quote"]}
  max_order_quote: {answers["max_order_quote"]}
  max_open_orders: {4 * levels}  # the ladder, twice
  max_daily_loss_quote: {answers["max_daily_loss_quote"]}
  price_collar_bps: {_collar_bps(answers):f}  # no order further than this from the others' mid

strategies:
  - id: core
    strategy: pure_mm
    venue: {venue}
    instrument: {name}
    size_unit: {answers["size_unit"]}
    order_amount: {answers["size"]}  # a level, in `size_unit`
    order_levels: {levels}  # a side
    bid_spread_bps: {answers["spread_bps"]}  # from fair value to the first level
    ask_spread_bps: {answers["spread_bps"]}
    level_spacing_bps: {answers["spacing_bps"]}  # from one level to the next
    fair_value: {{source: mid}}
    inventory: {{skew: price, skew_factor: 0.25, target_quote: 0}}  # lean against what is held
    refill: {{mode: per_level, delay_s: 0, max_per_minute: 30}}  # a level that was eaten comes back at once
    order_refresh_tolerance_bps: {spacing / 2:f}  # an order this close to its price is left alone
"""


def standing_told(venue: str) -> str:
    """How far a venue has been tried through ccxt, and what follows from it."""
    standing = standing_of(venue)
    is_untested = standing is Standing.UNTESTED
    return f"{venue} through ccxt: {standing}" + ("; `run --live` wants --accept-untested" if is_untested else "")


def _adapter(venue: str) -> str:
    return f"{CCXT}\n    exchange: {venue}  # {standing_told(venue)}"


def _switch(venue: str, *, is_through_ccxt: bool) -> str:
    if is_through_ccxt and not TRAITS[venue].has_switch:
        return (
            "    # there is no dead-man switch through ccxt: what rests when this program dies goes on resting\n"
            "    allow_no_dead_man: false  # `run --live` wants true\n"
        )
    return "    dead_man_switch_s: 60  # when we are silent for so long, the venue has canceled our orders\n"


def _level_quote(answers: Answers, mode: str) -> str:
    """What a level is worth in the quote currency, where that can be known without asking the venue for its price."""
    name, size = read_name(answers.get("instrument", "")), answers.get("size", "0")
    grid = usual_grid(name) if name is not None else None
    match answers.get("size_unit"):
        case "quote":
            return size
        case "base" if grid is not None and mode == "paper":
            return f"{Decimal(size) * grid.start_price:f}"
        case _:
            return "0"


def _exchange(answers: Answers) -> str:
    """The section of the simulated exchange; the instrument is listed by name."""
    held = ", ".join(f'{currency}: "{amount}"' for currency, amount in _balances(answers["balances"]).items())
    return f"""\
    rate_limit_per_s: 30  # the venue's highest tier; the exchange below enforces the same
    rate_limit_burst: 100

exchange:  # the simulated exchange that mode paper starts
  venue: {answers["venue"]}
  market: {{source: synthetic}}
  instruments: {{{answers["instrument"]}: {{}}}}
  rate: {{per_s: 30, burst: 100}}
  balances: {{{held}}}
"""


def _collar_bps(answers: Answers) -> Decimal:
    """Wide enough for the outermost level, and for a mid that has moved."""
    outermost = Decimal(answers["spread_bps"]) + int(answers["levels"]) * Decimal(answers["spacing_bps"])
    return min(max(Decimal(200), 3 * outermost), Decimal(10_000))


# --- What an answer must be ---------------------------------------------------------------------------------------


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise WrongAnswer("it must be a number") from None
    if not amount.is_finite() or amount <= 0:
        raise WrongAnswer("it must be greater than 0")
    return amount


def _levels(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LEVELS_MAX:
        raise WrongAnswer(f"it must be a whole number from 1 to {LEVELS_MAX}")
    return int(text)


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def require(text: str) -> str:
        if text not in words:
            raise WrongAnswer(f"it must be one of: {', '.join(words)}")
        return text

    return require


def _venue(mode: str) -> Callable[[str], str]:
    def require(text: str) -> str:
        if text not in TRAITS:
            raise WrongAnswer(f"it must be one of: {', '.join(sorted(TRAITS))}")
        if mode == "paper" and text != DIRECT:
            raise WrongAnswer(f"mode paper speaks as {DIRECT} does: another venue needs --mode testnet or --mode live")
        return text

    return require


def _instrument(mode: str, venue: str) -> Callable[[str], str]:
    def require(text: str) -> str:
        if venue != DIRECT:  # only the venue knows what it lists
            if not text or any(each.isspace() or each in "#{}" for each in text):
                raise WrongAnswer("it must be a symbol of ccxt's, such as BTC/USDT or BTC/USDT:USDT")
            return text
        name = read_name(text)
        if name is None:
            raise WrongAnswer(RULE)
        if mode == "paper" and usual_grid(name) is None:
            raise WrongAnswer(
                "the simulated exchange has no usual ticks for it: take one on BTC or ETH here, and write this one "
                "into the file then, with its tick, lot and market.start_price in exchange.instruments"
            )
        return text

    return require


def _balances(text: str) -> dict[str, Decimal]:
    """`BTC=1, USDC=50000`: currencies and amounts."""
    parts = [part.partition("=") for part in text.replace(",", " ").split()]
    if not parts or any(not amount or not currency.isalnum() for currency, _, amount in parts):
        raise WrongAnswer("it must be like BTC=10, or BTC=1,USDC=50000")
    return {currency.upper(): _amount(amount) for currency, _, amount in parts}


def _funds(needed: list[str]) -> Callable[[str], object]:
    def require(text: str) -> None:
        if missing := [currency for currency in needed if currency not in _balances(text)]:
            raise WrongAnswer(f"it must name {' and '.join(missing)} as well: nothing can be traded without")

    return require


def _currencies(instrument: str) -> list[str]:
    """What must be held to trade it."""
    name = read_name(instrument)
    if name is None:
        return ["BTC"]
    return [name.base, name.quote] if name.kind is Kind.SPOT else [name.settlement]

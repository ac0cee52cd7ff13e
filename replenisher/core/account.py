"""What we have: positions by average cost, balances, and each strategy's share of them, in exact decimals.

Rules. Values are in the settlement currency and rounded half-even to 1e-8 at each fill, as venues settle them. A fill
that adds to a position adds its value to the entry value; a fill that reduces it releases the entry value in
proportion (all of it when the position closes) and the difference is realized. What is left of a fill that goes
through zero opens the other side. Balance = opening + realized - fees + cash movements. Where an instrument pays at
settlement, as Deribit's contracts do, what fills realize is no cash yet: balance = opening - fees + cash movements, and
the rest is `unsettled`. Settlement pays out that and a part of what a position has gained, so its entry value moves by
as much; delivery ends the position; funding is earned by it. Spot is cash: a fill moves both of its currencies, and its
position is only how much was bought since we trade it, less the fees that were taken of that: coins that were sold for
nothing.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from itertools import islice

import msgspec

from replenisher.core.worth import Worth
from replenisher.model.event import CashKind, CashMoved, OrderFilled
from replenisher.model.instrument import SPOT, Instrument
from replenisher.model.order import BUY, EXTERNAL, SELL, Side

ZERO = Decimal(0)
BOOKED_STEP = Decimal("1e-8")  # the smallest part of a settlement currency that is booked
CHARGES = (CashKind.FEE, CashKind.LIQUIDATION)
FILLS_REMEMBERED_MAX = 20_000
FORGOTTEN_AT_ONCE = 250  # to find the first entry of a dictionary takes the longer, the more have gone before it


def remember(remembered: dict[str, None], key: str) -> None:
    """Keep one key more, and forget the oldest ones when there are too many."""
    remembered[key] = None
    if len(remembered) > FILLS_REMEMBERED_MAX:
        for oldest in list(islice(remembered, FORGOTTEN_AT_ONCE)):
            del remembered[oldest]


def booked(value: Decimal) -> Decimal:
    """A value as it is booked: rounded half-even to 1e-8."""
    return value.quantize(BOOKED_STEP, ROUND_HALF_EVEN)


def coins_taken(instrument: Instrument, fee: Decimal, currency: str) -> Decimal:
    """How many coins of a spot position a fee has taken; a fee in another currency takes none."""
    return fee if instrument.kind is SPOT and currency == instrument.base_currency else ZERO


class Entry(msgspec.Struct):
    """What a strategy has paid for what it holds, and what it paid last. For its opinion, in doubles; no booking."""

    price: float | None = None  # on average; None when flat
    last_price: float | None = None

    def fill(self, before: Decimal, after: Decimal, price: float, *, is_inverse: bool) -> None:
        """Its share of a position has become another one at this price."""
        self.last_price = price
        if after == 0:
            self.price = None
        elif self.price is None or (before > 0) is not (after > 0):
            self.price = price
        elif abs(after) > abs(before):
            kept = float(before / after)
            # So many contracts of an inverse instrument cost so many coins as their mean of 1 / price says.
            mean = kept / self.price + (1 - kept) / price if is_inverse else kept * self.price + (1 - kept) * price
            self.price = 1 / mean if is_inverse else mean


class Position(msgspec.Struct):
    """A position in one instrument, by average cost."""

    size: Decimal = ZERO  # wire amount, negative is short
    entry_value: Decimal = ZERO  # settlement currency, never negative
    realized: Decimal = ZERO  # settlement currency, before fees
    fees: Decimal = ZERO  # settlement currency, negative is a rebate
    fees_elsewhere: dict[str, Decimal] = msgspec.field(default_factory=dict)  # by currency; nobody tells their worth

    def fill(self, instrument: Instrument, side: Side, amount: Decimal, price: Decimal) -> Decimal:
        """Book one fill; returns what it realized."""
        return self.book(instrument, side, amount, booked(instrument.value(amount, price)))

    def book(self, instrument: Instrument, side: Side, amount: Decimal, value: Decimal) -> Decimal:
        """The same, where its value as it is booked is known."""
        signed = amount if side is BUY else -amount
        if self.size == 0 or (self.size > 0) == (signed > 0):
            self.size += signed
            self.entry_value += value
            return ZERO
        held = abs(self.size)
        closed = min(amount, held)
        released = self.entry_value if closed == held else booked(self.entry_value * closed / held)
        exit_value = value if closed == amount else booked(value * closed / amount)
        is_long = self.size > 0
        realized = exit_value - released if is_long is not instrument.inverse else released - exit_value
        self.size += signed
        self.entry_value = self.entry_value - released if closed == amount else value - exit_value
        self.realized += realized
        return realized

    def settle(self, instrument: Instrument, amount: Decimal) -> None:
        """Money was paid out of what the open position had gained (or lost): it goes on from there."""
        is_long = self.size > 0
        self.entry_value += amount if is_long is not instrument.inverse else -amount
        self.realized += amount

    def pay_elsewhere(self, currency: str, fee: Decimal) -> None:
        """A fee was taken in a currency that is none of the instrument's."""
        self.fees_elsewhere[currency] = self.fees_elsewhere.get(currency, ZERO) + fee

    def take_coins(self, instrument: Instrument, taken: Decimal) -> None:
        """A fee was taken in its coins, of which there are so many less; or a rebate given, and there are more."""
        self.book(instrument, SELL if taken > 0 else BUY, abs(taken), ZERO)

    def deliver(self, amount: Decimal) -> None:
        """All that the position had gained was paid out, and nothing is left of it."""
        self.size = self.entry_value = ZERO
        self.realized += amount

    def worth(self, instrument: Instrument) -> Worth:
        """What it would bring, as an estimate."""
        return Worth(
            held=abs(float(self.size)) * float(instrument.contract_value),
            entry=float(self.entry_value),
            settled=float(self.realized - self.fees),
            is_long=self.size > 0,
            is_inverse=instrument.inverse,
        )

    def entry_price(self, instrument: Instrument) -> Decimal | None:
        """What it cost on average; None if that is not known, or nothing is held."""
        held = abs(self.size) * instrument.contract_value
        if not held or not self.entry_value:
            return None
        return held / self.entry_value if instrument.inverse else self.entry_value / held

    def unrealized(self, instrument: Instrument, mark: float) -> float:
        """What closing at `mark` would realize, in the settlement currency. An estimate, not a booking."""
        return self.worth(instrument).unrealized(mark)

    def pnl_quote(self, instrument: Instrument, mark: float) -> float:
        """Realized and unrealized P&L after fees, in the quote currency at `mark`. An estimate, not a booking."""
        return self.worth(instrument).pnl_quote(mark)


NO_ENTRY = Entry()


class Account(msgspec.Struct):
    """All we have at all venues, and which strategy it belongs to."""

    positions: dict[str, Position] = msgspec.field(default_factory=dict)  # by instrument
    inventories: dict[str, dict[str, Decimal]] = msgspec.field(default_factory=dict)  # instrument -> strategy -> amount
    entries: dict[str, dict[str, Entry]] = msgspec.field(default_factory=dict)  # likewise
    balances: dict[str, Decimal] = msgspec.field(default_factory=dict)  # by `venue/currency`
    unsettled: dict[str, Decimal] = msgspec.field(default_factory=dict)  # likewise: realized, and no cash yet
    balance_times: dict[str, int] = msgspec.field(default_factory=dict)  # as of when the venue told them
    remembered: dict[str, None] = msgspec.field(default_factory=dict)  # what was booked lately, oldest first
    cursors: dict[str, int] = msgspec.field(default_factory=dict)  # by instrument and `venue/currency`, in venue time
    agreed: dict[str, None] = msgspec.field(default_factory=dict)  # instruments whose position was compared before
    agreeing: dict[str, int] = msgspec.field(default_factory=dict)  # of others: how many answers in a row have agreed
    cash_moves: int = 0  # how often any balance has changed

    def position(self, instrument: str) -> Position:
        """The position in one instrument, to be looked at only."""
        return self.positions.get(instrument) or Position()

    def inventory(self, instrument: str, strategy: str) -> Decimal:
        """One strategy's share of a position, in the wire amount."""
        return self.inventories.get(instrument, {}).get(strategy, ZERO)

    def entry(self, instrument: str, strategy: str) -> Entry:
        """What that share was entered at, to be looked at only."""
        return self.entries.get(instrument, {}).get(strategy, NO_ENTRY)

    def book(self, fill: OrderFilled, instrument: Instrument, strategy: str) -> bool:
        """Book a fill, once; whether it was news."""
        if not self._remember(fill_key(fill)):
            return False
        key = fill.instrument
        position = self._held(key)
        realized = position.fill(instrument, fill.side, fill.amount, fill.price)
        shares = self.inventories.setdefault(key, {})
        before = shares.get(strategy, ZERO)
        after = shares[strategy] = before + fill.amount * fill.side.sign
        entries = self.entries.setdefault(key, {})
        if (entry := entries.get(strategy)) is None:
            entry = entries[strategy] = Entry()
        entry.fill(before, after, float(fill.price), is_inverse=instrument.inverse)
        if instrument.kind is SPOT:
            worth = booked(instrument.value(fill.amount, fill.price))
            self._move(instrument.venue, instrument.base_currency, fill.side.sign * fill.amount)
            self._move(instrument.venue, instrument.settlement_currency, -fill.side.sign * worth)
        elif instrument.pays_at_settlement:
            self._wait(instrument.venue, instrument.settlement_currency, realized)
        else:
            self._move(instrument.venue, instrument.settlement_currency, realized)
        self._charge(instrument, strategy, fill.fee, fill.fee_currency)
        self._move(instrument.venue, fill.fee_currency, -fill.fee)
        assert sum(shares.values()) == position.size, "strategies and external together are the position"
        return True

    def is_untouched(self, instrument: str) -> bool:
        """Whether nothing of a position is booked yet, neither a fill nor what was taken over."""
        return instrument not in self.inventories

    def caught_up(self, instrument: str, venue_time: int) -> None:
        """Every fill of ours, or every move of cash, up to this venue time is booked."""
        self.cursors[instrument] = max(self.cursors.get(instrument, 0), venue_time)

    def told_the_same(self, instrument: str, times: int) -> None:
        """The venue's position is ours, which counts once it has said so often enough, without a word that differs."""
        if instrument in self.agreed:
            return
        told = self.agreeing[instrument] = self.agreeing.get(instrument, 0) + 1
        if told >= times:
            self.agree(instrument)

    def told_otherwise(self, instrument: str) -> None:
        """The venue's position is not ours."""
        self.agreeing.pop(instrument, None)

    def agree(self, instrument: str) -> None:
        """From now on only our fills change what the venue holds for us."""
        self.agreed[instrument] = None
        self.agreeing.pop(instrument, None)

    def disagree(self, instrument: str) -> None:
        """An operator lets what differs be taken over, as if the position were compared for the first time."""
        self.agreed.pop(instrument, None)

    def take_over(self, instrument: Instrument, amount: Decimal, price: Decimal) -> None:
        """A part of the venue's position that none of our fills explains is nobody's inventory, at that price."""
        position = self._held(instrument.key)
        side = Side.BUY if amount > 0 else Side.SELL
        position.fill(instrument, side, abs(amount), price)
        shares = self.inventories.setdefault(instrument.key, {})
        shares[EXTERNAL] = shares.get(EXTERNAL, ZERO) + amount
        self.agree(instrument.key)

    def set_balance(
        self, venue: str, currency: str, balance: Decimal, venue_time: int = 0, unsettled: Decimal = ZERO
    ) -> None:
        """The venue's word on our cash in one currency, as of its own clock, and on what is no cash yet."""
        self.balances[f"{venue}/{currency}"] = balance
        self.unsettled[f"{venue}/{currency}"] = unsettled
        self.cash_moves += 1
        self.balance_times[f"{venue}/{currency}"] = venue_time

    def move_cash(self, move: CashMoved, instrument: Instrument | None) -> bool:
        """Book money that came or went without a fill, once; whether it was news.

        What moved before the venue told our balance is in it already.
        """
        key = f"cash#{move.venue}#{move.currency}#{move.kind}#{move.venue_id}"
        if not self._remember(key):
            return False
        self.cash_moves += 1
        if move.venue_time >= self.balance_times.get(f"{move.venue}/{move.currency}", 0):
            self._move(move.venue, move.currency, move.amount)
            self._wait(move.venue, move.currency, -move.realized)
        if instrument is not None and move.kind in CHARGES:  # it is told before its fill
            known = list(self.inventories.get(instrument.key, ()))
            self._charge(instrument, known[0] if len(known) == 1 else EXTERNAL, -move.amount, move.currency)
        if instrument is None or self.is_untouched(instrument.key):
            return True
        position = self._held(instrument.key)
        match move.kind:
            case CashKind.SETTLEMENT:
                position.settle(instrument, move.amount - move.realized)
            case CashKind.DELIVERY:
                position.deliver(move.amount - move.realized)
                self.inventories[instrument.key] = dict.fromkeys(self.inventories[instrument.key], ZERO)
                self.entries.pop(instrument.key, None)
            case CashKind.FUNDING if move.currency == instrument.settlement_currency:
                position.realized += move.amount
            case CashKind.FUNDING:
                position.pay_elsewhere(move.currency, -move.amount)
            case _:
                pass
        return True

    def balance(self, venue: str, currency: str) -> Decimal | None:
        """Our cash in one currency; None until the venue has told it."""
        return self.balances.get(f"{venue}/{currency}")

    def funds(self, venue: str, currency: str) -> Decimal | None:
        """What stands behind positions in one currency: our cash, and what will be with the next settlement."""
        key = f"{venue}/{currency}"
        balance = self.balances.get(key)
        return None if balance is None else balance + self.unsettled.get(key, ZERO)

    def _charge(self, instrument: Instrument, strategy: str, fee: Decimal, currency: str) -> None:
        """A fee was taken, or a rebate given; of spot in its coins, that is so many of them less."""
        position = self._held(instrument.key)
        if currency == instrument.settlement_currency:
            position.fees += fee
        elif taken := coins_taken(instrument, fee, currency):
            position.take_coins(instrument, taken)
            shares = self.inventories.setdefault(instrument.key, {})
            shares[strategy] = shares.get(strategy, ZERO) - taken
        elif fee:
            position.pay_elsewhere(currency, fee)

    def _held(self, instrument: str) -> Position:
        """The position in one instrument, to be changed; made when something is first booked."""
        position = self.positions.get(instrument)
        if position is None:
            position = self.positions[instrument] = Position()
        return position

    def _remember(self, key: str) -> bool:
        """Whether this is heard for the first time."""
        if key in self.remembered:
            return False
        remember(self.remembered, key)
        return True

    def _move(self, venue: str, currency: str, amount: Decimal) -> None:
        key = f"{venue}/{currency}"
        if key in self.balances:
            self.balances[key] += amount
            self.cash_moves += 1

    def _wait(self, venue: str, currency: str, amount: Decimal) -> None:
        key = f"{venue}/{currency}"
        if amount and key in self.balances:
            self.unsettled[key] = self.unsettled.get(key, ZERO) + amount
            self.cash_moves += 1


def fill_key(fill: OrderFilled) -> str:
    """What a fill is known by: of one trade of ours with ourselves there are two."""
    return f"{fill.instrument}#{fill.trade_id}#{fill.side}"

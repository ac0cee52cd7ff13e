"""Worth: what a position would bring at a mark. An estimate in doubles, to be looked at again and again; no booking."""

import msgspec


class Worth(msgspec.Struct, frozen=True, gc=False):
    """A position as of its last change, in doubles."""

    held: float  # of what the contracts are about, never negative
    entry: float  # settlement currency, never negative
    settled: float  # settlement currency: realized, after fees
    is_long: bool
    is_inverse: bool

    def unrealized(self, mark: float) -> float:
        """What closing at `mark` would realize, in the settlement currency."""
        if self.held == 0 or mark <= 0:
            return 0.0
        if self.is_inverse:
            now = self.held / mark
            return self.entry - now if self.is_long else now - self.entry
        now = self.held * mark
        return now - self.entry if self.is_long else self.entry - now

    def pnl_quote(self, mark: float) -> float:
        """Realized and unrealized P&L after fees, in the quote currency at `mark`."""
        pnl = self.settled + self.unrealized(mark)
        return pnl * mark if self.is_inverse else pnl

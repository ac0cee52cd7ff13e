"""Who may log in to the exchange, and the limits that the venue sets to its clients."""

import msgspec

from replenisher.exchange.dialects.deribit.login import ApiKey


class Grant(msgspec.Struct, frozen=True):
    """How many matching engine requests an account may make from some moment on."""

    since: int  # venue time
    per_s: float
    burst: int


class DeribitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is the operator's choice about the dialect."""

    keys: tuple[ApiKey, ...]
    token_s: int = 900
    credits_per_s: float = 30  # matching engine requests, for each account
    credits_burst: int = 100
    later: Grant | None = None  # what takes the place of these two
    requests_per_s: float = 20  # of all other methods, for each account or connection without one; a few are dearer
    requests_burst: int = 100
    testnet: bool = True
    order_reply_ms: float = 0.0  # how much later than others a request is answered that went to the matching engine
    public_without_login: bool = True
    keeps_orders_when_shut: bool = False  # also those that cancel-on-disconnect would take

    def granted(self, at: int) -> Grant:
        """What an account may ask for now."""
        if self.later is not None and at >= self.later.since:
            return self.later
        return Grant(0, self.credits_per_s, self.credits_burst)

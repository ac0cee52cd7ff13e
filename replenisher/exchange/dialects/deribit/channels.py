"""The channels a client can subscribe to, read from their names; a name that is not one of these does not exist."""

from enum import StrEnum

import msgspec

INTERVALS_NS = {"raw": 0, "100ms": 100_000_000, "agg2": 1_000_000_000}  # agg2 is documented as 2 s, measured as 1 s
KINDS = ("any", "future", "option", "spot")
WHOLE = "any"


class Topic(StrEnum):
    """What a channel tells about."""

    BOOK = "book"
    TRADES = "trades"
    TICKER = "ticker"
    QUOTE = "quote"
    STATE = "instrument.state"
    PLATFORM = "platform_state"
    ORDERS = "user.orders"
    FILLS = "user.trades"
    CHANGES = "user.changes"
    MMP = "user.mmp_trigger"

    @property
    def is_private(self) -> bool:
        """Whether only the owner of an account may listen."""
        return self in (Topic.ORDERS, Topic.FILLS, Topic.CHANGES, Topic.MMP)


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One channel: a topic about one instrument, or about all of a kind and currency."""

    name: str
    topic: Topic
    instrument: str = ""  # empty where kind and currency choose
    kind: str = WHOLE
    currency: str = WHOLE
    index: str = ""  # such as btc_usd, where an index chooses
    interval_ns: int = 0

    @property
    def is_raw(self) -> bool:
        """Whether every single event is told; only who is logged in may hear that."""
        return self.name.endswith(".raw")


def parse(name: str) -> Channel | None:
    """The channel of this name, or None if the venue has none."""
    match name.split("."):
        case ["platform_state"]:
            return Channel(name=name, topic=Topic.PLATFORM)
        case ["quote", instrument]:
            return Channel(name=name, topic=Topic.QUOTE, instrument=instrument)
        case ["user", "mmp_trigger", index]:
            return Channel(name=name, topic=Topic.MMP, index=index)
        case ["instrument", "state", kind, currency] if kind in KINDS:
            return Channel(name=name, topic=Topic.STATE, kind=kind, currency=currency)
        case ["book" | "trades" | "ticker" as topic, instrument, interval] if interval in INTERVALS_NS:
            return _of_instrument(name, Topic(topic), instrument, interval)
        case ["trades", kind, currency, interval] if kind in KINDS and interval in INTERVALS_NS:
            return _of_kind(name, Topic.TRADES, kind, currency, interval)
        case ["user", "orders" | "trades" | "changes" as topic, instrument, interval] if interval in INTERVALS_NS:
            return _of_instrument(name, Topic(f"user.{topic}"), instrument, interval)
        case ["user", "orders" | "trades" | "changes" as topic, kind, currency, interval] if (
            kind in KINDS and interval in INTERVALS_NS
        ):
            return _of_kind(name, Topic(f"user.{topic}"), kind, currency, interval)
        case _:
            return None


def _of_instrument(name: str, topic: Topic, instrument: str, interval: str) -> Channel:
    return Channel(name=name, topic=topic, instrument=instrument, interval_ns=INTERVALS_NS[interval])


def _of_kind(name: str, topic: Topic, kind: str, currency: str, interval: str) -> Channel:
    chosen = currency if currency == WHOLE else currency.upper()
    return Channel(name=name, topic=topic, kind=kind, currency=chosen, interval_ns=INTERVALS_NS[interval])

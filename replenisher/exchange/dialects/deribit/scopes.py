"""What a key or a login may do: `account:read_write trade:read`, level by level."""

import re

import msgspec

AREAS = ("account", "block_rfq", "block_trade", "custody", "trade", "wallet")
LEVELS = ("none", "read", "read_write")
SECONDS_MAX = 10**9
SECONDS = re.compile("[0-9]{1,10}")


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The levels by area, and what a client may say with them about the life of its tokens."""

    levels: dict[str, str] = {}
    session: str = ""  # of tokens that outlive their connection; else they are bound to it
    seconds: int | None = None  # how long they live; as usual if None

    def allows(self, needed: str) -> bool:
        """Whether what a method needs (`trade:read`; nothing, for most) is among it."""
        area, _, level = needed.partition(":")
        return not needed or LEVELS.index(self.levels.get(area, "none")) >= LEVELS.index(level)

    def within(self, key: "Scope") -> "Scope":
        """What of it a key grants; all the key can, where no area is named."""
        granted = {
            area: min(level, key.levels.get(area, "none"), key=LEVELS.index) for area, level in self.levels.items()
        }
        return msgspec.structs.replace(self, levels=granted if self.levels else key.levels)

    def words(self, asked: "Scope") -> str:
        """As the venue writes it; areas that the client did not ask for by name are left out."""
        areas = [f"{area}:{self.levels[area]}" for area in sorted(asked.levels)]
        return " ".join([*areas, f"session:{self.session}" if self.session else "connection", "mainaccount"])


def parse(text: str) -> Scope | None:
    """The scope that a client names, or None if one of its words is none of the venue's."""
    levels, session, seconds = dict[str, str](), "", None
    for word in text.split():
        match word.split(":"):
            case ["connection" | "mainaccount"]:
                pass
            case ["session", name] if name:
                session = name
            case ["expires", count] if SECONDS.fullmatch(count) and 0 < int(count) <= SECONDS_MAX:
                seconds = int(count)
            case ["ip", _]:
                pass  # everybody here comes from the same machine
            case [area, level] if area in AREAS and level in LEVELS:
                levels[area] = level
            case _:
                return None
    return Scope(levels=levels, session=session, seconds=seconds)

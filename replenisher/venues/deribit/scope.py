"""What a login may do, as Deribit words it: `account:read trade:read_write wallet:none ...`, spaces between."""

RIGHTS = ("trade", "account", "wallet")  # the words that matter to us
WRITE = "read_write"

# The answer to a login names only what the login asked for by name, and no more than the key may do. So we ask for
# what trading needs and nothing else, and hear whether we may. The doctor alone also asks for the wallet, to tell.
NEEDED = f"connection account:{WRITE} trade:{WRITE}"
READING = "connection trade:read"
EVERYTHING = f"{NEEDED} wallet:{WRITE}"


def may_write(scope: str, right: str) -> bool | None:
    """Whether a scope lets change things of one kind; None if it speaks of no right at all, and so denies none."""
    granted = dict(part.split(":", 1) for part in scope.split() if ":" in part)
    return granted.get(right) == WRITE if granted.keys() & set(RIGHTS) else None


def is_barred_from_trading(scope: str) -> bool:
    """Whether orders would surely be refused."""
    return may_write(scope, "trade") is False

"""The errors an operator can meet, each with the exit code it ends the process with.

    ReplenisherError            1   a failure that is nobody's mistake
    ├── UsageError              2   the command line is none; what typer finds wrong with it by itself ends so, too
    ├── ConfigurationError     78   the YAML, a secret, a tape, a path, a schema or the journal is not what it must be
    ├── Unreachable            75   a venue or a database server does not answer at start: try again later
    ├── Taken                  75   another process has the account, or the data directory: try again later
    └── OrdersLeft              3   orders of ours rest that the configuration forbids to touch: look first

What the world does wrong while we trade is a fact (`replenisher.model.event`), never an exception; and what of it no
waiting mends is a halt (`replenisher.core.halts`), which ends the process with 3.
What we do wrong ourselves is an `AssertionError`; it stops trading and cancels.
"""


class ReplenisherError(Exception):
    """One clear sentence for the operator; `exit_code` is how the process ends."""

    exit_code = 1


class UsageError(ReplenisherError):
    """What was said on the command line cannot be done; the sentence names the option."""

    exit_code = 2


class ConfigurationError(ReplenisherError):
    """What the operator wrote cannot be traded on; the sentence names the path of the fault."""

    exit_code = 78


class Unreachable(ReplenisherError):
    """A venue or a database does not answer at start."""

    exit_code = 75


class Taken(ReplenisherError):
    """Somebody else has the account, or the data directory."""

    exit_code = 75


class OrdersLeft(ReplenisherError):
    """Orders of an earlier life rest, and nothing may be done about them."""

    exit_code = 3

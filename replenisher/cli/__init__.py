"""The command line: one function a verb, each of them a few lines over `wiring`.

What is heavy is imported inside the verb that needs it, so that a question about the command line costs nothing.
Exit codes: 0 fine, 1 failure, 2 usage, 3 risk halt, 75 unreachable at start, 78 bad configuration, 130 interrupted.
"""

import gc
import sys

from replenisher.cli.program import app
from replenisher.errors import ReplenisherError
from replenisher.streams import flush, lacks_room, say

# isort: off
from replenisher.cli import (
    wizard,
    trading,
    door,
    books,
    reporting,
    simulation,
    replaying,
    calibration,
    tapes,
    experiments,
    offers,
    importing,
)  # in the order in which `--help` lists their verbs

# isort: on

YOUNG_MAX = 300_000  # more than a verb imports: that is no garbage, and looking for some in it is a fifth of the start

__all__ = [
    "app",
    "books",
    "calibration",
    "door",
    "experiments",
    "importing",
    "main",
    "offers",
    "replaying",
    "reporting",
    "simulation",
    "tapes",
    "trading",
    "wizard",
]


def main() -> None:
    """The command `replenisher`: a mistake ends as one line on stderr and the exit code of its kind."""
    gc.set_threshold(YOUNG_MAX)
    try:
        app(prog_name="replenisher")
    except ReplenisherError as error:
        say(" ".join(str(error).split()))
        sys.exit(error.exit_code)
    except OSError as error:
        if not lacks_room(error):
            raise
        say(f"{error.filename or 'stdout'} cannot be written: {error.strerror}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        flush(sys.stdout, sys.stderr)
        gc.freeze()  # all that is left goes with the process: Python looks through it three times on its way out

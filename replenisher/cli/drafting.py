"""A configuration is written only if one could trade on it, only where nothing is yet, and as a whole."""

import tempfile
import time
from pathlib import Path

from replenisher.errors import ConfigurationError


def require_tradable(file: Path, text: str) -> None:
    """Refuse to write what `check` would refuse to trade on, keys and the operator's word for real money apart."""
    from replenisher.config import load, require_reachable, require_ready
    from replenisher.wiring.offered import require_offered, require_undelivered

    with tempfile.TemporaryDirectory() as room:
        trial = Path(room) / file.name
        trial.write_text(text)
        try:
            config = load(trial)
            require_offered(config)
            require_undelivered(config, time.time_ns())
            require_reachable(config)
            if config.mode == "paper":
                require_ready(config)
        except ConfigurationError as error:
            raise ConfigurationError(str(error).replace(str(trial), f"{file} is not written")) from None


def write_new(file: Path, text: str) -> None:
    """Write a file that is not there yet: whole, or not at all."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}.", delete=False) as open_file:
            beside = Path(open_file.name)
            try:
                open_file.write(text)
                open_file.close()
                beside.chmod(0o644)
                file.hardlink_to(beside)  # which, unlike a rename, puts nothing in the place of another file
            finally:
                beside.unlink()
    except FileExistsError:
        raise ConfigurationError(f"{file} is there already: name another one") from None
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be written: {error.strerror}") from None

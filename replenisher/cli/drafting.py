"""What verbs write is there as a whole or not at all; a configuration only if one could trade on it."""

import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from replenisher import files
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


def next_steps(file: Path, mode: str) -> str:
    """What there is to do with a configuration that was written."""
    flag = " --live" if mode == "live" else ""
    return f"{file} is written. Look at it, then:\n  replenisher doctor {file}\n  replenisher run {file}{flag}"


def write_new(file: Path, text: str) -> None:
    """Write a file that is not there yet: whole, or not at all."""
    try:
        with files.beside(file, text) as whole:
            file.hardlink_to(whole)  # which, unlike a rename, puts nothing in the place of another file
    except FileExistsError:
        raise ConfigurationError(f"{file} is there already: name another one") from None
    except OSError as error:
        raise _unwritten(file, error) from None


def write_over(file: Path, text: str) -> None:
    """Write a file in the place of what was there."""
    try:
        files.write_over(file, text)
    except OSError as error:
        raise _unwritten(file, error) from None


def write_folder(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files into a folder, which is made if it is not there: none before all of them are whole."""
    was_there = folder.exists()
    try:
        folder.mkdir(exist_ok=True)
        with ExitStack() as written:
            wholes = {
                folder / name: written.enter_context(files.beside(folder / name, text)) for name, text in texts.items()
            }
            for file, whole in wholes.items():
                whole.replace(file)
    except OSError as error:
        if not was_there:
            with suppress(OSError):
                folder.rmdir()
        raise _unwritten(folder, error) from None


def require_ours(file: Path, head: str) -> None:
    """Refuse to write over what somebody else made: what is there must be empty, or begin as ours does."""
    if not file.exists():
        return
    try:
        is_ours = file.is_file() and (file.stat().st_size == 0 or _begins(file, head.encode()))
    except OSError as error:
        raise _unwritten(file, error) from None
    if not is_ours:
        raise ConfigurationError(f"{file}: cannot be written: what is there is no report of ours, name another file")


def _begins(file: Path, head: bytes) -> bool:
    with file.open("rb") as open_file:
        return open_file.read(len(head)) == head


def require_writable(path: Path) -> None:
    """Refuse what could not be written, before somebody has waited for it."""
    folder = path if path.is_dir() else path.parent
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _unwritten(path, error) from None


def _unwritten(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{path}: cannot be written: {error.strerror}")

"""What is kept of a replay: nothing, or the files that a daemon and its exchange leave, all of them or none."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from replenisher.backtest.replay import Replay
from replenisher.config import Config
from replenisher.core.state import State
from replenisher.core.sweep_watches import Sweeps
from replenisher.errors import ConfigurationError
from replenisher.exchange.ledger_file import LedgerFile
from replenisher.live.birth import EPOCH_ZERO_S, begin
from replenisher.live.sole import sole
from replenisher.model.event import Ended
from replenisher.model.step import Step
from replenisher.model.units import SECOND_NS
from replenisher.store.database import Database
from replenisher.store.journal import Fsync, Journal, Policy
from replenisher.store.recorder import Recorder
from replenisher.wiring.books import database_upgrade
from replenisher.wiring.setup import setup_of


class Forgetful:
    """Keeps nothing."""

    def watch(self, state: State) -> None:
        """Nobody asks later what the market did."""

    def begin(self, config: Config, at: int) -> tuple[State, int]:
        """The state in which the life begins, and its epoch."""
        return State.load(setup_of(config), None), at // SECOND_NS - EPOCH_ZERO_S

    def append(self, data: bytes) -> None:
        """Some records of the exchange's ledger."""

    def observe(self, step: Step) -> None:
        """A step, as it was taken."""

    def rotate(self, game: Replay) -> None:
        """Go on in a new segment if the journal's has its size."""

    def close(self, ended: Ended) -> None:
        """It is over."""


class Files:
    """Journal, ledger and rows, as the daemon and its exchange leave them."""

    def __init__(self, config: Config) -> None:
        self._ledger = LedgerFile(config.data_dir / "exchange.ledger")
        self._directory = config.data_dir / "journal"
        self._database_url = config.database_url
        self._journal = Journal.open(
            self._directory,
            new_id=config.fingerprint(),
            policy=Policy(fsync=Fsync.NEVER, market_data=config.journal.market_data),
        )
        database_upgrade(config)

    def watch(self, state: State) -> Sweeps:
        """What watches the market for the record, as in the daemon."""
        return Sweeps(state)

    def begin(self, config: Config, at: int) -> tuple[State, int]:
        """The state in which the life begins, and its epoch."""
        return begin(self._journal, setup_of(config), at)

    def append(self, data: bytes) -> None:
        """Some records of the exchange's ledger."""
        self._ledger.append(data)

    def observe(self, step: Step) -> None:
        """A step, as it was taken."""
        self._journal.append(step)

    def rotate(self, game: Replay) -> None:
        """Go on in a new segment if the journal's has its size."""
        if self._journal.is_full:
            self._journal.rotate(game.engine.state.snapshot(), game.at)

    def close(self, ended: Ended) -> None:
        """Write down how it ended, and make rows of it all."""
        self._journal.append_fact(ended)
        self._journal.close()
        self._ledger.close()
        with closing(Database(self._database_url)) as database:
            Recorder(self._directory, database).record_all()


Memory = Forgetful | Files


@contextmanager
def written(directory: Path) -> Iterator[Path]:
    """A new folder that takes the place of `directory` once all is in it; nothing is left if that fails.

    It grows in another one beside, which is this replay's alone; what a killed one has left there is cleared away.
    """
    beside = directory.absolute().with_name(f".{directory.name}.partial")
    above = [folder for folder in beside.parents if not folder.exists()]
    try:
        beside.mkdir(parents=True, exist_ok=True)
        with sole(beside, f"{directory}: another replay is being written there, wait for it or name another directory"):
            try:
                yield from _grown(directory, beside / "data")
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise ConfigurationError(f"{directory}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):  # there is something in them
            for folder in above:
                folder.rmdir()


def _grown(directory: Path, growing: Path) -> Iterator[Path]:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(f"{directory}: a replay begins with an empty data directory, and something is there")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir()
    yield growing
    if directory.exists():
        directory.rmdir()
    growing.rename(directory)

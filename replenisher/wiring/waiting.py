"""Rows that wait: what a journal holds and its database does not, so that whoever reads rows knows what they lack."""

from replenisher.config import Config
from replenisher.live.sole import is_held
from replenisher.store.database import Database
from replenisher.store.moment import moment
from replenisher.store.recorder import Recorder


def rows_wait(config: Config, database: Database, before: int | None) -> str:
    """What the database lacks of what happened before a time, in a sentence; empty if it lacks nothing.

    Without a time it is asked of a desk that has ended: while one trades, its rows are on their way.
    """
    if before is None and is_held(config.data_dir):
        return ""
    status = Recorder(config.data_dir / "journal", database).look()
    if not status.behind_bytes or (before is not None and status.at >= before):
        return ""
    ends = f"end at {moment(status.at)} UTC"
    return (
        f"{status.behind_bytes:,} bytes of the journal are not in the database, whose rows "
        f"{ends if status.at else 'have not begun'}: the next `run` brings them there"
    )

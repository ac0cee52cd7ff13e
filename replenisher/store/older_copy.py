"""A journal beside its rows: an older copy of it, as out of a backup, shows by what the database has already.

A recorder goes on at its cursor and takes every segment before that for recorded. So it would pass over all that is
written behind an older copy, until there are as many segments again.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, select

from replenisher.errors import ConfigurationError
from replenisher.store import tables
from replenisher.store.segments import read_header, segments


def refuse_older_copy(directory: Path, connection: Connection) -> None:
    """Refuse a journal of which the database has a later life, or more than one segment more.

    One segment a loss of power may take where nobody waits for the disk; the beginning of a life it does not.
    """
    for segment in segments(directory)[-1:]:
        found = read_header(segment)
        if found is None or not inspect(connection).has_table(tables.cursor.name):
            return
        cursor = tables.cursor.c
        query = select(cursor.epoch, cursor.segment).where(cursor.journal_id == found[0].journal_id)
        for epoch, recorded in connection.execute(query):
            if epoch > found[0].epoch or recorded > segment.number + 1:
                raise ConfigurationError(
                    f"{directory}: the database has later rows of this journal, so this is an older copy of it: bring "
                    "the newest one back, or move it away and look what the venue says of orders and positions before "
                    "trading"
                )

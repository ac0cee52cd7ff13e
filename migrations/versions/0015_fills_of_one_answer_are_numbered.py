"""Each fill has a place of its own among those of its step, also where one answer told several."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NUMBERED = """
    UPDATE fills SET "index" = numbered.place FROM (
        SELECT venue, account, instrument, trade_id, side, row_number() OVER (
            PARTITION BY journal_id, epoch, step ORDER BY "index", venue_time, length(trade_id), trade_id
        ) - 1 AS place
        FROM fills WHERE (journal_id, epoch, step) IN (
            SELECT journal_id, epoch, step FROM fills GROUP BY journal_id, epoch, step HAVING count(*) > 1
        )
    ) AS numbered
    WHERE fills.venue = numbered.venue AND fills.account = numbered.account
    AND fills.instrument = numbered.instrument AND fills.trade_id = numbered.trade_id AND fills.side = numbered.side
"""


def upgrade() -> None:
    """Those of earlier answers are put as they happened: by the venue's clock, and by its numbers where that is one."""
    op.execute(NUMBERED)


def downgrade() -> None:
    """What is in order stays so."""

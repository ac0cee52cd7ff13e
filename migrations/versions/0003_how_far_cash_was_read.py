"""Up to when the venue's book of our cash was read, each time it was."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEX = "ix_cash_looks_venue_account_currency_venue_time"


def upgrade() -> None:
    """Nothing is known of how far it was read before."""
    op.create_table(
        "cash_looks",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("venue_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "epoch", "step", "index", name=op.f("pk_cash_looks")),
    )
    op.create_index(op.f(INDEX), "cash_looks", ["venue", "account", "currency", "venue_time"], unique=False)


def downgrade() -> None:
    """Forget how far it was read."""
    op.drop_index(op.f(INDEX), table_name="cash_looks")
    op.drop_table("cash_looks")

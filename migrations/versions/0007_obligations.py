"""How each strategy that has obligations met them, hour by hour, and when it did not."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody was obliged before."""
    op.create_table(
        "presence",
        *_of_a_strategy(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("traded_ns", sa.BigInteger(), nullable=False),
        sa.Column("met_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "strategy", "hour", name=op.f("pk_presence")),
    )
    op.create_index(op.f("ix_presence_venue_account_hour"), "presence", ["venue", "account", "hour"], unique=False)
    op.create_table(
        "breaches",
        *_of_a_strategy(),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "strategy", "since", name=op.f("pk_breaches")),
    )
    op.create_index(op.f("ix_breaches_venue_account_since"), "breaches", ["venue", "account", "since"], unique=False)


def downgrade() -> None:
    """Forget how they met them."""
    op.drop_index(op.f("ix_breaches_venue_account_since"), table_name="breaches")
    op.drop_table("breaches")
    op.drop_index(op.f("ix_presence_venue_account_hour"), table_name="presence")
    op.drop_table("presence")


def _of_a_strategy() -> tuple[sa.Column[object], ...]:
    """Where in which journal a row stems from, and whom it is about."""
    return (
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
    )

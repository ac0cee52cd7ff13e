"""What each life has asked of each strategy, and what guards and limits made of each quote."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of lives and decisions that are recorded already, nothing more is known."""
    op.create_table(
        "mandates",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("idea", sa.String(), nullable=False),
        sa.Column("fair_value", sa.String(), nullable=False),
        sa.Column("chain", sa.JSON(), nullable=True),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("guards", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("journal_id", "epoch", "strategy", name=op.f("pk_mandates")),
    )
    op.add_column("decisions", sa.Column("cuts", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Forget them."""
    op.drop_column("decisions", "cuts")
    op.drop_table("mandates")

"""Every halt, and every word with which an operator resumed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody was halted before."""
    op.create_table(
        "halts",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "epoch", "step", "index", "kind", name=op.f("pk_halts")),
    )
    op.create_index(op.f("ix_halts_at"), "halts", ["at"], unique=False)


def downgrade() -> None:
    """Forget who halted and why."""
    op.drop_index(op.f("ix_halts_at"), table_name="halts")
    op.drop_table("halts")

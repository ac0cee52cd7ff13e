"""How each life ended: why, whether verified flat, and what may rest if not."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of lives that have ended already only their logs tell it."""
    op.create_table(
        "endings",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("is_verified", sa.Boolean(), nullable=False),
        sa.Column("may_rest", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "epoch", name=op.f("pk_endings")),
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_table("endings")

"""What signals had seen when they were last recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

EXACT = sa.Numeric().with_variant(sa.String(40), "sqlite")


def upgrade() -> None:
    """None was recorded before."""
    op.create_table(
        "signals",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("specification", sa.String(), nullable=False),
        sa.Column("tick", EXACT, nullable=False),
        sa.Column("lot", EXACT, nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "account", "instrument", "specification", name=op.f("pk_signals")),
    )


def downgrade() -> None:
    """Forget them: the next life begins blind."""
    op.drop_table("signals")

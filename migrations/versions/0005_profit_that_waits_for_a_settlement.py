"""Which instruments pay what fills realize at a settlement only, and how much of each settlement that was."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

EXACT = sa.Numeric().with_variant(sa.String(40), "sqlite")  # SQLite would make it a double


def upgrade() -> None:
    """What was recorded before was booked as if fills had paid at once."""
    op.add_column(
        "instruments", sa.Column("pays_at_settlement", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("cash_moves", sa.Column("realized", EXACT, nullable=False, server_default="0"))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("cash_moves", "realized")
    op.drop_column("instruments", "pays_at_settlement")

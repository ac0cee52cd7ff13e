"""What a market maker's programme wants of each strategy, in each life."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of lives that are recorded already nobody knows it."""
    op.add_column("mandates", sa.Column("obligations", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("mandates", "obligations")

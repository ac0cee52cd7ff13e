"""Cash that moves on a position names its instrument."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was recorded before was about no position that anybody named."""
    op.add_column("cash_moves", sa.Column("instrument", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Forget whose they were."""
    op.drop_column("cash_moves", "instrument")

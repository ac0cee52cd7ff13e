"""What a strategy showed when one of its orders was filled."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of earlier fills nobody knows it."""
    op.add_column("fills", sa.Column("own_spread", sa.Double(), nullable=True))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("fills", "own_spread")

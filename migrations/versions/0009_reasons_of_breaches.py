"""For how long each reason held while obligations were not met."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of a breach that was recorded before only its first reason is known, and not how long that held."""
    op.add_column("breaches", sa.Column("held_ns", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("breaches", "held_ns")

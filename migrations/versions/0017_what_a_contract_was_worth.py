"""What a contract was worth when it was traded: venues give one another size, and its fills are valued by their own."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

EXACT = sa.Numeric().with_variant(sa.String(40), "sqlite")
AS_DEFINED = """
    UPDATE fills SET contract_value = (
        SELECT contract_value FROM instruments
        WHERE instruments.venue = fills.venue AND instruments.name = fills.instrument
        ORDER BY instruments.at DESC, instruments.version DESC LIMIT 1
    )
"""


def upgrade() -> None:
    """Earlier fills stay what they count as now: as their instrument was last defined."""
    op.add_column("fills", sa.Column("contract_value", EXACT, nullable=True))
    op.execute(AS_DEFINED)


def downgrade() -> None:
    """Forget it."""
    op.drop_column("fills", "contract_value")

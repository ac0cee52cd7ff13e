"""Where the others stood once a minute, of each instrument on which something was held."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

EXACT = sa.Numeric().with_variant(sa.String(40), "sqlite")
INDEX = "ix_marks_venue_account_instrument_at"


def upgrade() -> None:
    """Of what is recorded already nobody knows it."""
    op.create_table(
        "marks",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("mid", EXACT, nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "epoch", "step", "index", name=op.f("pk_marks")),
    )
    op.create_index(op.f(INDEX), "marks", ["venue", "account", "instrument", "at"], unique=False)


def downgrade() -> None:
    """Forget it."""
    op.drop_index(op.f(INDEX), table_name="marks")
    op.drop_table("marks")

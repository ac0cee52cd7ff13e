"""Where the market stood at our fills and went after them, what venues answered, how books came back from sweeps."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

EXACT = sa.Numeric().with_variant(sa.String(40), "sqlite")
MIDS = ("mid_100ms", "mid_500ms", "mid_1s", "mid_5s", "mid_10s", "mid_30s", "mid_60s", "mid_300s")
VERSIONS = """
    UPDATE fills SET config_version = orders.config_version, level = orders.level FROM orders
    WHERE orders.venue = fills.venue AND orders.account = fills.account AND orders.order_id = fills.order_id
"""


def upgrade() -> None:
    """Of earlier fills nobody knows where the market stood; they are said to have hit the last level of their order."""
    op.add_column("fills", sa.Column("level", sa.Integer(), nullable=True))
    op.add_column("fills", sa.Column("config_version", sa.String(), nullable=False, server_default=""))
    op.add_column("fills", sa.Column("mid", EXACT, nullable=True))
    op.add_column("fills", sa.Column("spread", sa.Double(), nullable=True))
    op.execute(VERSIONS)
    op.create_table(
        "markouts",
        *_origin(),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("trade_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in MIDS),
        sa.PrimaryKeyConstraint("venue", "account", "instrument", "trade_id", "side", name=op.f("pk_markouts")),
    )
    op.create_table(
        "answers",
        *_origin(),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("config_version", sa.String(), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("intent", sa.String(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "epoch", "step", "index", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_venue_account_order_id"), "answers", ["venue", "account", "order_id"])
    op.create_table(
        "sweeps",
        *_origin(),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("band_bps", sa.Double(), nullable=False),
        sa.Column("venue_time", sa.BigInteger(), nullable=False),
        sa.Column("loss", sa.Double(), nullable=False),
        sa.Column("watched_ns", sa.BigInteger(), nullable=False),
        sa.Column("back", sa.JSON(), nullable=False),
        sa.Column("t50_ns", sa.BigInteger(), nullable=True),
        sa.Column("t90_ns", sa.BigInteger(), nullable=True),
        sa.Column("flow_per_s", sa.Double(), nullable=True),
        sa.Column("own_share", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("journal_id", "epoch", "step", "index", name=op.f("pk_sweeps")),
    )
    op.create_index(
        op.f("ix_sweeps_venue_account_instrument_venue_time"),
        "sweeps",
        ["venue", "account", "instrument", "venue_time"],
    )


def downgrade() -> None:
    """Forget the market, the answers and the sweeps; a fill no longer says under which configuration it came."""
    op.drop_index(op.f("ix_sweeps_venue_account_instrument_venue_time"), table_name="sweeps")
    op.drop_table("sweeps")
    op.drop_index(op.f("ix_answers_venue_account_order_id"), table_name="answers")
    op.drop_table("answers")
    op.drop_table("markouts")
    for name in ("spread", "mid", "config_version", "level"):
        op.drop_column("fills", name)


def _origin() -> tuple[sa.Column[object], ...]:
    """Where in which journal a row stems from, when, and whose account it is about."""
    return (
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
    )

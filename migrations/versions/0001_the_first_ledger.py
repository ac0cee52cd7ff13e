"""The first ledger: lives, instruments, orders, requests, fills, money, decisions, and how far they are recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

EXACT = sa.Numeric().with_variant(sa.String(40), "sqlite")  # SQLite would make it a double


def upgrade() -> None:
    op.create_table(
        "balances",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("balance", EXACT, nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "epoch", "step", "index", name=op.f("pk_balances")),
    )
    op.create_index(
        op.f("ix_balances_venue_account_currency_at"), "balances", ["venue", "account", "currency", "at"], unique=False
    )
    op.create_table(
        "cash_moves",
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("venue_id", sa.String(), nullable=False),
        sa.Column("amount", EXACT, nullable=False),
        sa.Column("venue_time", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "account", "kind", "currency", "venue_id", name=op.f("pk_cash_moves")),
    )
    op.create_table(
        "cursor",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("pk_cursor")),
    )
    op.create_table(
        "decisions",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("fair_value", sa.Double(), nullable=True),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("permitted", sa.JSON(), nullable=False),
        sa.Column("withheld", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "epoch", "step", "index", name=op.f("pk_decisions")),
    )
    op.create_table(
        "fills",
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("trade_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("venue_order_id", sa.String(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("price", EXACT, nullable=False),
        sa.Column("amount", EXACT, nullable=False),
        sa.Column("fee", EXACT, nullable=False),
        sa.Column("fee_currency", sa.String(), nullable=False),
        sa.Column("liquidity", sa.String(), nullable=False),
        sa.Column("venue_time", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "account", "instrument", "trade_id", "side", name=op.f("pk_fills")),
    )
    op.create_index(op.f("ix_fills_venue_account_order_id"), "fills", ["venue", "account", "order_id"], unique=False)
    op.create_table(
        "instruments",
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tick_steps", sa.JSON(), nullable=False),
        sa.Column("lot", EXACT, nullable=False),
        sa.Column("amount_unit", sa.String(), nullable=False),
        sa.Column("contract_value", EXACT, nullable=False),
        sa.Column("inverse", sa.Boolean(), nullable=False),
        sa.Column("base_currency", sa.String(), nullable=False),
        sa.Column("quote_currency", sa.String(), nullable=False),
        sa.Column("settlement_currency", sa.String(), nullable=False),
        sa.Column("min_amount", EXACT, nullable=False),
        sa.Column("min_notional", EXACT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "name", "version", name=op.f("pk_instruments")),
    )
    op.create_table(
        "lives",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("config_version", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("accounts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "epoch", name=op.f("pk_lives")),
    )
    op.create_table(
        "orders",
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("venue_order_id", sa.String(), nullable=False),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("instrument_version", sa.Integer(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
        sa.Column("price_ticks", sa.BigInteger(), nullable=False),
        sa.Column("quantity_lots", sa.BigInteger(), nullable=False),
        sa.Column("price", EXACT, nullable=False),
        sa.Column("amount", EXACT, nullable=False),
        sa.Column("filled", EXACT, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("config_version", sa.String(), nullable=False),
        sa.Column("updated_epoch", sa.BigInteger(), nullable=False),
        sa.Column("updated_step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "account", "order_id", name=op.f("pk_orders")),
    )
    op.create_index(op.f("ix_orders_venue_account_status"), "orders", ["venue", "account", "status"], unique=False)
    op.create_table(
        "positions",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("instrument", sa.String(), nullable=False),
        sa.Column("amount", EXACT, nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "epoch", "step", "index", name=op.f("pk_positions")),
    )
    op.create_index(
        op.f("ix_positions_venue_account_instrument_at"),
        "positions",
        ["venue", "account", "instrument", "at"],
        unique=False,
    )
    op.create_table(
        "requests",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("venue", sa.String(), nullable=True),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("instrument", sa.String(), nullable=True),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("strategy", sa.String(), nullable=True),
        sa.Column("side", sa.String(), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("price_ticks", sa.BigInteger(), nullable=True),
        sa.Column("quantity_lots", sa.BigInteger(), nullable=True),
        sa.Column("price", EXACT, nullable=True),
        sa.Column("amount", EXACT, nullable=True),
        sa.Column("intent", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("journal_id", "epoch", "step", "index", name=op.f("pk_requests")),
    )
    op.create_index(
        op.f("ix_requests_venue_account_order_id"), "requests", ["venue", "account", "order_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_requests_venue_account_order_id"), table_name="requests")
    op.drop_table("requests")
    op.drop_index(op.f("ix_positions_venue_account_instrument_at"), table_name="positions")
    op.drop_table("positions")
    op.drop_index(op.f("ix_orders_venue_account_status"), table_name="orders")
    op.drop_table("orders")
    op.drop_table("lives")
    op.drop_table("instruments")
    op.drop_index(op.f("ix_fills_venue_account_order_id"), table_name="fills")
    op.drop_table("fills")
    op.drop_table("decisions")
    op.drop_table("cursor")
    op.drop_table("cash_moves")
    op.drop_index(op.f("ix_balances_venue_account_currency_at"), table_name="balances")
    op.drop_table("balances")

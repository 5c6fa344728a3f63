"""Refunds, recorded before the provider is asked; orders whose money is on its way back."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BEFORE = "state IN ('reserved', 'paid', 'voided', 'refunded')"
_AFTER = "state IN ('reserved', 'paid', 'voided', 'refunding', 'refunded')"


def upgrade() -> None:
    op.drop_constraint("orders_state", "orders")
    op.create_check_constraint("orders_state", "orders", _AFTER)
    op.create_table(
        "refund",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("seats", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('requested', 'unknown', 'done', 'refused')", name="refund_state"),
        sa.CheckConstraint("amount >= 0", name="refund_amount"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("refund_idempotency", "refund", ["event", "idempotency_key"], unique=True)
    op.create_index("refund_of_order", "refund", ["order_id"])
    op.create_index("refund_due", "refund", ["event", "due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("refund_open", "refund", ["event", "state"], postgresql_where=sa.text("state <> 'done'"))


def downgrade() -> None:
    op.drop_table("refund")
    op.execute("UPDATE orders SET state = 'refunded' WHERE state = 'refunding'")
    op.drop_constraint("orders_state", "orders")
    op.create_check_constraint("orders_state", "orders", _BEFORE)

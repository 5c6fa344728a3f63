"""The first schema: seats, holds, payments, orders and the line."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "buyer",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("buyer", sa.Text(), nullable=False),
        sa.Column("taken", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_hold", sa.Text(), nullable=True),
        sa.CheckConstraint("taken >= 0", name="buyer_taken"),
        sa.PrimaryKeyConstraint("event", "buyer"),
    )
    op.create_table(
        "inbox",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event", "command_id"),
    )
    op.create_table(
        "inventory",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("capacity", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event"),
    )
    op.create_table(
        "line",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("issued", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("serving", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("event"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("hold_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("buyer", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('reserved', 'paid', 'voided', 'refunded')", name="orders_state"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("orders_of_buyer", "orders", ["event", "buyer"], unique=False)
    op.create_index("orders_of_hold", "orders", ["event", "hold_id"], unique=True)
    op.create_index("orders_of_payment", "orders", ["payment_id"], unique=True)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "outbox_unpublished", "outbox", ["event", "id"], unique=False, postgresql_where=sa.text("published_at IS NULL")
    )
    op.create_table(
        "payment",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("hold_id", sa.Text(), nullable=False),
        sa.Column("buyer", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("method_type", sa.Text(), nullable=False),
        sa.Column("method_token", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("pending", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("next_action", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("produced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("produce_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("captured", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "pending IN ('authorize', 'ask', 'capture', 'void', 'refund', 'nothing')", name="payment_pending"
        ),
        sa.CheckConstraint(
            "state IN ('accepted', 'requires_action', 'authorized', 'capturing', 'paid', "
            "'declined', 'unknown', 'expired', 'voided', 'refunded')",
            name="payment_state",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("payment_accepted", "payment", ["event", "accepted_at"], unique=False)
    op.create_index(
        "payment_due", "payment", ["event", "due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index("payment_idempotency", "payment", ["event", "buyer", "idempotency_key"], unique=True)
    op.create_index(
        "payment_of_hold",
        "payment",
        ["event", "hold_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('accepted', 'requires_action', 'authorized', 'capturing', 'unknown')"),
    )
    op.create_index(
        "payment_unconsumed",
        "payment",
        ["event", "accepted_at"],
        unique=False,
        postgresql_where=sa.text("consumed_at IS NULL"),
    )
    op.create_table(
        "seat",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("number", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("price", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), server_default="free", nullable=False),
        sa.Column("hold_id", sa.Text(), nullable=True),
        sa.Column("generation", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("(state = 'free') = (hold_id IS NULL)", name="seat_free_without_hold"),
        sa.CheckConstraint("state IN ('free', 'held', 'paying', 'sold')", name="seat_state"),
        sa.PrimaryKeyConstraint("event", "id"),
    )
    op.create_index(
        "seat_free", "seat", ["event", "zone", "id"], unique=False, postgresql_where=sa.text("state = 'free'")
    )
    op.create_index(
        "seat_lapsing",
        "seat",
        ["event", "zone", "expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index("seat_of_hold", "seat", ["hold_id"], unique=False, postgresql_where=sa.text("hold_id IS NOT NULL"))
    op.create_index("seat_of_zone", "seat", ["event", "zone"], unique=False)
    op.create_table(
        "seat_hold",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("buyer", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("seats", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('held', 'paying', 'paid', 'released', 'expired')", name="seat_hold_state"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "seat_hold_of_buyer", "seat_hold", ["event", "buyer"], unique=False, postgresql_where=sa.text("state = 'held'")
    )
    op.create_index("seat_hold_of_event", "seat_hold", ["event", "state"], unique=False)
    op.create_table(
        "ticket",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("seat", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'valid', 'void')", name="ticket_state"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ticket_of_order", "ticket", ["order_id"], unique=False)
    op.create_index(
        "ticket_of_seat", "ticket", ["event", "seat"], unique=True, postgresql_where=sa.text("state <> 'void'")
    )
    op.create_table(
        "zone",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("price", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("rows", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("seats_per_row", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("capacity", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("retired_revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("event", "name"),
    )


def downgrade() -> None:
    op.drop_table("zone")
    op.drop_table("ticket")
    op.drop_table("seat_hold")
    op.drop_table("seat")
    op.drop_table("payment")
    op.drop_table("outbox")
    op.drop_table("orders")
    op.drop_table("line")
    op.drop_table("inventory")
    op.drop_table("inbox")
    op.drop_table("buyer")

"""Holds remember the limit of their buyer that was in force: the audit compares with it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("seat_hold", sa.Column("buyer_limit", sa.Integer(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    op.drop_column("seat_hold", "buyer_limit")

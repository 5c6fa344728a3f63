"""The draw of a pre-queue, and the log of who arrived for it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("line", sa.Column("drawing", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("line", sa.Column("drawn", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "draw",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("schedule", sa.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrivals", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event"),
    )
    op.create_table(
        "arrival",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("event", "index"),
    )
    op.create_index("arrival_entry", "arrival", ["event", "entry"], unique=True)
    op.create_index("arrival_gone", "arrival", ["event", "index"], postgresql_where=sa.text("gone"))


def downgrade() -> None:
    op.drop_table("arrival")
    op.drop_table("draw")
    op.drop_column("line", "drawn")
    op.drop_column("line", "drawing")

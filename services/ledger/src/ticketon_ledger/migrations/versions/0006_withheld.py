"""Seats that are not on sale: those of a zone that is closed, and those that are held back."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("seat", sa.Column("withheld", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("zone", sa.Column("open", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("zone", sa.Column("held_back", sa.ARRAY(sa.Text()), server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("zone", "held_back")
    op.drop_column("zone", "open")
    op.drop_column("seat", "withheld")

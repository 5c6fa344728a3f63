"""Holds of an event are found by their buyers: a second index on the event was taken for the first, and read whole."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("seat_hold_of_event", "seat_hold")


def downgrade() -> None:
    op.create_index("seat_hold_of_event", "seat_hold", ["event", "state"])

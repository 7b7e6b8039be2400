"""Indexes by which what members store is counted, and dropped once it has ended."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("negotiation_state", "negotiation")
    op.create_index("negotiation_state", "negotiation", ["state", "updated_at"])
    op.create_index("negotiation_open", "negotiation", ["peer", "state"])
    op.create_index("negotiation_offer", "negotiation", ["offer_id"])
    op.create_index("inbox_received", "inbox", ["received_at"])


def downgrade() -> None:
    op.drop_index("inbox_received", "inbox")
    op.drop_index("negotiation_offer", "negotiation")
    op.drop_index("negotiation_open", "negotiation")
    op.drop_index("negotiation_state", "negotiation")
    op.create_index("negotiation_state", "negotiation", ["state"])

"""What is kept of a peer's log names a head that the peer did not join to the one held."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("unproven", "refusal"):
        op.add_column("peer_log", sa.Column(name, sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    for name in ("refusal", "unproven"):
        op.drop_column("peer_log", name)

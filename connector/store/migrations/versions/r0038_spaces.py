"""In which space a peer is dealt with, an offer is made, and a contract was concluded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Until now there was one, the first of the settings, which an empty text stands for."""
    for table in ("participant", "offer", "agreement"):
        op.add_column(table, sa.Column("space", sa.String(), nullable=False, server_default=""))
    op.add_column(
        "participant", sa.Column("elsewhere", sa.Text(), nullable=False, server_default="[]")
    )


def downgrade() -> None:
    op.drop_column("participant", "elsewhere")
    for table in ("agreement", "offer", "participant"):
        op.drop_column(table, "space")

"""Offers and contracts carry what their uses came to on the rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("offer", "agreement"):
        op.add_column(table, sa.Column("report", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "offer",
        sa.Column("shows_report", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_column("offer", "shows_report")
    for table in ("offer", "agreement"):
        op.drop_column(table, "report")

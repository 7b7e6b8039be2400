"""A negotiation keeps the terms that were asked for, beside those on the table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "negotiation", sa.Column("asked", sa.LargeBinary(), nullable=False, server_default="")
    )


def downgrade() -> None:
    op.drop_column("negotiation", "asked")

"""Extracts are encrypted under keys of their own; what was kept before without is kept no more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "extract", sa.Column("sealed_key", sa.String(), nullable=False, server_default="")
    )
    op.execute("UPDATE extract SET state = 'gone', path = '' WHERE state = 'ready'")


def downgrade() -> None:
    op.drop_column("extract", "sealed_key")

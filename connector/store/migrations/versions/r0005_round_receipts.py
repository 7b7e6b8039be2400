"""A round keeps the receipts that its sites signed; rounds of older releases have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "job_round", sa.Column("receipts", sa.Text(), nullable=False, server_default="[]")
    )


def downgrade() -> None:
    op.drop_column("job_round", "receipts")

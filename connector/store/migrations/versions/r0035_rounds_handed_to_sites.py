"""Which round of a job a site was handed last: it may have signed it, and its answer been lost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Until now a lead that was killed had forgotten it."""
    op.add_column(
        "job_site", sa.Column("asked", sa.BigInteger(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.drop_column("job_site", "asked")

"""How many rounds of a job a site's answers entered: it may miss some and go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Until now a site that missed a round took no further part: it answered all up to its last."""
    op.add_column(
        "job_site", sa.Column("rounds", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.execute(sa.text("UPDATE job_site SET rounds = last_round"))


def downgrade() -> None:
    op.drop_column("job_site", "rounds")

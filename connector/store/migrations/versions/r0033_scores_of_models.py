"""What sites say of a job's models: a round may evaluate the model that it begins with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Until now no site said how well a model predicts."""
    op.add_column("job_round", sa.Column("scores", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("job_round", "scores")

"""Persons who decide on a use see all that it asks for, and decide on the recipe that would run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Until now a digest and a line for people were kept."""
    op.add_column(
        "approval", sa.Column("asked", sa.LargeBinary(), nullable=False, server_default="")
    )
    op.add_column("approval", sa.Column("recipe", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("approval", "recipe")
    op.drop_column("approval", "asked")

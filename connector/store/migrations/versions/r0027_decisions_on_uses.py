"""Persons decide on each use where the contract was made so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_TEXTS = {"subject": "contract", "agreement_id": "", "request": "", "figures": ""}


def upgrade() -> None:
    for name, before in _TEXTS.items():
        op.add_column(
            "approval", sa.Column(name, sa.String(), nullable=False, server_default=before)
        )
    op.add_column("agreement", sa.Column("review", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("agreement", "review")
    for name in _TEXTS:
        op.drop_column("approval", name)

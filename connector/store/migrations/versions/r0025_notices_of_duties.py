"""What an address of the institution is still to be told of duties."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("duty", sa.Column("notice", sa.String(), nullable=False, server_default=""))
    op.add_column("duty", sa.Column("tries", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("duty", sa.Column("try_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("try_at", "tries", "notice"):
        op.drop_column("duty", name)

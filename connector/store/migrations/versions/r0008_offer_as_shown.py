"""A consumer keeps the offer that it was shown, beside the terms on the table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "negotiation", sa.Column("offered", sa.LargeBinary(), nullable=False, server_default="")
    )
    # Where the consumer's own words were on the table, the agreement under way is asked for again.
    op.execute("UPDATE negotiation SET offered = policy WHERE role = 'consumer'")
    # On SQLite the default is a text, which no backup takes for bytes; so was that of r0002.
    for change in (
        "UPDATE negotiation SET offered = :nothing WHERE role <> 'consumer'",
        "UPDATE negotiation SET asked = :nothing WHERE asked = ''",
    ):
        op.execute(sa.text(change).bindparams(sa.bindparam("nothing", b"", sa.LargeBinary())))


def downgrade() -> None:
    op.drop_column("negotiation", "offered")

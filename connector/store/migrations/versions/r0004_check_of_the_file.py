"""The check of a dataset's file, and the persons of each register.

Datasets published before have no check on record: the node makes up for it when it starts.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "dataset", sa.Column("person_format", sa.String(), nullable=False, server_default="text")
    )
    op.add_column(
        "dataset", sa.Column("malformed_share", sa.Float(), nullable=False, server_default="0.05")
    )
    op.create_table(
        "census",
        _seq(),
        sa.Column("dataset_id", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("overlaps", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("dataset_id", name="key_census"),
    )
    op.create_table(
        "register_persons",
        _seq(),
        sa.Column("register_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("register_id", name="key_register_persons"),
    )


def downgrade() -> None:
    op.drop_table("register_persons")
    op.drop_table("census")
    op.drop_column("dataset", "malformed_share")
    op.drop_column("dataset", "person_format")


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)

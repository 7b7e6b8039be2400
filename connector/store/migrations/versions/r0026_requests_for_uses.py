"""Requests for uses of contracts, and what is kept of tables that left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_TEXTS = ("consumer", "request_id", "id", "agreement_id", "action", "signature", "digest", "code")


def upgrade() -> None:
    op.create_table(
        "released_table",
        _sequence(),
        sa.Column("use_id", sa.String(), nullable=False),
        sa.Column("dataset_id", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("use_id", name="key_released_table"),
    )
    op.create_index("released_dataset", "released_table", ["dataset_id"])
    op.create_table(
        "use_request",
        _sequence(),
        *(sa.Column(text, sa.String(), nullable=False) for text in _TEXTS),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("consumer", "request_id", name="key_use_request"),
    )
    op.create_index("use_request_id", "use_request", ["id"])


def _sequence() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def downgrade() -> None:
    op.drop_table("released_table")
    op.drop_table("use_request")

"""Extracts that were prepared for consumers, and the transfer processes that carry them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create(
        "extract",
        ("id", "agreement_id", "consumer", "request_id", "plan_digest", "snapshot_digest"),
        ("digest", "format", "path", "state", "code"),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("suppressed", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("extract_request", "extract", ["consumer", "request_id"])
    op.create_index("extract_agreement", "extract", ["agreement_id", "state"])
    _create(
        "transfer",
        ("pid", "role", "peer", "peer_pid", "agreement_id", "extract_id", "state"),
        ("code", "receipt", "peer_receipt"),
        sa.Column("held_by", sa.String(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("passed", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("transfer_agreement", "transfer", ["agreement_id", "state"])
    op.create_index("transfer_peer", "transfer", ["peer", "peer_pid"])


def _create(
    name: str, first: tuple[str, ...], more: tuple[str, ...], *others: sa.Column[Any]
) -> None:
    """Create a table whose key is its first text."""
    op.create_table(
        name,
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *(sa.Column(text, sa.String(), nullable=False) for text in (*first, *more)),
        *others,
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint(first[0], name=f"key_{name}"),
    )


def downgrade() -> None:
    op.drop_table("transfer")
    op.drop_table("extract")

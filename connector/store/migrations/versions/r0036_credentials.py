"""Credentials of DCP: held, asked for, issued and presented, and the status lists of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_TABLES: dict[str, tuple[tuple[str, ...], Sequence[tuple[str, Any]]]] = {
    "held_credential": (
        ("issuer", "id"),
        [("token", sa.String()), ("holder_pid", sa.String()), ("received_at", None)],
    ),
    "credential_request": (
        ("holder_pid",),
        [
            ("issuer", sa.String()),
            ("credentials", sa.Text()),
            ("issuer_pid", sa.String()),
            ("status", sa.String()),
            ("reason", sa.String()),
            ("at", None),
        ],
    ),
    "issuance_request": (
        ("issuer_pid",),
        [
            ("holder", sa.String()),
            ("holder_pid", sa.String()),
            ("credentials", sa.Text()),
            ("status", sa.String()),
            ("reason", sa.String()),
            ("access_token", sa.String()),
            ("at", None),
            ("due_at", None),
            ("attempts", sa.BigInteger()),
        ],
    ),
    "presented": (("holder", "question"), [("credentials", sa.Text()), ("at", None)]),
    "published_copy": (("url",), [("token", sa.String()), ("fetched_at", None)]),
}


def upgrade() -> None:
    for name, (key, others) in _TABLES.items():
        op.create_table(
            name,
            sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
            *(sa.Column(each, sa.String(), nullable=False) for each in key),
            *(
                sa.Column(each, kind or sa.DateTime(timezone=True), nullable=(each == "due_at"))
                for each, kind in others
            ),
            sa.PrimaryKeyConstraint("seq"),
            sa.UniqueConstraint(*key, name=f"key_{name}"),
        )
    op.create_index("issuance_request_holder", "issuance_request", ["holder"])


def downgrade() -> None:
    op.drop_index("issuance_request_holder", "issuance_request")
    for name in _TABLES:
        op.drop_table(name)

"""What peers keep of one another's logs, and the epochs in which a log went on from an older state.

A head that was kept before says nothing of jobs, so any of its entries may have accepted one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "checkpoint", sa.Column("epoch", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column(
        "checkpoint", sa.Column("charged", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.execute("UPDATE checkpoint SET charged = size")
    op.create_index("audit_kind", "audit_entry", ["kind", "index"])
    op.create_table(
        "peer_log",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("deposit", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("contradiction", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("origin", name="key_peer_log"),
    )
    op.create_table(
        "epoch",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("abandoned_epoch", sa.BigInteger(), nullable=False),
        sa.Column("abandoned_size", sa.BigInteger(), nullable=False),
        sa.Column("abandoned_root", sa.LargeBinary(), nullable=False),
        sa.Column("resumed", sa.String(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("held", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("origin", "number", name="key_epoch"),
    )
    op.create_table(
        "returned_head",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("deposit", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("peer", name="key_returned_head"),
    )


def downgrade() -> None:
    op.drop_table("returned_head")
    op.drop_table("epoch")
    op.drop_table("peer_log")
    op.drop_index("audit_kind", "audit_entry")
    op.drop_column("checkpoint", "charged")
    op.drop_column("checkpoint", "epoch")

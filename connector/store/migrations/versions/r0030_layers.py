"""Templates and charters, and which of them offers were merged with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_TEXTS = ("digest", "issuer", "kind", "id", "token")


def upgrade() -> None:
    op.create_table(
        "layer",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *(sa.Column(text, sa.String(), nullable=False) for text in _TEXTS),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("digest", name="key_layer"),
    )
    op.create_index("layer_issuer", "layer", ["issuer"])
    op.add_column("offer", sa.Column("layers", sa.Text(), nullable=False, server_default="[]"))
    op.execute(sa.text("UPDATE offer SET coverage = :none").bindparams(none=b""))  # found anew


def downgrade() -> None:
    op.drop_column("offer", "layers")
    op.drop_index("layer_issuer", "layer")
    op.drop_table("layer")

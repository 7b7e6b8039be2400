"""A dataset keeps the text that is searched, an offer the table of how it is upheld."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connector.domain.catalog.search import folded
from connector.enforcement.carried import table
from connector.errors import PreauError
from connector.jsonld.canonical import canonical
from connector.jsonld.policy import read_policy

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_DATASET = sa.table(
    "dataset", *(sa.column(name) for name in ("seq", "id", "title", "description", "words"))
)
_OFFER = sa.table(
    "offer",
    *(sa.column(name) for name in ("seq", "policy")),
    sa.column("coverage", sa.LargeBinary()),
    sa.column("withdrawn", sa.Boolean()),
)


def upgrade() -> None:
    op.add_column("dataset", sa.Column("words", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "offer", sa.Column("coverage", sa.LargeBinary(), nullable=False, server_default="")
    )
    connection = op.get_bind()
    row = _DATASET.c
    for seq, *parts in connection.execute(sa.select(row.seq, row.id, row.title, row.description)):
        words = folded("\n".join(parts))
        connection.execute(_DATASET.update().where(row.seq == seq).values(words=words))
    row = _OFFER.c
    offered = sa.select(row.seq, row.policy).where(~row.withdrawn)
    for seq, policy in connection.execute(offered):
        connection.execute(_OFFER.update().where(row.seq == seq).values(coverage=_coverage(policy)))


def downgrade() -> None:
    op.drop_column("offer", "coverage")
    op.drop_column("dataset", "words")


def _coverage(policy: bytes) -> bytes:
    """Return the table; empty where the offer is upheld no longer, which is then found anew."""
    try:
        return canonical([line.as_json() for line in table(read_policy(policy))])
    except PreauError:
        return b""

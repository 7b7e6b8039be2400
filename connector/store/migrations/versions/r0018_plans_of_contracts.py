"""A contract whose document states no plan keeps the one that its terms have.

Signed bytes do not change. A contract whose terms have no plan here keeps none: nothing is executed
on it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connector.enforcement import carried
from connector.errors import PreauError
from connector.identity import agreement as documents
from connector.jsonld.canonical import canonical
from connector.jsonld.policy import read_policy

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_AGREEMENT = sa.table(
    "agreement",
    *(sa.column(name) for name in ("seq", "document")),
    sa.column("plan", sa.LargeBinary()),
)
_ROWS = 500  # that are held in memory at a time


def upgrade() -> None:
    op.add_column(
        "agreement", sa.Column("plan", sa.LargeBinary(), nullable=False, server_default="")
    )
    connection, row, last = op.get_bind(), _AGREEMENT.c, 0
    query = sa.select(row.seq, row.document).order_by(row.seq).limit(_ROWS)
    change = _AGREEMENT.update().where(row.seq == sa.bindparam("row"))
    while rows := connection.execute(query.where(row.seq > last)).all():
        plans = [{"row": seq, "new": _plan(document)} for seq, document in rows]
        connection.execute(change.values(plan=sa.bindparam("new")), plans)
        last = rows[-1][0]


def downgrade() -> None:
    op.drop_column("agreement", "plan")


def _plan(document: bytes) -> bytes:
    try:
        found = documents.read(document)
        if found.plan is not None:
            return b""
        return canonical(carried.plan(read_policy(found.policy)).as_json())
    except PreauError:
        return b""

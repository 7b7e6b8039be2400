"""A register says itself which one it was merged into; before, its log alone did.

One that was given data again after its merge counts by itself, as it did. Of two that hold nothing
and were merged into one another, the first merge stands: what is followed has an end.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_REGISTER = sa.table("register", sa.column("id"), sa.column("merged_into"))
_ENTRY = sa.table("audit_entry", *map(sa.column, ("index", "kind", "subject", "event")))
_HOLDING = [
    sa.table(name, sa.column("register_id")).c.register_id for name in ("dataset", "reservation")
]


def upgrade() -> None:
    op.add_column(
        "register", sa.Column("merged_into", sa.String(), nullable=False, server_default="")
    )
    connection, entry = op.get_bind(), _ENTRY.c
    query = sa.select(entry.subject, entry.event).where(entry.kind == "register.merged")
    into: dict[str, str] = {}
    for target, event in connection.execute(query.order_by(entry.index)).all():
        source, root = json.loads(event)["facts"]["source"], target
        while root in into:
            root = into[root]
        if root == source:
            continue
        empty = [~sa.exists().where(column == source) for column in _HOLDING]
        marked = _REGISTER.update().where(_REGISTER.c.id == source, *empty)
        if connection.execute(marked.values(merged_into=target)).rowcount:
            into[source] = target


def downgrade() -> None:
    op.drop_column("register", "merged_into")

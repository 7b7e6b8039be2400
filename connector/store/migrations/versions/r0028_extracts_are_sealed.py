"""Extracts are encrypted under keys of their own; what was kept before without is kept no more.

What consumers are told of a source is a commitment, and has a name that fits both.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_TEXTS = ("sealed_key", "salt")


def upgrade() -> None:
    for name in _TEXTS:
        op.add_column("extract", sa.Column(name, sa.String(), nullable=False, server_default=""))
    _rename("snapshot_digest", "source")
    op.execute("UPDATE extract SET state = 'gone', path = '' WHERE state = 'ready'")


def downgrade() -> None:
    _rename("source", "snapshot_digest")
    for name in _TEXTS:
        op.drop_column("extract", name)


def _rename(before: str, after: str) -> None:
    """Rename a member of the JSON that a transfer states of its content."""
    statement = "UPDATE transfer SET content = replace(content, :before, :after)"
    names = {"before": f'"{before}"', "after": f'"{after}"'}
    op.get_bind().execute(sa.text(statement), names)

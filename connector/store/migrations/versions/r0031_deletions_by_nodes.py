"""Tables of offers are found anew: what a provider's node deletes itself is enforced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty tables that name no layer; the others would forget which layer states a line."""
    found = sa.text("UPDATE offer SET coverage = :none WHERE layers = '[]'")
    op.execute(found.bindparams(none=b""))


def downgrade() -> None:
    """Nothing was stored otherwise."""

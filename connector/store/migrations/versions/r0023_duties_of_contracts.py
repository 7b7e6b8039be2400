"""Duties of contracts, what their parties sign about them, and uses as they are counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _table(
        "duty",
        ("agreement_id", "path"),
        texts=("agreement_id", "path", "action", "debtor", "creditor", "state", "note", "waived"),
        longs=("towards",),
        numbers=("open",),
        maybe=("since", "due", "done_at", "reminded", "escalated", "changes", "look_at"),
    )
    op.create_index("duty_look_at", "duty", ["look_at"])
    op.create_index("duty_state", "duty", ["state"])
    _table(
        "deed",
        ("agreement_id", "party", "number"),
        texts=("agreement_id", "party", "kind", "about", "evidence", "note", "statement"),
        longs=("deletions", "unnamed"),
        numbers=("number",),
        times=("at", "stated_at"),
    )
    _table(
        "use_record",
        ("id",),
        texts=("id", "agreement_id", "action"),
        times=("started_at",),
        maybe=("ended_at",),
    )
    op.create_index("use_agreement", "use_record", ["agreement_id"])


def _table(
    name: str,
    key: tuple[str, ...],
    *,
    texts: tuple[str, ...],
    longs: tuple[str, ...] = (),
    numbers: tuple[str, ...] = (),
    times: tuple[str, ...] = (),
    maybe: tuple[str, ...] = (),
) -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        name,
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *(sa.Column(each, sa.String(), nullable=False) for each in texts),
        *(sa.Column(each, sa.Text(), nullable=False) for each in longs),
        *(sa.Column(each, sa.BigInteger(), nullable=False) for each in numbers),
        *(sa.Column(each, instant, nullable=False) for each in times),
        *(sa.Column(each, instant, nullable=True) for each in maybe),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint(*key, name=f"key_{name}"),
    )


def downgrade() -> None:
    for name in ("use_record", "deed", "duty"):
        op.drop_table(name)

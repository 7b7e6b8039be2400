"""What the console lists is found by an index: urgent duties, and what belongs to a contract."""

from __future__ import annotations

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

_INDEXES = {
    "duty_urgent": ("duty", ["state", "due", "seq"]),
    "duty_owed": ("duty", ["debtor", "state", "due", "seq"]),
    "approval_agreement": ("approval", ["agreement_id"]),
    "agreement_consumer": ("agreement", ["consumer", "dataset_id", "role", "seq"]),
    "agreement_role": ("agreement", ["role", "finalized", "standing", "seq"]),
    "use_request_agreement": ("use_request", ["agreement_id"]),
    "job_agreement": ("job", ["agreement_id"]),
    "job_site_agreement": ("job_site", ["agreement_id"]),
}


def upgrade() -> None:
    """Deadlines of duties come with their state: the index of states alone goes."""
    op.drop_index("duty_state", "duty")
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
    op.create_index("duty_state", "duty", ["state"])

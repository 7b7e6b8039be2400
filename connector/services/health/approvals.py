"""What `preau doctor` says of decisions that wait for persons.

Rules: as in `diagnose.py`. What waits lapses by itself, and whoever asked gets nothing until then.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.domain import instant
from connector.domain.contract.approval import Approval
from connector.services.health.diagnose import OK, WARN, Check


def approvals(pending: Sequence[Approval]) -> Check:
    """Judge what waits for a decision; the first to lapse is named."""
    if not pending:
        return Check("decisions", OK, "nothing waits for a person")
    first = min(pending, key=lambda each: each.lapses_at)
    finding = (
        f"{len(pending)} wait for a person, `{first.id}` until {instant.text(first.lapses_at)}"
    )
    return Check("decisions", WARN, finding, "see `preau approve list`")

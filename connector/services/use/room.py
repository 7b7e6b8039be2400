"""Room for extracts: how many bytes the node holds for a consumer, and for all of them.

Rules: whoever has reached the limit is told so before anything is decided or counted; what is being
made ends when it takes more than is left. Settings `extract_bytes` and `extract_bytes_per_member`.
"""

from __future__ import annotations

from connector.errors import QuotaReached
from connector.ports import Ports, Transaction


def left(ports: Ports, tx: Transaction, consumer: str) -> int:
    """Return how many bytes may still be held for a consumer; none, or less, where none may."""
    held, settings = tx.holdings.extract_bytes(), ports.settings
    of_all = settings.extract_bytes - sum(held.values())
    return min(of_all, settings.extract_bytes_per_member - held.get(consumer, 0))


def check(ports: Ports, tx: Transaction, consumer: str) -> None:
    """Check that there is room for one more extract.

    Raises:
        QuotaReached: there is none; it says nothing of what others have.
    """
    if left(ports, tx, consumer) <= 0:
        raise QuotaReached(
            "this node holds the maximum number of extracts",
            hint="fetch what is ready and confirm with a receipt, or ask again in some days",
        )

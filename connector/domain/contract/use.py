"""Uses of contracts, as both parties count them. Pure.

Rule: a use is counted before it is made, and taken back only where nothing came of it; so two at
once cannot both take the last one, and a crash may lose a use but never gains one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UseRecord:
    """One use of a contract.

    Attributes:
        id: of the job or request that makes it; the same use is counted once.
        agreement_id: the contract.
        action: IRI.
        started_at: UTC, whole seconds, as the times of deeds are.
        ended_at: UTC; None while it lasts.
    """

    id: str
    agreement_id: str
    action: str
    started_at: datetime
    ended_at: datetime | None

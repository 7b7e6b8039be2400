"""Uses of contracts, as both parties count them. Pure.

Rule: a use is counted before it is made, and taken back only where nothing came of it; so two at
once cannot both take the last one, and a crash may lose a use but never gains one.
"""

from __future__ import annotations

from collections.abc import Iterator
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


@dataclass(frozen=True, slots=True)
class Counted:
    """How often a contract was used, as it is kept outside the database.

    Attributes:
        agreement_id: the contract.
        action: IRI.
        uses: that count.
        first: when the first of them began, UTC.
        last: when the last of them began, UTC.
    """

    agreement_id: str
    action: str
    uses: int
    first: datetime
    last: datetime

    @property
    def key(self) -> tuple[str, str]:
        """Of what."""
        return self.agreement_id, self.action

    def joined(self, other: Counted) -> Counted:
        """Return what two records of the same tell together; it allows no more than either."""
        uses, first = max(self.uses, other.uses), min(self.first, other.first)
        return Counted(*self.key, uses, first, max(self.last, other.last))

    def forgotten(self, known: Counted | None, epoch: int) -> Iterator[UseRecord]:
        """Yield uses to be counted for those that a database has forgotten.

        The first of all begins when it did, the others with the last one: no limit by number, month
        or time since the first use allows more than it would by the uses themselves.

        Args:
            known: what the database counts.
            epoch: in which they are written.
        """
        begins = [self.first] if known is None or self.first < known.first else []
        missing = self.uses - (known.uses if known else 0)
        for number in range(missing):
            at = begins.pop() if begins else self.last
            name = f"urn:preau:recovery:{epoch}:{self.agreement_id}:{self.action}:{number}"
            yield UseRecord(name, self.agreement_id, self.action, at, at)

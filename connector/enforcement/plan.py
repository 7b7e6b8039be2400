"""What a node does to uphold an agreement, as data.

A plan knows nothing of policies; the mechanisms that execute its steps know nothing of agreements.
Rule: every constraint of the agreement has exactly one line in the coverage table, and none is
left out (`coverage.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Label(StrEnum):
    """Who upholds a constraint, and when."""

    CHECKED = "checked"  # at each request, before anything happens
    ENFORCED = "enforced"  # by a step of the plan
    AUDITED = "audited"  # afterwards, from the audit log


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """One row of the table that both parties see before they sign.

    Attributes:
        path: JSON pointer into the policy.
        constraint: the constraint in one line.
        label: see `Label`.
        by: what upholds it.
    """

    path: str
    constraint: str
    label: Label
    by: str

    def as_json(self) -> dict[str, str]:
        """Return the line as it stands in the agreement document."""
        return {
            "path": self.path,
            "constraint": self.constraint,
            "label": self.label.value,
            "by": self.by,
        }


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """Federated training next to the data, with differential privacy.

    Attributes:
        epsilon: ε that all jobs of the contract may spend per unit of privacy.
        delta: δ at which that ε is stated.
        unit: IRI of the unit of privacy.
        rows_per_person: most rows of one unit; 0 when the contract sets no limit of its own.
        minimum_sites: fewest sites that take part in a job and answer a round.
    """

    epsilon: float
    delta: float
    unit: str
    rows_per_person: int
    minimum_sites: int


@dataclass(frozen=True, slots=True)
class EnforcementPlan:
    """The plan of one agreement.

    Attributes:
        target: IRI of the dataset.
        provider: DID.
        consumer: DID.
        training: see `TrainingStep`.
        purposes: IRIs of the purposes allowed; a narrower purpose is allowed too.
        memberships: IRIs of the spaces of which the consumer must be a member.
        valid_until: end of the contract, UTC, parts of a second cut off; None without an end. The
            last instant itself is allowed where the contract says `lteq` of an instant; `decide` is
            what counts.
        coverage: one line per action and constraint.
    """

    target: str
    provider: str
    consumer: str
    training: TrainingStep
    purposes: tuple[str, ...]
    memberships: tuple[str, ...]
    valid_until: datetime | None
    coverage: tuple[CoverageLine, ...]

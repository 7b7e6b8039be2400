"""Steps of federated training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from federated.reading import Member


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

    kind: ClassVar[str] = "train"
    version: ClassVar[int] = 1
    epsilon: float
    delta: float
    unit: str
    rows_per_person: int
    minimum_sites: int

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "unit": self.unit,
            "rowsPerPerson": self.rows_per_person,
            "minimumSites": self.minimum_sites,
        }

    @classmethod
    def read(cls, member: Member) -> TrainingStep:
        """Return the step that these members say."""
        part = member.fields("epsilon", "delta", "unit", "rowsPerPerson", "minimumSites")
        return cls(
            epsilon=part["epsilon"].number(above=0),
            delta=part["delta"].number(above=0),
            unit=part["unit"].text(),
            rows_per_person=part["rowsPerPerson"].integer(),
            minimum_sites=part["minimumSites"].integer(least=1),
        )

"""The step that adds noise to the cells of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from federated.reading import Member


@dataclass(frozen=True, slots=True)
class Noise:
    """Cells get discrete noise, charged before they are released.

    Attributes:
        epsilon: ε that all tables of the contract may spend per unit of privacy.
        delta: δ at which that ε is stated.
        unit: IRI of the unit of privacy.
        rows_per_person: most rows of one unit that count, >= 1.
    """

    kind: ClassVar[str] = "noise"
    version: ClassVar[int] = 1
    epsilon: float
    delta: float
    unit: str
    rows_per_person: int

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "unit": self.unit,
            "rowsPerPerson": self.rows_per_person,
        }

    @classmethod
    def read(cls, member: Member) -> Noise:
        """Return the step that these members say."""
        part = member.fields("epsilon", "delta", "unit", "rowsPerPerson")
        return cls(
            epsilon=part["epsilon"].number(above=0),
            delta=part["delta"].number(above=0, most=1),
            unit=part["unit"].text(),
            rows_per_person=part["rowsPerPerson"].integer(least=1),
        )

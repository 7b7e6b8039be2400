"""The step that says where the processing runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from federated.reading import Member

TRAINING: Final = "training"
DELIVERED: Final = "delivered"
QUERY: Final = "query"
REFERRED: Final = "referred"
EVALUATION: Final = "evaluation"


@dataclass(frozen=True, slots=True)
class Where:
    """Where the processing runs.

    Attributes:
        runs: `training`: next to the data, and only sums with noise leave; `query`: next to the
            data, and only tables of cells leave; `delivered`: rows leave as the other steps say;
            `referred`: at a third party; `evaluation`: next to the data, once a model is trained,
            and only sums over sites are told.
    """

    kind: ClassVar[str] = "where"
    version: ClassVar[int] = 1
    runs: str

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"runs": self.runs}

    @classmethod
    def read(cls, member: Member) -> Where:
        """Return the step that these members say."""
        known = (TRAINING, DELIVERED, QUERY, REFERRED, EVALUATION)
        return cls(member.fields("runs")["runs"].exactly(*known))

"""The step that says over whom a model may be evaluated without noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from connector.enforcement.steps.members import names
from federated.aggregation import LEAST_SITES, MOST_SITES
from federated.reading import Member

MOST_EVALUATIONS: Final = 1000
_MOST_PERSONS: Final = 10**6


@dataclass(frozen=True, slots=True)
class ExactEvaluation:
    """Counts of persons held out leave under masks, which cancel in the sum over all sites.

    Attributes:
        sites: DIDs of the other sites that may add to a sum with this one.
        minimum_sites: fewest sites of a sum, this one too.
        minimum: fewest persons that the site holds out, and of each class.
        evaluations: how many models may be so evaluated under the contract.
    """

    kind: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 1
    sites: tuple[str, ...]
    minimum_sites: int
    minimum: int
    evaluations: int

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {
            "sites": list(self.sites),
            "minimumSites": self.minimum_sites,
            "minimum": self.minimum,
            "evaluations": self.evaluations,
        }

    @classmethod
    def read(cls, member: Member) -> ExactEvaluation:
        """Return the step that these members say."""
        part = member.fields("sites", "minimumSites", "minimum", "evaluations")
        return cls(
            sites=names(part["sites"], least=LEAST_SITES - 1),
            minimum_sites=part["minimumSites"].integer(least=LEAST_SITES, most=MOST_SITES),
            minimum=part["minimum"].integer(least=1, most=_MOST_PERSONS),
            evaluations=part["evaluations"].integer(least=1, most=MOST_EVALUATIONS),
        )

"""The step that says which sums over sites may be added to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from connector.enforcement.steps.members import MOST_COLUMNS, MOST_VALUES, names
from federated.aggregation import LEAST_SITES, MOST_SITES
from federated.reading import Member

MOST_PARAMETERS: Final = 0.33  # a person: DataSHIELD's `nfilter.glm`
MOST_POINTS: Final = 30  # of Newton's path to one fit, which takes five to ten
_MOST_PERSONS: Final = 10**6


@dataclass(frozen=True, slots=True)
class Sum:
    """Sums of products leave under masks, which cancel in the sum over all sites.

    Attributes:
        sites: DIDs of the other sites that may add to a sum with this one.
        minimum_sites: fewest sites of a sum, this one too.
        minimum: fewest persons of the site, of each value and of each pair of values of its
            categories; a third of it, of whom coefficients give weight; rows where the data name
            none.
        ranges: public (least, greatest) value by column of numbers; beyond it counts as its end.
        categories: public values by column of categories, in order.
        parameters: most terms of a regression for each person of the site.
        points: most coefficients at which one regression is asked, for each state of the data.
    """

    kind: ClassVar[str] = "sum"
    version: ClassVar[int] = 1
    sites: tuple[str, ...]
    minimum_sites: int
    minimum: int
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: float = MOST_PARAMETERS
    points: int = MOST_POINTS

    @property
    def columns(self) -> tuple[str, ...]:
        """What may stand in a regression: a row counts that has a value in each of them."""
        return (*self.ranges, *self.categories)

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {
            "sites": list(self.sites),
            "minimumSites": self.minimum_sites,
            "minimum": self.minimum,
            "ranges": {name: list(each) for name, each in self.ranges.items()},
            "categories": {name: list(each) for name, each in self.categories.items()},
            "parameters": self.parameters,
            "points": self.points,
        }

    @classmethod
    def read(cls, member: Member) -> Sum:
        """Return the step that these members say."""
        stated = ("sites", "minimumSites", "minimum", "ranges", "categories")
        part = member.fields(*stated, "parameters", "points")
        ranges, values = (part[it].entries(most=MOST_COLUMNS) for it in ("ranges", "categories"))
        if both := sorted(set(ranges) & set(values)):
            member.refuse(f"has both a range and categories for `{both[0]}`")
        return cls(
            sites=names(part["sites"], least=LEAST_SITES - 1),
            minimum_sites=part["minimumSites"].integer(least=LEAST_SITES, most=MOST_SITES),
            minimum=part["minimum"].integer(least=1, most=_MOST_PERSONS),
            ranges={name: _ends(each) for name, each in ranges.items()},
            categories={name: _values(each) for name, each in values.items()},
            parameters=part["parameters"].number(above=0, most=MOST_PARAMETERS),
            points=part["points"].integer(least=1, most=MOST_POINTS),
        )


def _ends(member: Member) -> tuple[float, float]:
    low, high = member.items(least=2, most=2)
    return low.number(), high.number(above=low.number())


def _values(member: Member) -> tuple[str, ...]:
    found = tuple(each.content() for each in member.items(least=2, most=MOST_VALUES))
    if len(set(found)) != len(found):
        member.refuse("names a value twice")
    return found

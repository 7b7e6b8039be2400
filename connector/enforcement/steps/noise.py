"""The step that adds noise to the cells of a table.

Rule: what noise is measured by stands in it, public and signed: the rows of a person that count,
the range of each measure, the values of each dimension. None of it is ever taken from the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from connector.domain.catalog.hierarchy import MOST_LISTED
from connector.enforcement.steps.members import MOST_COLUMNS, MOST_VALUES
from federated.reading import Member


@dataclass(frozen=True, slots=True)
class Range:
    """Public limits of a measure.

    Attributes:
        low: least value.
        high: greatest value.
        unit: values are whole multiples of it, or are rounded to one, > 0.
    """

    low: float
    high: float
    unit: float = 1.0

    def body(self) -> dict[str, float]:
        """Return its members."""
        return {"low": self.low, "high": self.high, "unit": self.unit}

    @classmethod
    def read(cls, member: Member) -> Range:
        """Return the limits that these members say."""
        part = member.fields("low", "high", "unit")
        low, high = (part[end].number() for end in ("low", "high"))
        if low > high:
            member.refuse("has a `low` above its `high`")
        return cls(low, high, part["unit"].number(above=0))


@dataclass(frozen=True, slots=True)
class Noise:
    """Cells get discrete noise, charged before they are released.

    Attributes:
        epsilon: ε that all tables of the contract may spend per unit of privacy.
        delta: δ at which that ε is stated.
        unit: IRI of the unit of privacy.
        rows_per_person: most rows of one unit that count, >= 1.
        ranges: by measure that may be added up.
        categories: public values, by dimension that may be grouped by as it is.
        units: public values as they leave, by dimension that a step before makes coarser.
    """

    kind: ClassVar[str] = "noise"
    epsilon: float
    delta: float
    unit: str
    rows_per_person: int
    ranges: Mapping[str, Range] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """2 where it states values of columns that get coarser."""
        return 2 if self.units else 1

    def body(self) -> dict[str, Any]:
        """Return its members."""
        units = {"units": {name: list(each) for name, each in self.units.items()}}
        return {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "unit": self.unit,
            "rowsPerPerson": self.rows_per_person,
            "ranges": {name: each.body() for name, each in self.ranges.items()},
            "categories": {name: list(each) for name, each in self.categories.items()},
            **(units if self.units else {}),
        }

    @classmethod
    def read(cls, member: Member) -> Noise:
        """Return the step that these members say."""
        limits = ("ranges", "categories")
        part = member.fields("epsilon", "delta", "unit", "rowsPerPerson", *limits, maybe=("units",))
        units = part["units"].entries(least=1, most=MOST_COLUMNS) if "units" in part else {}
        ranges, categories = (part[name].entries(most=MOST_COLUMNS) for name in limits)
        return cls(
            epsilon=part["epsilon"].number(above=0),
            delta=part["delta"].number(above=0, most=1),
            unit=part["unit"].text(),
            rows_per_person=part["rowsPerPerson"].integer(least=1),
            ranges={name: Range.read(each) for name, each in ranges.items()},
            categories={name: _values(each) for name, each in categories.items()},
            units={name: _values(each, MOST_LISTED) for name, each in units.items()},
        )


def _values(member: Member, most: int = MOST_VALUES) -> tuple[str, ...]:
    found = tuple(each.content() for each in member.items(least=1, most=most))
    if len(set(found)) != len(found):
        member.refuse("names a value twice")
    return found

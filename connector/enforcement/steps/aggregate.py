"""The step that says which tables of cells may be asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

from connector.enforcement.steps.members import MOST_COLUMNS, names
from federated.reading import Member

FUNCTIONS: Final = ("count", "persons", "sum", "mean")
_T = TypeVar("_T")
_MOST_PERSONS: Final = 10**6
_MOST_BASE: Final = 10**6


@dataclass(frozen=True, slots=True)
class Dominance:
    """A sum in which the largest contributors have too much of it is not released.

    Attributes:
        largest: how many contributors, n.
        percent: most that they may have of the sum together, k.
    """

    largest: int
    percent: int

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"largest": self.largest, "percent": self.percent}

    @classmethod
    def read(cls, member: Member) -> Dominance:
        """Return the rule that these members say."""
        part = member.fields("largest", "percent")
        return cls(
            part["largest"].integer(least=1, most=100), part["percent"].integer(least=1, most=100)
        )


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Cells of these dimensions and measures, over enough persons each.

    Attributes:
        dimensions: columns by which a request may group and filter.
        measures: columns of numbers that it may count, add up or average.
        functions: of `FUNCTIONS`: `count` of rows, or of values of a measure; `persons`, of
            distinct persons; `sum` and `mean` of a measure.
        minimum: fewest persons of a cell; rows where the data name none.
        dominance: see `Dominance`; None without.
        p_ratio: a sum is not released when the second largest contributor could tell the largest
            to within so many percent; None without.
        rounding: counts and sums are rounded to multiples of it; None without.
        ranges: public (least, greatest) value by measure that may be put into bins, where cells
            have no noise.
    """

    kind: ClassVar[str] = "aggregate"
    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    functions: tuple[str, ...]
    minimum: int
    dominance: Dominance | None = None
    p_ratio: int | None = None
    rounding: int | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """2 where it states ranges."""
        return 2 if self.ranges else 1

    def body(self) -> dict[str, Any]:
        """Return its members."""
        ranges = {"ranges": {name: list(each) for name, each in self.ranges.items()}}
        return {
            "dimensions": list(self.dimensions),
            "measures": list(self.measures),
            "functions": list(self.functions),
            "minimum": self.minimum,
            "dominance": self.dominance.body() if self.dominance else None,
            "pRatio": self.p_ratio,
            "rounding": self.rounding,
            **(ranges if self.ranges else {}),
        }

    @classmethod
    def read(cls, member: Member) -> Aggregate:
        """Return the step that these members say."""
        limits = ("dominance", "pRatio", "rounding")
        stated = ("dimensions", "measures", "functions", "minimum", *limits)
        part = member.fields(*stated, maybe=("ranges",))
        ranges = part["ranges"].entries(least=1, most=MOST_COLUMNS) if "ranges" in part else {}
        functions = names(part["functions"], least=1)
        for each in part["functions"].items(most=len(FUNCTIONS)):
            each.exactly(*FUNCTIONS)
        return cls(
            dimensions=names(part["dimensions"]),
            measures=names(part["measures"]),
            functions=functions,
            minimum=part["minimum"].integer(least=1, most=_MOST_PERSONS),
            dominance=_maybe(part["dominance"], Dominance.read),
            p_ratio=_maybe(part["pRatio"], lambda each: each.integer(least=1, most=100)),
            rounding=_maybe(part["rounding"], lambda each: each.integer(least=2, most=_MOST_BASE)),
            ranges={name: _ends(each) for name, each in ranges.items()},
        )


def _ends(member: Member) -> tuple[float, float]:
    low, high = member.items(least=2, most=2)
    return low.number(), high.number(above=low.number())


def _maybe(member: Member, read: Callable[[Member], _T]) -> _T | None:
    return None if member.value is None else read(member)

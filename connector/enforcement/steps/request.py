"""What a consumer states when it asks for a table of cells, and whether a plan allows it; pure.

Rules: a table is declared, dimensions by measures with filters, never written as a query; what is
not within the plan's step is refused before a row is read. Filters are on dimensions, after they
were made coarser, so that no filter is finer than what the plan lets leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from connector.enforcement.steps.aggregate import FUNCTIONS
from connector.enforcement.steps.members import Number, names
from connector.enforcement.steps.minimise import ANY_OF, RowTest
from connector.enforcement.steps.table import TableSteps
from connector.errors import TableRefused
from federated.reading import Member

MOST_DIMENSIONS: Final = 4
_MOST_MEASURES: Final = 20
_MOST_FILTERS: Final = 20
_OF_ROWS: Final = ("count", "persons")  # also without a column


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a cell.

    Attributes:
        function: of `FUNCTIONS`.
        column: a measure; empty for the rows or persons of the cell.
    """

    function: str
    column: str = ""

    @property
    def name(self) -> str:
        """How its column is called in the table."""
        return f"{self.function}({self.column})" if self.column else self.function

    def body(self) -> dict[str, str]:
        """Return its members."""
        return {"function": self.function, "column": self.column}


@dataclass(frozen=True, slots=True)
class TableRequest:
    """A table that is asked for.

    Attributes:
        dimensions: by which rows are grouped; none for one cell.
        measures: figures of each cell.
        filters: tests that rows pass, on dimensions of the plan.
        totals: whether the sums over each dimension are asked for too.
        epsilon: ε that it spends; 0 without noise.
        delta: δ that it spends; 0 for Laplace noise, and without noise.
    """

    dimensions: tuple[str, ...]
    measures: tuple[Measure, ...]
    filters: tuple[RowTest, ...] = ()
    totals: bool = False
    epsilon: float = 0.0
    delta: float = 0.0

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {
            "dimensions": list(self.dimensions),
            "measures": [each.body() for each in self.measures],
            "filters": [each.body() for each in self.filters],
            "totals": self.totals,
            "epsilon": self.epsilon,
            "delta": self.delta,
        }

    @classmethod
    def read(cls, member: Member) -> TableRequest:
        """Return the request that these members state.

        Raises:
            Exception: a member is missing, unknown or wrong, as `member` raises it.
        """
        stated = ("dimensions", "measures", "filters", "totals", "epsilon", "delta")
        part = member.fields(*stated)
        dimensions = names(part["dimensions"])
        if len(dimensions) > MOST_DIMENSIONS:
            part["dimensions"].refuse(f"must have at most {MOST_DIMENSIONS} elements")
        measures = part["measures"].items(least=1, most=_MOST_MEASURES)
        filters = part["filters"].items(most=_MOST_FILTERS)
        found = cls(
            dimensions=dimensions,
            measures=tuple(map(_measure, measures)),
            filters=tuple(map(RowTest.read, filters)),
            totals=part["totals"].flag(),
            epsilon=part["epsilon"].number(above=-1),
            delta=part["delta"].number(above=-1, most=1),
        )
        if len(set(found.measures)) != len(found.measures):
            part["measures"].refuse("names a measure twice")
        return found

    def values(self, dimension: str) -> tuple[str | Number, ...] | None:
        """Return the values of a dimension that a filter states; None without such a filter."""
        for test in self.filters:
            if test.column == dimension and test.test == ANY_OF:
                return test.values
        return None


def check(request: TableRequest, steps: TableSteps) -> None:
    """Check that a plan allows a table.

    Raises:
        TableRefused: it does not; the reason says what.
    """
    step, noise = steps.aggregate, steps.noise
    if step is None:
        raise TableRefused("the plan makes no cells")
    for each in (*request.dimensions, *(test.column for test in request.filters)):
        if each not in step.dimensions:
            raise TableRefused(f"the plan has no dimension `{each}`")
    for measure in request.measures:
        _check_measure(measure, step.measures, step.functions)
    if noise is None:
        if request.epsilon or request.delta:
            raise TableRefused("the plan adds no noise, and the request states an epsilon or delta")
        return
    if not 0 < request.epsilon <= noise.epsilon or not 0 <= request.delta <= noise.delta:
        raise TableRefused("a table with noise states what it spends, within the plan's limits")
    if request.totals:
        raise TableRefused("a table with noise has no totals: add up its cells")


def _check_measure(measure: Measure, columns: tuple[str, ...], functions: tuple[str, ...]) -> None:
    if measure.function not in functions:
        raise TableRefused(f"the plan does not allow `{measure.function}`")
    if measure.column and measure.column not in columns:
        raise TableRefused(f"the plan has no measure `{measure.column}`")
    if measure.function == "persons" and measure.column:
        raise TableRefused("persons are counted of cells, not of a measure")
    if not measure.column and measure.function not in _OF_ROWS:
        raise TableRefused(f"`{measure.function}` is of a measure")


def _measure(member: Member) -> Measure:
    part = member.fields("function", "column")
    return Measure(part["function"].exactly(*FUNCTIONS), part["column"].content())

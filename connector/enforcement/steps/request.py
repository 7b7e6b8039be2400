"""What a consumer states when it asks for a table of cells, and whether a plan allows it; pure.

Rules: a table is declared, dimensions by measures with filters, never written as a query; what is
not within the plan's step is refused before a row is read. Filters are on dimensions, after they
were made coarser, so that no filter is finer than what the plan lets leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from connector.enforcement.steps.aggregate import FUNCTIONS, Aggregate
from connector.enforcement.steps.generalise import Bins, Generalise, bins
from connector.enforcement.steps.members import Number, names
from connector.enforcement.steps.minimise import ANY_OF, RowTest
from connector.enforcement.steps.table import TableSteps
from connector.errors import TableRefused
from federated.reading import Member

MOST_DIMENSIONS: Final = 4
_MOST_MEASURES: Final = 20
_MOST_FILTERS: Final = 20
_MOST_MOMENTS: Final = 10  # columns
_MOST_SHOWN: Final = 10
_OF_ROWS: Final = ("count", "persons")  # also without a column
MOMENT: Final = "moment"


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a cell.

    Attributes:
        function: of `FUNCTIONS`, or `moment` (see `TableRequest`).
        column: a measure; empty for the rows or persons of the cell.
        other: second one of a moment; empty for the sum of the first.
    """

    function: str
    column: str = ""
    other: str = ""

    @property
    def name(self) -> str:
        """How its column is called in the table."""
        named = ",".join(filter(None, (self.column, self.other)))
        return f"{self.function}({named})" if named else self.function

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
        bins: by dimension that is grouped by equal bins of its public range: how many. The values
            of the dimension are then their places, from 0.
        moments: columns x of which  Σ 1,  Σ u  and  Σ u v  are asked for, of all pairs, where
            u = (x - middle) / half  of the public range, cut to [-1, 1], over the rows that have
            a value in each of them.
    """

    dimensions: tuple[str, ...]
    measures: tuple[Measure, ...]
    filters: tuple[RowTest, ...] = ()
    totals: bool = False
    epsilon: float = 0.0
    delta: float = 0.0
    bins: Mapping[str, int] = field(default_factory=dict)
    moments: tuple[str, ...] = ()

    @property
    def pairs(self) -> tuple[Measure, ...]:
        """The moments that are asked for."""
        every = ("", *self.moments) if self.moments else ()
        return tuple(
            Measure(MOMENT, *sorted((one, other), key=lambda it: not it))
            for at, one in enumerate(every)
            for other in every[at:]
        )

    def body(self) -> dict[str, Any]:
        """Return its members."""
        further = {"bins": dict(self.bins), "moments": list(self.moments)}
        return {
            "dimensions": list(self.dimensions),
            "measures": [each.body() for each in self.measures],
            "filters": [each.body() for each in self.filters],
            "totals": self.totals,
            "epsilon": self.epsilon,
            "delta": self.delta,
            **{name: value for name, value in further.items() if value},
        }

    @classmethod
    def read(cls, member: Member) -> TableRequest:
        """Return the request that these members state.

        Raises:
            Exception: a member is missing, unknown or wrong, as `member` raises it.
        """
        stated = ("dimensions", "measures", "filters", "totals", "epsilon", "delta")
        part = member.fields(*stated, maybe=("bins", "moments"))
        moments = names(part["moments"], least=1) if "moments" in part else ()
        if len(moments) > _MOST_MOMENTS:
            part["moments"].refuse(f"must have at most {_MOST_MOMENTS} elements")
        placed = part["bins"].entries(least=1, most=MOST_DIMENSIONS) if "bins" in part else {}
        dimensions = names(part["dimensions"])
        if len(dimensions) > MOST_DIMENSIONS:
            part["dimensions"].refuse(f"must have at most {MOST_DIMENSIONS} elements")
        measures = part["measures"].items(least=0 if moments else 1, most=_MOST_MEASURES)
        filters = part["filters"].items(most=_MOST_FILTERS)
        found = cls(
            dimensions=dimensions,
            measures=tuple(map(_measure, measures)),
            filters=tuple(map(RowTest.read, filters)),
            totals=part["totals"].flag(),
            epsilon=part["epsilon"].number(above=-1),
            delta=part["delta"].number(above=-1, most=1),
            bins={name: bins(each) for name, each in placed.items()},
            moments=moments,
        )
        if len(set(found.measures)) != len(found.measures):
            part["measures"].refuse("names a measure twice")
        return found

    def holds(self, other: TableRequest) -> bool:
        """Whether all figures of another table stand in this one, of the same cells and rows."""
        mine, its = self._rows(), other._rows()
        cells = set(self.dimensions) == set(other.dimensions) and self.bins == other.bins
        figures = {*self.measures, *self.moments} >= {*other.measures, *other.moments}
        return cells and figures and mine == its

    def _rows(self) -> set[tuple[str, str, frozenset[str]]]:
        return {(it.column, it.test, frozenset(map(_spelled, it.values))) for it in self.filters}

    def values(self, dimension: str) -> tuple[str | Number, ...] | None:
        """Return the values of a dimension that a filter states; None without such a filter."""
        for test in self.filters:
            if test.column == dimension and test.test == ANY_OF:
                return test.values
        return None


def binned(request: TableRequest, steps: TableSteps) -> TableSteps:
    """Return the steps of a use with the bins of a request, which is within the plan."""
    ends = {name: public_range(steps, name) for name in request.bins}
    made = (Generalise(it, Bins(*ends[it], count)) for it, count in request.bins.items())
    return replace(steps, generalise=(*steps.generalise, *made))


def public_ranges(request: TableRequest, steps: TableSteps) -> dict[str, tuple[float, float]]:
    """Return the public ranges of what a table within a plan measures or puts into bins."""
    measured = (each.column for each in request.measures if each.column)
    found = {}
    for name in dict.fromkeys((*request.bins, *request.moments, *measured)):
        with suppress(TableRefused):
            found[name] = public_range(steps, name)
    return found


def public_range(steps: TableSteps, column: str) -> tuple[float, float]:
    """Return the ends of the public range of a measure.

    Raises:
        TableRefused: the plan states none.
    """
    if steps.noise is not None and column in steps.noise.ranges:
        found = steps.noise.ranges[column]
        ends = (found.low, found.high)
    else:
        ends = steps.aggregate.ranges.get(column, (0.0, 0.0)) if steps.aggregate else (0.0, 0.0)
    if not ends[0] < ends[1]:
        raise TableRefused(f"the measure `{column}` has no public range in the data dictionary")
    return ends


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
            raise TableRefused(f"the plan has no dimension `{each}`{_known(step.dimensions)}")
    for measure in request.measures:
        _check_measure(measure, step.measures, step.functions)
    _check_bins(request, steps)
    _check_moments(request, steps, step)
    if noise is None:
        if request.epsilon or request.delta:
            raise TableRefused("the plan adds no noise, and the request states an epsilon or delta")
        return
    if not 0 < request.epsilon <= noise.epsilon or not 0 <= request.delta <= noise.delta:
        raise TableRefused(
            "a table with noise states what it spends: an ε above 0 and at most "
            f"{noise.epsilon:g}, a δ of at most {noise.delta:g}; found ε {request.epsilon:g} and δ "
            f"{request.delta:g}"
        )
    if request.totals:
        raise TableRefused("a table with noise has no totals: add up its cells")


def _check_bins(request: TableRequest, steps: TableSteps) -> None:
    measured = {*request.moments, *(each.column for each in request.measures)}
    measured |= {each.column for each in request.filters}
    for name in request.bins:
        if name not in request.dimensions:
            raise TableRefused(f"`{name}` has bins, but is not a dimension of the table")
        if name in steps.generalised:
            raise TableRefused(f"the plan generalises `{name}` already")
        if name in measured:
            raise TableRefused(f"`{name}` has bins, but is measured or filtered as well")
        public_range(steps, name)


def _check_moments(request: TableRequest, steps: TableSteps, step: Aggregate) -> None:
    if request.moments and steps.noise is None:
        raise TableRefused("sums of products leave with noise only, and the plan adds none")
    for name in request.moments:
        for function in ("count", "sum"):
            _check_measure(Measure(function, name), step.measures, step.functions)
        public_range(steps, name)


def _check_measure(measure: Measure, columns: tuple[str, ...], functions: tuple[str, ...]) -> None:
    if measure.function not in functions:
        raise TableRefused(f"the plan does not allow `{measure.function}`")
    if measure.column and measure.column not in columns:
        raise TableRefused(f"the plan has no measure `{measure.column}`{_known(columns)}")
    if measure.function == "persons" and measure.column:
        raise TableRefused("persons are counted per cell, not per measure")
    if not measure.column and measure.function not in _OF_ROWS:
        raise TableRefused(f"`{measure.function}` needs a measure")


def _spelled(value: str | Number) -> str:
    """Return a value as it compares with the same one that was written otherwise: `1.0` and `1`."""
    try:
        return f"{float(value):.15g}"
    except ValueError:
        return str(value)


def _known(columns: tuple[str, ...]) -> str:
    more = " …" if len(columns) > _MOST_SHOWN else ""
    return f"; it has {', '.join(columns[:_MOST_SHOWN])}{more}" if columns else ""


def _measure(member: Member) -> Measure:
    part = member.fields("function", "column")
    return Measure(part["function"].exactly(*FUNCTIONS), part["column"].content())

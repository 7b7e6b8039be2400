"""The steps of a use that reads a table: which there are, and what they may name.

Rule: a step names only what the steps before it let through. An executor takes this value, so that
no step is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.generalise import SUPPRESS, Generalise
from connector.enforcement.steps.minimise import Minimise
from connector.enforcement.steps.noise import Noise
from connector.enforcement.steps.pseudonymise import Pseudonymise
from connector.enforcement.steps.release import AGGREGATED, PSEUDONYMISED, Release
from connector.enforcement.steps.review import Review
from connector.enforcement.steps.summing import Sum
from connector.enforcement.steps.typed import Typed
from connector.enforcement.steps.where import QUERY, Where
from connector.errors import StepUnknown

_Step = TypeVar("_Step", bound=Typed)


@dataclass(frozen=True, slots=True)
class TableSteps:
    """The steps of one use.

    Attributes:
        where: where the processing runs: `delivered`, or `query` with cells.
        minimise: which columns and rows are used.
        pseudonymise: None without.
        generalise: one for each column that gets coarser.
        aggregate: None where rows leave.
        noise: None without.
        release: what leaves.
        review: before that, persons'; None where what was made leaves at once.
        sum: in place of `aggregate` where sums over sites are added to.
    """

    where: Where
    minimise: Minimise
    pseudonymise: Pseudonymise | None
    generalise: tuple[Generalise, ...]
    aggregate: Aggregate | None
    noise: Noise | None
    release: Release
    review: Review | None = None
    sum: Sum | None = None

    def __post_init__(self) -> None:
        self._lets_through("pseudonymise", self.pseudonyms)
        self._lets_through("generalise", self.generalised)
        if len(set(self.generalised)) != len(self.generalised):
            raise StepUnknown("two steps generalise one column")
        if set(self.pseudonyms) & set(self.generalised):
            raise StepUnknown("a column is pseudonymised and generalised")
        if self.aggregate:
            self._cells(self.aggregate)
        if self.noise and self.aggregate and (self.aggregate.dominance or self.aggregate.p_ratio):
            raise StepUnknown(
                "noise bounds each person already: a dominance or p-ratio rule cannot be added"
            )
        if self.sum:
            self._lets_through("sum", self.sum.columns)
        if self.no_rows != (self.where.runs == QUERY):
            raise StepUnknown("a use makes cells exactly when it runs as a query")
        if self.no_rows != (self.release.level == AGGREGATED):
            raise StepUnknown("the level `Aggregated` is for cells, and cells have no other")
        if self.release.level == PSEUDONYMISED and not self.pseudonymise:
            raise StepUnknown("no column is pseudonymised, as the level demands")

    @property
    def no_rows(self) -> bool:
        """Whether cells or sums leave."""
        return self.aggregate is not None or self.sum is not None

    @property
    def pseudonyms(self) -> tuple[str, ...]:
        """Columns whose values are pseudonyms."""
        return self.pseudonymise.columns if self.pseudonymise else ()

    @property
    def generalised(self) -> tuple[str, ...]:
        """Columns whose values are coarser."""
        return tuple(each.column for each in self.generalise)

    def _cells(self, step: Aggregate) -> None:
        gone = {each.column for each in self.generalise if each.how == SUPPRESS}
        for name, columns in (("dimensions", step.dimensions), ("measures", step.measures)):
            self._lets_through(name, columns)
            if gone & set(columns) or set(self.pseudonyms) & set(columns):
                raise StepUnknown(f"a column of the {name} has no values to make cells of")

    def _lets_through(self, step: str, columns: Iterable[str]) -> None:
        for column in columns:
            if column not in self.minimise.columns:
                raise StepUnknown(f"`{step}` names the column `{column}`, which is not used")


def table_steps(steps: Iterable[Typed]) -> TableSteps:
    """Return the steps of a use, which are in order.

    Raises:
        StepUnknown: they are those of another use, or name what was not let through.
    """
    found = tuple(steps)
    where, minimise, release = _one(found, Where), _one(found, Minimise), _one(found, Release)
    if where is None or minimise is None or release is None:
        raise StepUnknown("this use does not read rows")
    return TableSteps(
        where=where,
        minimise=minimise,
        pseudonymise=_one(found, Pseudonymise),
        generalise=tuple(each for each in found if isinstance(each, Generalise)),
        aggregate=_one(found, Aggregate),
        noise=_one(found, Noise),
        release=release,
        review=_one(found, Review),
        sum=_one(found, Sum),
    )


def _one(steps: tuple[Typed, ...], kind: type[_Step]) -> _Step | None:
    return next((each for each in steps if isinstance(each, kind)), None)

r"""What a table with noise spends: its cells, figures, noise and events, from public numbers; pure.

1. Of the rows that pass, at most k of each person count. Rows of nobody do not count.
2. Cells are those of public values: of the plan, or of the request's own filters. A group that has
   no row is a cell like any other.
3. Amounts are whole: a measure is cut to its public range and counted in its unit. A person then
   moves all cells of one figure together by at most  s = k  (rows), s = min(k, cells) (persons),
   s = k max(|low|, |high|) / unit  (sums), s = k 2²⁰ (moments, which are counted in 2⁻²⁰).
4. Each of m figures gets an m-th of the request's ε: discrete Laplace noise of scale s m / ε. Where
   the request spends a δ, noise is a discrete Gaussian: ρ with  ρ + 2 √(ρ ln 1/δ) = ε  (Bun and
   Steinke 2016), and deviation  s √(c m / 2ρ)  where a person can be in c cells, charged as c
   releases of sensitivity s.

Rule: no row decides any of it, so that provider and consumer reckon the same from the signed plan
and the signed request. The noise itself is drawn by `connector/protection/cells/noisy.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.members import Number
from connector.enforcement.steps.noise import Noise, Range
from connector.enforcement.steps.request import MOMENT, Measure, TableRequest, check
from connector.enforcement.steps.table import TableSteps
from connector.errors import StepUnknown, TableRefused
from federated.errors import EventUnknown
from federated.privacy.event import Event, Kind, event

PERSONS: Final = Measure("persons")
MOST_CELLS: Final = 10_000
MOST_FIGURES: Final = 16  # but for moments; their events stand in a receipt
MOMENT_UNITS: Final = 2**20  # of a moment to which a row adds 1
_MOST_AMOUNT: Final = 2**40  # of one person; sums of 10⁷ persons stay whole numbers of 64 bits


@dataclass(frozen=True, slots=True)
class Spent:
    """What one figure costs, and its noise.

    Attributes:
        sensitivity: most that a person moves it by, over all cells.
        scale: of the noise.
        gaussian: whether it is Gaussian.
        count: releases that are charged.
    """

    sensitivity: int
    scale: float
    gaussian: bool
    count: int

    @property
    def event(self) -> Event:
        """What is charged."""
        kind = Kind.DISCRETE_GAUSSIAN if self.gaussian else Kind.DISCRETE_LAPLACE
        return event(kind, self.count, scale=self.scale, sensitivity=self.sensitivity)

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise, in whole units; of a Gaussian, most that it is."""
        if self.gaussian:
            return self.scale
        lost = math.exp(-1 / self.scale)  # of each further whole number's chance
        return math.sqrt(2 * lost) / (1 - lost)


@dataclass(frozen=True)
class Spending:
    """What a table with noise spends.

    Attributes:
        request: the table.
        step: the plan's limits of tables.
        noise: the plan's noise.
        coarser: columns whose values are not those of the dictionary any more.
    """

    request: TableRequest
    step: Aggregate
    noise: Noise
    coarser: tuple[str, ...]

    @cached_property
    def domain(self) -> list[tuple[str | Number, ...]]:
        """The values of each dimension, public ones.

        Raises:
            TableRefused: a dimension has none, or there are too many cells.
        """
        values = [self._values(each) for each in self.request.dimensions]
        if math.prod(map(len, values)) > MOST_CELLS:
            raise TableRefused(f"the table has more than {MOST_CELLS} cells")
        return values

    @cached_property
    def figures(self) -> tuple[Measure, ...]:
        """What is counted and gets noise: a mean is a sum and a count."""
        made: list[Measure] = []
        for each in self.request.measures:
            parts = ("sum", "count") if each.function == "mean" else (each.function,)
            made += [Measure(it, each.column) for it in parts]
        if self.step.minimum > 1:
            made.append(PERSONS)
        return tuple(dict.fromkeys((*made, *self.request.pairs)))

    @cached_property
    def spent(self) -> tuple[Spent, ...]:
        """What each figure costs."""
        return tuple(map(self.cost, self.figures))

    @property
    def events(self) -> tuple[Event, ...]:
        """What is charged: an event for each figure, and one for all moments, which cost alike."""
        pairs = list(zip(self.figures, self.spent, strict=True))
        alike = [spent for figure, spent in pairs if figure.function == MOMENT]
        others = [spent.event for figure, spent in pairs if figure.function != MOMENT]
        moments = [replace(it, count=it.count * len(alike)).event for it in alike[:1]]
        return (*others, *moments)

    @property
    def deviations(self) -> Mapping[str, float]:
        """Standard deviation of the noise of each figure, in the measure's own numbers."""
        pairs = zip(self.figures, self.spent, strict=True)
        return {it.name: spent.deviation * self.unit(it) for it, spent in pairs}

    def unit(self, figure: Measure) -> float:
        """Return what one whole unit of a figure is."""
        if figure.function == MOMENT:
            return 1 / MOMENT_UNITS
        return self.range(figure.column).unit if figure.function == "sum" else 1.0

    def range(self, column: str) -> Range:
        """Return the public range of a measure.

        Raises:
            TableRefused: it has none.
        """
        found = self.noise.ranges.get(column)
        if found is None:
            raise TableRefused(
                f"the measure `{column}` has no public range in the data dictionary: ask for a "
                "count of it"
            )
        return found

    def amounts(self, column: str) -> tuple[int, int]:
        """Return the least and the greatest amount of a measure, in its units.

        Raises:
            TableRefused: it has no public range, or one with too many units.
        """
        found = self.range(column)
        if not max(abs(found.low), abs(found.high)) / found.unit < _MOST_AMOUNT:
            raise TableRefused(f"the public range of `{column}` has too many units")
        return round(found.low / found.unit), round(found.high / found.unit)

    def cost(self, figure: Measure) -> Spent:
        """Return what a figure costs, beside the others of the table."""
        rows, shares = self.noise.rows_per_person, len(self.figures)
        moved = min(rows, math.prod(map(len, self.domain)))
        most = moved if figure.function == "persons" else rows
        if figure.function == "sum":
            most *= max(1, *map(abs, self.amounts(figure.column)))
        if figure.function == MOMENT:
            most *= MOMENT_UNITS
        request = self.request
        if not request.delta:
            return Spent(most, most * shares / request.epsilon, gaussian=False, count=1)
        bits = math.log(1 / request.delta)
        root = math.sqrt(bits + request.epsilon) - math.sqrt(bits)
        sensitivity = 1 if figure.function == "persons" else most
        scale = sensitivity * math.sqrt(moved * shares / 2) / root
        return Spent(sensitivity, scale, gaussian=True, count=moved)

    def _values(self, dimension: str) -> tuple[str | Number, ...]:
        if dimension in self.request.bins:
            return tuple(range(self.request.bins[dimension]))
        stated = self.request.values(dimension)
        if stated is None:
            noise, coarser = self.noise, dimension in self.coarser
            stated = (noise.units if coarser else noise.categories).get(dimension)
        if not stated:
            raise TableRefused(
                f"the values of `{dimension}` are not public: name those that are wanted in a "
                "filter"
            )
        return tuple(dict.fromkeys(stated))


def spending(request: TableRequest, steps: TableSteps) -> Spending:
    """Return what a table with noise spends.

    Raises:
        StepUnknown: the plan has no noise.
        TableRefused: the table is beyond the plan, or has no public cells or ranges.
    """
    check(request, steps)
    if steps.aggregate is None or steps.noise is None:
        raise StepUnknown("the plan makes no cells with noise")
    found = Spending(request, steps.aggregate, steps.noise, steps.generalised)
    if len(found.figures) - len(request.pairs) > MOST_FIGURES:
        raise TableRefused(f"a table with noise has at most {MOST_FIGURES} figures, means have two")
    try:
        found.events  # noqa: B018 - whatever cannot be charged is refused here
    except (EventUnknown, ArithmeticError) as exc:
        raise TableRefused("so small an epsilon asks for more noise than can be drawn") from exc
    return found

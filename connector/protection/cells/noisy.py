r"""Tables of cells with noise: what a person can move is bounded, and charged before it is drawn.

1. Of the rows that pass, at most k of each person count, chosen by a keyed hash of the row's own
   values: which ones does not depend on anybody else's rows. Rows of nobody do not count.
2. Cells are those of public values: of the dictionary, or of the request's own filters. A group
   that has no row is a cell like any other.
3. Amounts are whole: a measure is cut to its public range and counted in its unit. A person then
   moves all cells of one figure together by at most  s = k  (rows), s = min(k, cells) (persons),
   s = k max(|low|, |high|) / unit  (sums).
4. Each of m figures gets an m-th of the request's ε: discrete Laplace noise of scale s m / ε. Where
   the request spends a δ, noise is a discrete Gaussian: ρ with  ρ + 2 √(ρ ln 1/δ) = ε  (Bun and
   Steinke 2016), and deviation  s √(c m / 2ρ)  where a person can be in c cells, charged as c
   releases of sensitivity s.

Source of the noise: OpenDP (Canonne, Kamath and Steinke 2020), exact on whole numbers. What is done
with noisy figures afterwards costs nothing: means, rounding, and withholding cells whose noisy
number of persons is under the minimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import product
from typing import Any, Final

import pyarrow as pa
import sqlglot.expressions as exp

from connector.enforcement.steps.noise import Noise
from connector.enforcement.steps.request import Measure
from connector.errors import StepUnknown, TableRefused
from connector.protection.cells.cell import Scalar
from connector.protection.cells.count import MOST_CELLS, USED, Count
from connector.protection.cells.exact import WITHHELD, rounded
from connector.protection.engine import Engine
from connector.protection.expressions import NUMBERS, all_of, number, quoted, table
from connector.protection.ground import Ground, Range
from connector.protection.persons import PERSON
from connector.protection.shape import TYPES
from federated.privacy.event import Event, Kind, event

Charge = Callable[[tuple[Event, ...]], None]
_PERSONS: Final = Measure("persons")
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


@dataclass(frozen=True)
class Noisy:
    """A table with noise that is being made.

    Attributes:
        count: the table.
        noise: the plan's step.
        ground: the data.
    """

    count: Count
    noise: Noise
    ground: Ground

    @cached_property
    def domain(self) -> list[list[Scalar]]:
        """The values of each dimension, public ones.

        Raises:
            TableRefused: a dimension has none, or there are too many cells.
        """
        values = [self._values(each) for each in self.count.request.dimensions]
        if math.prod(map(len, values)) > MOST_CELLS:
            raise TableRefused(f"the table has more than {MOST_CELLS} cells")
        return values

    @cached_property
    def cells(self) -> list[tuple[Scalar, ...]]:
        """The values of the dimensions of each cell."""
        return list(product(*self.domain))

    @cached_property
    def figures(self) -> tuple[Measure, ...]:
        """What is counted and gets noise: a mean is a sum and a count."""
        made: list[Measure] = []
        for each in self.count.request.measures:
            parts = ("sum", "count") if each.function == "mean" else (each.function,)
            made += [Measure(it, each.column) for it in parts]
        if self.count.step.minimum > 1:
            made.append(_PERSONS)
        return tuple(dict.fromkeys(made))

    @cached_property
    def spent(self) -> tuple[Spent, ...]:
        """What each figure costs."""
        return tuple(map(self._spent, self.figures))

    @property
    def events(self) -> tuple[Event, ...]:
        """What is charged."""
        return tuple(each.event for each in self.spent)

    def range(self, column: str) -> Range:
        """Return the public range of a measure.

        Raises:
            TableRefused: it has none, or one that cannot be computed with.
        """
        found = self.ground.ranges.get(column)
        if found is None or not (found.low <= found.high and 0 < found.unit < math.inf):
            raise TableRefused(f"the measure `{column}` has no public range")
        return found

    def amounts(self, column: str) -> tuple[int, int]:
        """Return the least and the greatest amount of a measure, in its units."""
        found = self.range(column)
        if not max(abs(found.low), abs(found.high)) / found.unit < _MOST_AMOUNT:
            raise TableRefused(f"the public range of `{column}` has too many units")
        return round(found.low / found.unit), round(found.high / found.unit)

    def _values(self, dimension: str) -> list[Scalar]:
        datatype = self.count.view.values[dimension].datatype
        stated: Sequence[Any] | None = self.count.request.values(dimension)
        if stated is None and isinstance(self.count.view.values[dimension].made, exp.Column):
            stated = self.ground.categories.get(dimension)  # of values as they are
        if stated is None and datatype == "boolean":
            stated = ("true", "false")
        if not stated:
            raise TableRefused(f"the values of `{dimension}` are not public: filter by some")
        return [_scalar(each, datatype) for each in dict.fromkeys(stated)]

    @property
    def _rows(self) -> int:
        return self.noise.rows_per_person if self.count.named else 1

    def _spent(self, figure: Measure) -> Spent:
        rows, cells, shares = self._rows, len(self.cells), len(self.figures)
        most = {"persons": min(rows, cells)}.get(figure.function, rows)
        if figure.function == "sum":
            most *= max(1, *map(abs, self.amounts(figure.column)))
        request = self.count.request
        if not request.delta:
            return Spent(most, most * shares / request.epsilon, gaussian=False, count=1)
        bits = math.log(1 / request.delta)
        root = math.sqrt(bits + request.epsilon) - math.sqrt(bits)
        moved = min(rows, cells)
        sensitivity = 1 if figure.function == "persons" else most
        scale = sensitivity * math.sqrt(moved * shares / 2) / root
        return Spent(sensitivity, scale, gaussian=True, count=moved)


def noisy(made: Noisy, charge: Charge, engine: Engine) -> pa.Table:
    """Return a table with noise.

    Args:
        made: the table.
        charge: is called with the events of the table before a value is drawn; where it raises,
            nothing is.
        engine: which has the rows.

    Raises:
        TableRefused: it cannot be made.
    """
    found = _sums(made, engine)
    charge(made.events)
    drawn = [_drawn([row[at] for row in found], each) for at, each in enumerate(made.spent)]
    return _table(made, dict(zip(made.figures, drawn, strict=True)))


def _sums(made: Noisy, engine: Engine) -> list[list[int]]:
    """Return the figures of each cell, of bounded rows, in whole units; they stay here."""
    count, request = made.count, made.count.request
    keys = count.keys(range(len(request.dimensions)))
    domain = [
        exp.In(this=key.copy(), expressions=list(map(_sql, values)))
        for key, values in zip(keys, made.domain, strict=True)
    ]
    named = exp.Not(this=exp.Is(this=quoted(PERSON), expression=exp.null()))
    rows = all_of((count.rows, *domain, *([named] if count.named else [])))
    aliased = [exp.alias_(each, f"k{at}") for at, each in enumerate(keys)]
    columns = dict.fromkeys(each.column for each in made.figures if each.column)
    values = [exp.alias_(_amount(made, name), f"v{at}") for at, name in enumerate(columns)]
    who = quoted(PERSON) if count.named else exp.alias_(exp.column("rowid"), PERSON, quoted=True)
    bounded = exp.select(*aliased, *values, who).from_(table(USED))
    bounded = bounded.where(rows) if rows is not None else bounded
    if count.named:
        at_most = exp.Literal.number(made.noise.rows_per_person)
        bounded = bounded.qualify(exp.LTE(this=_place(made), expression=at_most))
    places = {name: f"v{at}" for at, name in enumerate(columns)}
    groups = [exp.column(f"k{at}") for at in range(len(domain))]
    sums = [_summed(each, places) for each in made.figures]
    query = exp.select(*groups, *sums).from_(bounded.subquery("bounded"))
    answer = engine.ask(query.group_by(*groups) if groups else query)
    lines = zip(*(each.to_pylist() for each in answer.columns), strict=True)
    of_cell = {line[: len(groups)]: [int(it or 0) for it in line[len(groups) :]] for line in lines}
    return [of_cell.get(cell, [0] * len(made.figures)) for cell in made.cells]


def _place(made: Noisy) -> exp.Expr:
    """Return the place of a row among its person's, by a hash that only its own values decide."""
    held = [exp.column(name) for name in made.count.held]
    order = exp.Order(expressions=[exp.Ordered(this=exp.func("hash", quoted(PERSON), *held))])
    return exp.Window(this=exp.RowNumber(), partition_by=[quoted(PERSON)], order=order)


def _amount(made: Noisy, column: str) -> exp.Expr:
    """Return a measure in its units, cut to its public range; no value where there is none."""
    value = made.count.view.values[column]
    if value.datatype not in NUMBERS:
        raise StepUnknown(f"the measure `{column}` has no numbers")
    if column not in {each.column for each in made.figures if each.function == "sum"}:
        return value.made.copy()
    low, high = made.amounts(column)
    unit = exp.cast(number(made.range(column).unit), "DOUBLE PRECISION")
    share = exp.Div(this=exp.cast(value.made.copy(), "DOUBLE"), expression=unit, typed=True)
    units = exp.Round(this=share)
    cut = exp.Case()
    for end, side in ((low, exp.LTE), (high, exp.GTE)):
        limit = exp.cast(number(end), "BIGINT")
        cut = cut.when(side(this=units.copy(), expression=number(end)), limit)
    there = exp.Not(this=exp.Is(this=value.made.copy(), expression=exp.null()))
    return exp.Case().when(there, cut.else_(exp.cast(units, "BIGINT")))


def _summed(figure: Measure, places: dict[str, str]) -> exp.Expr:
    if figure.function == "persons":
        return exp.Count(this=exp.Distinct(expressions=[quoted(PERSON)]))
    if not figure.column:
        return exp.Count(this=exp.Star())
    made = {"count": exp.Count, "sum": exp.Sum}[figure.function]
    return made(this=exp.column(places[figure.column]))


def _drawn(values: list[int], spent: Spent) -> list[int]:
    """Return whole numbers with noise."""
    import opendp.prelude as dp  # noqa: PLC0415  265 MB, loaded where noise is drawn

    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    if spent.gaussian:
        made = dp.m.make_gaussian(domain, dp.l2_distance(T="f64"), scale=spent.scale)
    else:
        made = dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=spent.scale)
    return [int(each) for each in made(values)]


def _table(made: Noisy, drawn: dict[Measure, list[int]]) -> pa.Table:
    request, step = made.count.request, made.count.step
    persons = drawn.get(_PERSONS, [])
    few = [step.minimum > 1 and persons[at] < step.minimum for at in range(len(made.cells))]
    columns: dict[str, pa.Array] = {}
    for at, name in enumerate(request.dimensions):
        kind = TYPES[made.count.view.values[name].datatype]
        columns[name] = pa.array([cell[at] for cell in made.cells], kind)
    for each in request.measures:
        values = [
            None if withheld else _figure(made, each, {it: drawn[it][at] for it in made.figures})
            for at, withheld in enumerate(few)
        ]
        whole = all(value is None or isinstance(value, int) for value in values)
        columns[each.name] = pa.array(values, pa.int64() if whole else pa.float64())
    columns[WITHHELD] = pa.array(few, pa.bool_())
    if len(columns) != len(request.dimensions) + len(request.measures) + 1:
        raise TableRefused("a dimension is called as a column of the table")
    return pa.table(columns)


def _figure(made: Noisy, measure: Measure, drawn: dict[Measure, int]) -> float | int | None:
    base = made.count.step.rounding
    if measure.function in ("count", "persons"):
        return rounded(drawn[measure], base)
    unit = made.range(measure.column)
    total = rounded(drawn[Measure("sum", measure.column)] * unit.unit, base)
    if measure.function == "sum" or total is None:
        return total
    number_of = rounded(drawn[Measure("count", measure.column)], base)
    mean = total / number_of if number_of and number_of > 0 else None
    return None if mean is None else min(max(mean, unit.low), unit.high)


def _scalar(value: Any, datatype: str) -> Scalar:
    if datatype == "boolean":
        return bool(value == "true")
    return date.fromisoformat(value) if datatype == "date" else value


def _sql(value: Scalar) -> exp.Expr:
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
    return exp.Literal.string(value) if isinstance(value, str) else number(value or 0)

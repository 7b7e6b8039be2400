"""Counts the cells of a table, and says which may not leave by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import sqlglot.expressions as exp

from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.request import Measure, TableRequest
from connector.enforcement.steps.spending import MOST_CELLS
from connector.errors import TableRefused
from connector.protection.cells.cell import Cell, Key, key_of
from connector.protection.engine import Engine
from connector.protection.expressions import Value, View, all_of, is_there, passes, quoted, table
from connector.protection.persons import PERSON

USED = "used"  # the table of rows


@dataclass(frozen=True, slots=True)
class Count:
    """A table that is being counted.

    Attributes:
        request: what is asked for.
        step: its limits.
        view: what the steps before let through, of the rows in `USED`.
        named: whether the data name persons.
        held: columns of `USED`, but for the person.
    """

    request: TableRequest
    step: Aggregate
    view: View
    named: bool
    held: tuple[str, ...] = ()

    @property
    def rows(self) -> exp.Expr | None:
        """What a row of the table passes."""
        tests = (passes(each, self.view.values[each.column]) for each in self.request.filters)
        return all_of((self.view.rows, *tests))

    def keys(self, places: Iterable[int]) -> list[exp.Expr]:
        """Return the dimensions at some places."""
        return [self.view.values[self.request.dimensions[at]].made.copy() for at in places]


def counted(count: Count, engine: Engine) -> dict[Key, Cell]:
    """Return the cells, those of totals too where they are asked for.

    Raises:
        TableRefused: there are too many, or too few persons in all.
    """
    dimensions = len(count.request.dimensions)
    found: dict[Key, Cell] = {}
    for places in levels(dimensions, totals=count.request.totals):
        unsafe = _concentrated(count, engine, places)
        for row in _rows(engine, groups(count, places)):
            key = key_of(row[: len(places)], places, dimensions)
            persons, fewest, *figures = row[len(places) :]
            few = fewest < count.step.minimum
            found[key] = Cell(persons, tuple(figures), few or key in unsafe)
        if len(found) > MOST_CELLS:
            raise TableRefused(f"the table has more than {MOST_CELLS} cells")
    return found


def levels(dimensions: int, *, totals: bool) -> list[tuple[int, ...]]:
    """Return the places of dimensions that rows are grouped by: all, and fewer for totals."""
    every = range(dimensions)
    sizes = every if totals else ()
    return [tuple(every), *chain.from_iterable(combinations(every, size) for size in sizes)]


def groups(count: Count, places: tuple[int, ...]) -> exp.Select:
    """Return what finds the cells of a level: key, persons, the fewest with a value, figures."""
    measures = count.request.measures
    values = [
        count.view.values[name].made for name in dict.fromkeys(it.column for it in measures) if name
    ]
    valued = [_persons(count, is_there(each)) for each in values]
    persons = _persons(count)
    fewest = exp.Least(this=persons.copy(), expressions=valued) if valued else persons
    figures = [_figure(each, count) for each in measures]
    keys = count.keys(places)
    made = [
        exp.alias_(each, f"o{at}", quoted=True)
        for at, each in enumerate((*keys, persons, fewest, *figures))
    ]
    query = exp.select(*made).from_(table(USED))
    query = query.where(count.rows) if count.rows is not None else query
    return query.group_by(*(each.copy() for each in keys)) if keys else query


def _persons(count: Count, there: exp.Expr | None = None) -> exp.Expr:
    return persons_of(there, named=count.named)


def persons_of(there: exp.Expr | None = None, *, named: bool) -> exp.Expr:
    """Return how many persons rows are about; how many rows, where the data name none."""
    who = quoted(PERSON) if named else exp.Literal.number(1)
    if there is not None:
        who = exp.Case().when(there, who)
    return exp.Count(this=exp.Distinct(expressions=[who]) if named else who)


def _figure(measure: Measure, count: Count) -> exp.Expr:
    if measure.function == "persons":
        return _persons(count)
    if not measure.column:
        return exp.Count(this=exp.Star())
    value = count.view.values[measure.column]
    if measure.function == "count":
        return exp.Count(this=value.made.copy())
    if measure.function == "mean":
        return exp.Avg(this=exp.cast(value.made.copy(), "DOUBLE PRECISION"))
    found = exp.Sum(this=value.made.copy())
    return exp.cast(found, "BIGINT") if value.datatype == "integer" else found


def _concentrated(count: Count, engine: Engine, places: tuple[int, ...]) -> set[Key]:
    """Return the cells in which few contribute too much of a sum."""
    step = count.step
    if step.dominance is None and step.p_ratio is None:
        return set()
    found: set[Key] = set()
    summed = {it.column for it in count.request.measures if it.function in ("sum", "mean")}
    for column in sorted(summed):
        for row in _largest(count, engine, places, count.view.values[column]):
            *key, total, first, second, largest = row
            if _dominated(step, total, largest) or _told(step, total, first, second):
                found.add(key_of(key, places, len(count.request.dimensions)))
    return found


def _dominated(step: Aggregate, total: float, largest: float) -> bool:
    return step.dominance is not None and largest * 100 > step.dominance.percent * total


def _told(step: Aggregate, total: float, first: float, second: float) -> bool:
    """Whether the second largest could tell the largest to within p percent."""
    return step.p_ratio is not None and (total - first - second) * 100 < step.p_ratio * first


def _largest(
    count: Count, engine: Engine, places: tuple[int, ...], value: Value
) -> list[tuple[Any, ...]]:
    """Return by cell: the sum of amounts, its largest two contributors', and its largest n's."""
    who = quoted(PERSON) if count.named else exp.column("rowid")
    groups = [exp.alias_(each, f"k{at}") for at, each in enumerate(count.keys(places))]
    amount = exp.alias_(exp.Sum(this=exp.Abs(this=value.made.copy())), "x")
    shares = exp.select(*groups, amount).from_(table(USED))
    rows = all_of((count.rows, is_there(value.made)))
    shares = shares.where(rows).group_by(*count.keys(places), who)
    keys: list[exp.Expr] = [exp.column(f"k{at}") for at in range(len(places))]
    order = exp.Order(expressions=[exp.Ordered(this=exp.column("x"), desc=True)])
    place = exp.Window(this=exp.RowNumber(), partition_by=keys, order=order)
    ranked = exp.select(*keys, exp.column("x"), exp.alias_(place, "place")).from_(
        shares.subquery("s")
    )
    most = count.step.dominance.largest if count.step.dominance else 1
    sums = [exp.Sum(this=exp.column("x")), *(_up_to(*it) for it in ((1, 1), (2, 2), (1, most)))]
    found = exp.select(*keys, *sums).from_(ranked.subquery("r"))
    return _rows(engine, found.group_by(*keys) if keys else found)


def _up_to(first: int, last: int) -> exp.Expr:
    place = exp.column("place")
    low, high = (exp.Literal.number(each) for each in (first, last))
    within = exp.Between(this=place, low=low, high=high)
    taken = exp.Case().when(within, exp.column("x")).else_(exp.Literal.number(0))
    return exp.Sum(this=taken)


def _rows(engine: Engine, query: exp.Expr) -> list[tuple[Any, ...]]:
    found = engine.ask(query)
    return list(zip(*(each.to_pylist() for each in found.columns), strict=True))

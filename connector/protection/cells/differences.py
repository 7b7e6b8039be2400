"""Whether a table may leave, given those that left before it.

A reader can take one table from another. Let A and B be the rows whose cells left in two tables,
within a group of the dimensions that both have. Where one of A - B and B - A is empty and the other
is not, the difference of the two tables is about the other alone: it must hold the minimum of
persons. Both are counted on the rows of today, so that filters that mean the same and filters that
happen to differ in a few persons are told apart.

Of rows of another day no more is known than the persons of each cell that left: where the same cell
had another number of persons then, the numbers must differ by the minimum.

What is not seen: combinations of three tables or more none of which is within another, and persons
who left a cell while as many came. The register is of all tables of a population, and a refusal
itself tells that some difference is small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import sqlglot.expressions as exp

from connector.errors import StepUnknown, TableRefused
from connector.protection.cells.count import USED
from connector.protection.cells.released import Released
from connector.protection.engine import Engine
from connector.protection.expressions import View, all_of, passes, quoted, table
from connector.protection.persons import PERSON
from connector.protection.shape import TYPES

MOST_BEFORE = 1000
_TOO_FEW = "with the tables that left before, it would tell of too few persons"


def check(
    new: Sequence[tuple[Released, View]],
    before: Iterable[tuple[Released, View]],
    engine: Engine,
) -> None:
    """Check a table against those before it.

    Args:
        new: levels of the table, and what their steps let through.
        before: levels of earlier tables of the population, of any snapshot.
        engine: with the rows of the new table's snapshot in `USED`.

    Raises:
        TableRefused: a difference is about fewer persons; it is not said which.
    """
    earlier = {_same(each[0]): each for each in before}
    if len(earlier) > MOST_BEFORE:
        raise TableRefused(f"more than {MOST_BEFORE} tables of these data have left")
    for one in new:
        for other in earlier.values():
            fewest = max(one[0].minimum, other[0].minimum)  # the stricter plan's
            if _moved(one[0], other[0], fewest) or _isolates(one, other, fewest, engine):
                raise TableRefused(_TOO_FEW)


def _same(each: Released) -> tuple[object, ...]:
    cells = frozenset(each.cells.items())
    return (each.snapshot, each.selection, each.dimensions, cells, each.withheld)


def _moved(one: Released, other: Released, minimum: int) -> bool:
    """Whether a cell had nearly as many persons on another day, but not as many."""
    if one.snapshot == other.snapshot or one.dimensions != other.dimensions:
        return False
    if one.selection != other.selection:
        return False
    groups = (one.cells.keys() | other.cells.keys()) - one.withheld - other.withheld
    moves = (abs(one.cells.get(key, 0) - other.cells.get(key, 0)) for key in groups)
    return any(0 < move < minimum for move in moves)


def _isolates(
    one: tuple[Released, View], other: tuple[Released, View], minimum: int, engine: Engine
) -> bool:
    """Whether the rows of one table and not the other are those of few persons, in some group."""
    if one[0].selection == other[0].selection and not one[0].withheld | other[0].withheld:
        return False
    tables = {f"withheld_{at}": _keys(*each) for at, each in enumerate((one, other))}
    mine, theirs = (_left(*each, f"withheld_{at}") for at, each in enumerate((one, other)))
    # Who names nobody counts as a person of their own.
    who = exp.Coalesce(this=quoted(PERSON), expressions=[exp.column("rowid", table=USED)])
    flags = [exp.alias_(mine, "mine"), exp.alias_(theirs, "theirs")]
    groups = [exp.alias_(each, f"g{at}") for at, each in enumerate(_common(one, other))]
    rows = exp.select(*groups, *flags, exp.alias_(who, "who")).from_(table(USED))
    sides = exp.column("mine"), exp.column("theirs")
    counts = [_persons(*sides), _persons(*sides[::-1])]
    query = exp.select(*counts).from_(rows.subquery("r"))
    if groups:
        query = query.group_by(*(exp.column(f"g{at}") for at in range(len(groups))))
    found = engine.ask(query, **tables)
    pairs = zip(*(each.to_pylist() for each in found.columns), strict=True)
    return any(0 in pair and 0 < max(pair) < minimum for pair in pairs)


def _persons(within: exp.Expr, without: exp.Expr) -> exp.Expr:
    rest = exp.and_(within.copy(), exp.Not(this=without.copy()))
    return exp.Count(this=exp.Distinct(expressions=[exp.Case().when(rest, exp.column("who"))]))


def _common(one: tuple[Released, View], other: tuple[Released, View]) -> list[exp.Expr]:
    """Return the dimensions that both tables have, with the same values."""
    return [
        one[1].values[name].made.copy()
        for name in one[0].dimensions
        if name in other[0].dimensions and one[1].values[name].made == other[1].values[name].made
    ]


def _left(each: Released, view: View, withheld: str) -> exp.Expr:
    """Return whether a row is in a cell that left."""
    tests = [passes(test, view.values[test.column]) for test in each.filters]
    if each.withheld:
        same = [
            exp.NullSafeEQ(
                this=exp.column(f"k{at}", table=withheld), expression=view.values[name].made.copy()
            )
            for at, name in enumerate(each.dimensions)
        ]
        rows = exp.select(exp.Literal.number(1)).from_(table(withheld)).where(all_of(same))
        tests.append(exp.Not(this=exp.Exists(this=rows)))
    found = all_of((view.rows, *tests)) or exp.true()
    return exp.Coalesce(this=exp.paren(found), expressions=[exp.false()])


def _keys(each: Released, view: View) -> pa.Table:
    columns = {}
    for at, name in enumerate(each.dimensions):
        kind = TYPES[view.values[name].datatype]
        try:
            columns[f"k{at}"] = pa.array([group[at] for group in each.withheld], kind)
        except (pa.ArrowException, IndexError):
            raise StepUnknown("a table that left before cannot be compared") from None
    return pa.table(columns or {"none": pa.nulls(len(each.withheld), pa.int64())})

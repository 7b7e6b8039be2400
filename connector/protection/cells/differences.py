"""Whether a table may leave, given those that left before it.

A reader can take one table from another. Let A and B be the rows whose cells left in two tables,
within a group of the dimensions that both have. Where one of A - B and B - A is empty and the other
is not, the difference of the two tables is about the other alone: it must hold the minimum of
persons. Both are counted on the rows of today, so that filters that mean the same and filters that
happen to differ in a few persons are told apart.

Of rows of another day, or of before persons objected, no more is known than the persons of each
cell that left. By how many it had more or fewer than it would have today is part of the difference,
however the later table is grouped or filtered.

What is not seen: combinations of three tables or more none of which is within another, and persons
who left a cell while as many came. The register is of all tables of a population, and a refusal
itself tells that some difference is small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import sqlglot.expressions as exp

from connector.errors import StepUnknown, TableRefused
from connector.protection.cells.count import USED, persons_of
from connector.protection.cells.released import Group, Released
from connector.protection.cells.shared import Shared, shared
from connector.protection.engine import Engine
from connector.protection.expressions import View, all_of, passes, quoted, table
from connector.protection.persons import PERSON
from connector.protection.shape import TYPES

MOST_BEFORE = 1000
_WITHHELD: Final = "withheld"
_TOO_FEW = "together with earlier tables, it would reveal something about too few persons"


def check(
    new: Sequence[tuple[Released, View]],
    before: Iterable[tuple[Released, View]],
    engine: Engine,
    *,
    named: bool,
) -> None:
    """Check a table against those before it.

    Args:
        new: levels of the table, and what their steps let through.
        before: levels of earlier tables of the population, of any rows.
        engine: with the rows of the new table in `USED`.
        named: whether the data name persons.

    Raises:
        TableRefused: a difference is about fewer persons; it is not said which.
    """
    earlier = {_same(each[0]): each for each in before}
    if len(earlier) > MOST_BEFORE:
        raise TableRefused(f"more than {MOST_BEFORE} tables of these data have left already")
    for other in earlier.values():
        moved = _moved(other, engine, named=named) if _other_rows(new, other) else {}
        for one in new:
            fewest = max(one[0].minimum, other[0].minimum)  # the stricter plan's
            if _isolates(one, other, moved, fewest, engine):
                raise TableRefused(_TOO_FEW)


def _same(each: Released) -> tuple[object, ...]:
    cells = frozenset(each.cells.items())
    return (each.snapshot, each.selection, each.dimensions, cells, each.withheld)


def _other_rows(new: Sequence[tuple[Released, View]], other: tuple[Released, View]) -> bool:
    return any(each[0].snapshot != other[0].snapshot for each in new)


def _moved(other: tuple[Released, View], engine: Engine, *, named: bool) -> Mapping[Group, int]:
    """Return by how many persons the cells of an earlier table had more than they would today."""
    kept, view = other
    keys = [view.values[name].made.copy() for name in kept.dimensions]
    left = _left(*other, _WITHHELD)
    found = exp.select(*keys, persons_of(named=named)).from_(table(USED)).where(left)
    found = found.group_by(*(each.copy() for each in keys)) if keys else found
    today = {
        tuple(key): number for *key, number in _rows(engine, found, **{_WITHHELD: _keys(*other)})
    }
    groups = kept.cells.keys() | today.keys()
    return {each: kept.cells.get(each, 0) - today.get(each, 0) for each in groups}


def _isolates(
    one: tuple[Released, View],
    other: tuple[Released, View],
    moved: Mapping[Group, int],
    minimum: int,
    engine: Engine,
) -> bool:
    """Whether what one table tells and not the other is about few persons, in some group."""
    alike = one[0].selection == other[0].selection
    if alike and not any(moved.values()) and not one[0].withheld | other[0].withheld:
        return False
    common = shared(one, other)
    more: Counter[Group] = Counter()
    for group, number in moved.items():
        more[tuple(each.of(group) for each in common)] += number
    pairs = _apart(one, other, common, engine)
    return any(
        _few(*pairs.get(group, (0, 0)), more[group], minimum)
        for group in pairs.keys() | more.keys()
    )


def _few(mine: int, theirs: int, more: int, minimum: int) -> bool:
    """Whether a difference is about few: of tables of which one is within the other today."""
    if mine and theirs:
        return False
    return 0 < mine + theirs < minimum or 0 < abs(theirs - mine + more) < minimum


def _apart(
    one: tuple[Released, View],
    other: tuple[Released, View],
    common: Sequence[Shared],
    engine: Engine,
) -> dict[Group, tuple[int, int]]:
    """Return by group the persons of today in cells of the one table alone, and of the other."""
    tables = {f"{_WITHHELD}_{at}": _keys(*each) for at, each in enumerate((one, other))}
    mine, theirs = (_left(*each, f"{_WITHHELD}_{at}") for at, each in enumerate((one, other)))
    # Who names nobody counts as a person of their own.
    who = exp.Coalesce(this=quoted(PERSON), expressions=[exp.column("rowid", table=USED)])
    flags = [exp.alias_(mine, "mine"), exp.alias_(theirs, "theirs")]
    groups = [exp.alias_(each.made, f"g{at}") for at, each in enumerate(common)]
    rows = exp.select(*groups, *flags, exp.alias_(who, "who")).from_(table(USED))
    sides = exp.column("mine"), exp.column("theirs")
    counts = [_persons(*sides), _persons(*sides[::-1])]
    columns = [exp.column(f"g{at}") for at in range(len(groups))]
    query = exp.select(*columns, *counts).from_(rows.subquery("r"))
    query = query.group_by(*(each.copy() for each in columns)) if columns else query
    return {tuple(key): (alone, without) for *key, alone, without in _rows(engine, query, **tables)}


def _rows(engine: Engine, query: exp.Expr, **tables: pa.Table) -> list[tuple[Any, ...]]:
    found = engine.ask(query, **tables)
    return list(zip(*(each.to_pylist() for each in found.columns), strict=True))


def _persons(within: exp.Expr, without: exp.Expr) -> exp.Expr:
    rest = exp.and_(within.copy(), exp.Not(this=without.copy()))
    return exp.Count(this=exp.Distinct(expressions=[exp.Case().when(rest, exp.column("who"))]))


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
            raise StepUnknown("an earlier table cannot be compared") from None
    return pa.table(columns or {"none": pa.nulls(len(each.withheld), pa.int64())})

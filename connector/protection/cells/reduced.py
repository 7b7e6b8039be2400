"""Earlier tables as far as the data of a later one can tell their cells.

Tables of a population may be of several datasets, which need not have the same columns. A
dimension that these data lack is added up. A test of a column that they lack is left out, since
their rows may be the very rows that pass it. Such a table counts as one of other rows. So does one
that was made coarser by a hierarchy which is not at hand.
"""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from connector.enforcement.steps.minimise import Minimise
from connector.errors import ColumnMissing, StepUnknown
from connector.protection.cells.released import Group, Released
from connector.protection.expressions import View, passes, viewed
from connector.protection.ground import Ground
from connector.protection.shape import TYPES, numbered


def needed(released: Released) -> set[str]:
    """Return the columns that an earlier table is compared by."""
    tests = (*released.rows, *released.filters)
    return {*released.dimensions, *(each.column for each in tests)}


def reduced(released: Released, ground: Ground) -> Released:
    """Return an earlier table by the columns that the data have; itself, where they have all."""
    lacking = {name for name in needed(released) if not _fits(released, name, ground)}
    if not lacking:
        return released
    places = [at for at, name in enumerate(released.dimensions) if name not in lacking]
    whole = len(places) == len(released.dimensions)
    cells: Counter[Group] = Counter()
    for group, persons in released.cells.items():
        cells[tuple(group[at] for at in places)] += persons
    return Released(
        snapshot="",
        rows=tuple(each for each in released.rows if each.column not in lacking),
        generalise=tuple(each for each in released.generalise if each.column not in lacking),
        dimensions=tuple(released.dimensions[at] for at in places),
        filters=tuple(each for each in released.filters if each.column not in lacking),
        minimum=released.minimum,
        cells=cells,
        withheld=released.withheld if whole else frozenset(),
    )


def earlier(released: Released, ground: Ground) -> View:
    """Return what the steps of an earlier table let through.

    Raises:
        ColumnMissing: the data lack a column of it.
        StepUnknown: a step of it does not fit the data.
    """
    used = (*released.dimensions, *(each.column for each in released.filters))
    columns = tuple(dict.fromkeys(used))
    return viewed(Minimise(columns, released.rows), released.generalise, ground, numbered(ground))


def _fits(released: Released, name: str, ground: Ground) -> bool:
    """Whether the data have a column with values such as an earlier table has of it."""
    rows = tuple(each for each in released.rows if each.column == name)
    coarser = tuple(each for each in released.generalise if each.column == name)
    try:
        value = viewed(Minimise((name,), rows), coarser, ground, numbered(ground)).values[name]
        for each in released.filters:
            if each.column == name:
                passes(each, value)
        if name in released.dimensions:
            at = released.dimensions.index(name)
            groups = (*released.cells, *released.withheld)
            pa.array([group[at] for group in groups], TYPES[value.datatype])
    except (ColumnMissing, StepUnknown, pa.ArrowException):
        return False
    return True

"""Tables of exact cells: counted, those that must not leave withheld, compared with those before.

Rules: a cell of too few persons is withheld, and with totals so many others that it cannot be
worked out; counts and sums are rounded where the plan says so, and means are of what was rounded;
a table that with earlier ones would tell of too few persons is refused whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.request import Measure, TableRequest
from connector.enforcement.steps.table import TableSteps
from connector.errors import TableRefused
from connector.protection.cells import differences
from connector.protection.cells.cell import TOTAL, Cell, Cells, Key, level
from connector.protection.cells.count import Count, counted, levels
from connector.protection.cells.reduced import earlier, reduced
from connector.protection.cells.released import Released
from connector.protection.cells.secondary import withheld
from connector.protection.engine import Engine
from connector.protection.ground import Ground
from connector.protection.shape import TYPES

WITHHELD = "withheld"
TOTALS = "totals"


@dataclass(frozen=True, slots=True)
class Exact:
    """A table that may leave.

    Attributes:
        rows: the cells; a withheld one has no figures.
        released: what is kept of it for later tables.
    """

    rows: pa.Table
    released: tuple[Released, ...]


def exact(
    count: Count,
    steps: TableSteps,
    ground: Ground,
    before: Sequence[Released],
    snapshot: str,
    engine: Engine,
) -> Exact:
    """Return a table.

    Args:
        count: the table.
        steps: of the use.
        ground: the data.
        before: tables of the same population that left, of whichever dataset.
        snapshot: digest of the rows that are used.
        engine: which has the rows.

    Raises:
        TableRefused: it may not leave.
    """
    request, minimum = count.request, count.step.minimum
    cells = _asked_again(count, engine)
    gone = withheld(cells, minimum, totals=request.totals)
    if gone is None or len(gone) == len(cells):
        raise TableRefused("too few persons: no cell of the table could leave")
    # Totals too: a person may be in several cells, so that these do not add up to them.
    places = levels(len(request.dimensions), totals=request.totals)
    released = [_released(count, steps, snapshot, cells, gone, each) for each in places]
    differences.check(
        [(each, count.view) for each in released],
        [(it, earlier(it, ground)) for it in (reduced(each, ground) for each in before)],
        engine,
        named=count.named,
    )
    return Exact(_table(count, cells, gone), tuple(released))


def rounded(value: float | None, base: int | None) -> float | int | None:
    """Return the nearest multiple of a base, halves away from zero."""
    if value is None or base is None:
        return value
    parts = (Decimal(repr(value)) / base).to_integral_value(ROUND_HALF_UP)
    return int(parts) * base


def figure(
    measure: Measure, figures: dict[Measure, float | int | None], base: int | None
) -> float | int | None:
    """Return a figure as it leaves; a mean is that of the sum and the count that would."""
    if measure.function != "mean" or base is None:
        return rounded(figures[measure], base)
    total, number = (rounded(figures[Measure(it, measure.column)], base) for it in ("sum", "count"))
    return total / number if total is not None and number else None


def counts(request: TableRequest, step: Aggregate) -> tuple[Measure, ...]:
    """Return what is counted: what is asked for, and what rounded means are made of."""
    means = [it for it in request.measures if it.function == "mean" and step.rounding]
    parts = (Measure(it, each.column) for each in means for it in ("sum", "count"))
    return tuple(dict.fromkeys((*request.measures, *parts)))


def _asked_again(count: Count, engine: Engine) -> dict[Key, Cell]:
    measures = counts(count.request, count.step)
    request = TableRequest(
        count.request.dimensions, measures, count.request.filters, count.request.totals
    )
    return counted(Count(request, count.step, count.view, count.named), engine)


def _released(
    count: Count,
    steps: TableSteps,
    snapshot: str,
    cells: Cells,
    gone: frozenset[Key],
    places: tuple[int, ...],
) -> Released:
    request = count.request
    order = sorted(places, key=lambda at: request.dimensions[at])
    dimensions = tuple(request.dimensions[at] for at in order)
    groups = {
        key: tuple(each for at in order if (each := key[at]) is not TOTAL)
        for key in cells
        if level(key) == places
    }
    named = {*dimensions, *(test.column for test in request.filters)}
    return Released(
        snapshot=snapshot,
        rows=steps.minimise.rows,
        generalise=tuple(each for each in steps.generalise if each.column in named),
        dimensions=dimensions,
        filters=request.filters,
        minimum=count.step.minimum,
        cells={group: cells[key].persons for key, group in groups.items() if key not in gone},
        withheld=frozenset(group for key, group in groups.items() if key in gone),
    )


def _table(count: Count, cells: Cells, gone: frozenset[Key]) -> pa.Table:
    request, base = count.request, count.step.rounding
    measures = counts(request, count.step)
    order = sorted(cells, key=_place)
    columns: dict[str, pa.Array] = {}
    for at, name in enumerate(request.dimensions):
        values = [None if key[at] is TOTAL else key[at] for key in order]
        columns[name] = pa.array(values, TYPES[count.view.values[name].datatype])
    for each in request.measures:
        found = (dict(zip(measures, cells[key].figures, strict=True)) for key in order)
        kept = [
            None if key in gone else figure(each, it, base)
            for key, it in zip(order, found, strict=True)
        ]
        whole = all(value is None or isinstance(value, int) for value in kept)
        columns[each.name] = pa.array(kept, pa.int64() if whole else pa.float64())
    if request.totals:
        columns[TOTALS] = pa.array([_added(request, key) for key in order], pa.string())
    columns[WITHHELD] = pa.array([key in gone for key in order], pa.bool_())
    if len(columns) != len(request.dimensions) + len(request.measures) + 1 + request.totals:
        raise TableRefused("a dimension has the name of another column of the table")
    return pa.table(columns)


def _place(key: Key) -> list[tuple[bool, bool, Any]]:
    """Return where a row stands: values in their own order, missing ones, totals."""
    return [
        (each is TOTAL, each is None, 0 if each is TOTAL or each is None else each) for each in key
    ]


def _added(request: TableRequest, key: Key) -> str:
    """Return the dimensions that a cell is a total over."""
    return ", ".join(it for it, each in zip(request.dimensions, key, strict=True) if each is TOTAL)

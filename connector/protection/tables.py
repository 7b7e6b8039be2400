"""Runs the steps of a use that makes cells: rows in, one table out.

Rules: the request is checked before a row is read; what rows are compared by, and nothing else of
them, is held by the engine, which may spill to a private folder; persons who objected are left out.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from connector.enforcement.steps.request import TableRequest, check
from connector.enforcement.steps.table import TableSteps
from connector.errors import StepUnknown
from connector.protection.cells.count import USED, Count
from connector.protection.cells.exact import exact, needed
from connector.protection.cells.released import Released
from connector.protection.engine import Engine
from connector.protection.expressions import view
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.persons import PERSON, Persons, Seen
from connector.protection.shape import numbered, shaped


@dataclass(frozen=True, slots=True)
class Asked:
    """A table that is asked for, and what it is judged by.

    Attributes:
        request: what the consumer states.
        snapshot: digest of the rows.
        before: tables of the same population that left, to whoever.
    """

    request: TableRequest
    snapshot: str
    before: Sequence[Released] = ()


def table(
    steps: TableSteps,
    batches: Iterable[pa.RecordBatch],
    ground: Ground,
    means: Means,
    outcome: Outcome,
    asked: Asked,
) -> pa.Table:
    """Return the cells that leave.

    Args:
        steps: of the use.
        batches: with the columns of the ground.
        ground: the data.
        means: see `Means`.
        outcome: is filled in; `released` is to be kept before the table leaves.
        asked: see `Asked`.

    Raises:
        ColumnMissing: the data lack a column, or have it with another type.
        DataFileUnreadable: the table cannot be computed for these rows.
        StepUnknown: a step does not fit the data.
        TableRefused: it may not leave.
    """
    check(asked.request, steps)
    if steps.aggregate is None:
        raise StepUnknown("a use without cells makes no table")
    made = view(steps, ground, numbered(ground))
    count = Count(asked.request, steps.aggregate, made, named=bool(ground.person))
    columns = _columns(steps, ground, asked)
    engine = Engine(ground, means.memory, means.spill)
    try:
        _load(engine, batches, ground, means, outcome, columns)
        found = exact(count, steps, ground, asked.before, asked.snapshot, engine)
    finally:
        engine.close()
    outcome.rows_out = found.rows.num_rows
    outcome.withheld = found.withheld
    outcome.released = found.released
    return found.rows


def _columns(steps: TableSteps, ground: Ground, asked: Asked) -> list[str]:
    """Return the columns that are held, as the engine calls them."""
    request = asked.request
    used = {*request.dimensions, *(each.column for each in request.measures if each.column)}
    used |= {each.column for each in (*request.filters, *steps.minimise.rows)}
    used = used.union(*map(needed, asked.before))
    named = [f"c{at}" for at, each in enumerate(ground.fields) if each.name in used]
    return [*named, PERSON]


def _load(
    engine: Engine,
    batches: Iterable[pa.RecordBatch],
    ground: Ground,
    means: Means,
    outcome: Outcome,
    columns: list[str],
) -> None:
    persons = Persons(ground, secrets.token_bytes(32), means.suppressed)
    seen = Seen()
    engine.keep(USED, persons.numbered(shaped(None, ground)).select(columns))
    for batch in batches:
        whole = shaped(batch, ground)
        outcome.rows_in += whole.num_rows
        rows = persons.numbered(whole)
        seen.add(rows.column(PERSON))
        engine.keep(USED, rows.select(columns))
    outcome.persons = seen.count()

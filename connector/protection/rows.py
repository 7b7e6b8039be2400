"""Runs the steps of a use over batches of rows, streamed.

Rules: memory holds a batch and eight bytes for each person, whatever the number of rows; nothing is
passed over: the steps are one value, and what leaves is looked at once more (`release.py`). Cells
are made by `tables.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from itertools import chain

import pyarrow as pa

from connector.enforcement.steps.table import TableSteps
from connector.errors import StepUnknown
from connector.protection.engine import Engine
from connector.protection.expressions import view
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.persons import PERSON, Persons, Seen
from connector.protection.pseudonymise import Pseudonyms, scope_key
from connector.protection.release import released
from connector.protection.shape import numbered, shaped


def rows(
    steps: TableSteps,
    batches: Iterable[pa.RecordBatch],
    ground: Ground,
    means: Means,
    outcome: Outcome,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows that leave: at least one batch, the first of them without rows.

    Args:
        steps: of the use.
        batches: with the columns of the ground.
        ground: the data.
        means: see `Means`.
        outcome: is kept up to date.

    Raises:
        ColumnMissing: the data lack a column, or have it with another type.
        DataFileUnreadable: a step cannot be computed for these rows.
        StepUnknown: a step does not fit the data, or what was made is not what the plan says.
    """
    if steps.no_rows:
        raise StepUnknown("a use that makes cells or sums lets no rows leave")
    made = view(steps, ground, numbered(ground))
    query = made.select("shown", PERSON)
    pseudonyms = _pseudonyms(steps, ground, means)
    persons = Persons(ground, secrets.token_bytes(32), means.suppressed)
    seen = Seen()
    engine = Engine(ground, means.memory, means.spill)
    try:
        for batch in chain([None], batches):
            table = shaped(batch, ground)
            outcome.rows_in += table.num_rows
            found = engine.ask(query, shown=persons.numbered(table)).combine_chunks()
            seen.add(found.column(PERSON))
            ready = {name: found.column(at) for at, name in enumerate(made.values)}
            if pseudonyms is not None:
                ready |= {name: pseudonyms.replaced(ready[name]) for name in steps.pseudonyms}
            leaving = released(steps, pa.table(ready))
            outcome.rows_out += leaving.num_rows
            yield leaving
        outcome.persons = seen.count()
    finally:
        engine.close()


def _pseudonyms(steps: TableSteps, ground: Ground, means: Means) -> Pseudonyms | None:
    if steps.pseudonymise is None:
        return None
    key = scope_key(means.root, steps.pseudonymise.scope, means.nonce)
    return Pseudonyms(key, ground.person_format)

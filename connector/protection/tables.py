"""Runs the steps of a use that makes cells: rows in, one table out.

Rules: the request is checked before a row is read; what rows are compared by, and nothing else of
them, is held by the engine, which may spill to a private folder; persons who objected are left out.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from connector.enforcement.steps.request import TableRequest, binned, check
from connector.enforcement.steps.spending import spending
from connector.enforcement.steps.table import TableSteps
from connector.errors import StepUnknown
from connector.protection.cells.count import USED, Count
from connector.protection.cells.exact import WITHHELD, exact
from connector.protection.cells.noisy import Noisy, noisy
from connector.protection.cells.reduced import needed
from connector.protection.cells.released import Released
from connector.protection.engine import Engine
from connector.protection.expressions import view
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.persons import PERSON, Persons, Seen
from connector.protection.pseudonymise import KEY_BYTES
from connector.protection.shape import numbered, shaped
from federated.privacy.event import Event


@dataclass(frozen=True, slots=True)
class Asked:
    """A table that is asked for, and what it is judged by.

    Attributes:
        request: what the consumer states.
        snapshot: digest of the rows.
        before: tables of the same population that left, of whichever dataset, to whoever.
        charged: what was charged for a table with noise; one that costs other than that is not
            made.
    """

    request: TableRequest
    snapshot: str
    before: Sequence[Released] = ()
    charged: tuple[Event, ...] = ()


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
    spent = spending(asked.request, steps) if steps.noise else None
    divided = binned(asked.request, steps)
    made = view(divided, ground, numbered(ground))
    held = _columns(steps, ground, asked)
    count = Count(asked.request, steps.aggregate, made, bool(ground.person), held)
    blurred = Noisy(count, spent) if spent else None
    key = _key(means, blurred, asked)
    engine = Engine(ground, means.memory, means.spill)
    try:
        persons = Persons(ground, key, means.suppressed)
        told = None if blurred else outcome
        engine.hold(USED, _read(batches, persons, ground, told, held))
        if blurred is not None:
            found = noisy(blurred, engine)
        else:
            used = persons.used_of(asked.snapshot)
            kept = exact(count, divided, ground, asked.before, used, engine)
            found, outcome.released = kept.rows, kept.released
    finally:
        engine.close()
    outcome.rows_out = found.num_rows
    outcome.withheld = sum(found.column(WITHHELD).to_pylist())
    return found


def _key(means: Means, blurred: Noisy | None, asked: Asked) -> bytes:
    """Return the key of the persons' numbers: where rows are chosen by it, always the same one.

    Raises:
        StepUnknown: there is no key to choose rows by, no person to protect, or another table was
            charged.
    """
    if blurred is None:
        return secrets.token_bytes(KEY_BYTES)
    if len(means.root) < KEY_BYTES or not blurred.count.named:
        raise StepUnknown("noise needs the node's key, and the column of the persons")
    if asked.charged != blurred.spending.events:  # INVARIANT: charged before it is released
        raise StepUnknown("what was charged is not what the table costs")
    return hmac.digest(means.root, b"rows of a person that count", "sha256")


def _columns(steps: TableSteps, ground: Ground, asked: Asked) -> tuple[str, ...]:
    """Return the columns that are held, as the engine calls them, but for the person."""
    request = asked.request
    used = {*request.dimensions, *(each.column for each in request.measures if each.column)}
    used |= {each.column for each in (*request.filters, *steps.minimise.rows)}
    used = used.union(request.moments)
    if steps.noise is None:
        used = used.union(*map(needed, asked.before))
    return tuple(f"c{at}" for at, each in enumerate(ground.fields) if each.name in used)


def _read(
    batches: Iterable[pa.RecordBatch],
    persons: Persons,
    ground: Ground,
    told: Outcome | None,
    held: tuple[str, ...],
) -> Iterator[pa.Table]:
    """Yield the rows that are held; where that may be told, count them and their persons."""
    seen = Seen()
    for batch in chain([None], batches):
        whole = shaped(batch, ground)
        rows = persons.numbered(whole)
        if told is not None:
            told.rows_in += whole.num_rows
            seen.add(rows.column(PERSON))
        yield rows.select([*held, PERSON])
    if told is not None:
        told.persons = seen.count()

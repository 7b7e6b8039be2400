"""Counts what a data file holds, with the reader that training uses, before it is published.

Rules: every described column is read as training would read it, so that whatever stops a reader
stops here, for these exact bytes; what is said are counts, and keyed digests of the persons; no
value, no name. The answer is for the node and its operator, never for a peer. Whether the file may
be published is left to the node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.persons import MISSING
from federated.training.rows.lines import Lost
from federated.training.rows.persons import digests, spelled
from federated.training.rows.table import Table, read_table

NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Question:
    """What a description says of its file.

    Attributes:
        path: the file.
        kind: `csv` or `parquet`.
        digest: SHA-256 (hex) that it must have.
        columns: described columns, name to datatype (`number` or `category`).
        person: column that identifies the person; empty for data of no person.
        form: how persons are spelled, see `persons.spelled`.
        rows: most rows of one person.
        key: of the digests.
    """

    path: Path
    kind: str
    digest: str
    columns: Mapping[str, str]
    person: str
    form: str
    rows: int
    key: bytes


@dataclass(frozen=True, slots=True)
class Counted:
    """What the file holds.

    Attributes:
        rows: all, those that cannot be read included.
        lost: rows that cannot be read.
        nameless: rows that can be read and name no person.
        unreadable: by number column, values that are neither a number nor missing.
        malformed: rows with any of these faults.
        persons: distinct persons.
        over: persons with more rows than stated; the first ones count.
        digests: of the persons, sorted.
    """

    rows: int
    lost: Lost
    nameless: int
    unreadable: Mapping[str, int]
    malformed: int
    persons: int
    over: int
    digests: NDArray[np.uint64]


def count(question: Question) -> Counted:
    """Read the file and count.

    Raises:
        DataFault: as a whole it cannot be read as training would read it; the class says why.
    """
    columns = dict(question.columns)
    table = read_table(question.path, question.kind, question.digest, tuple(columns))
    faults = {name: _faults(table, name, kind) for name, kind in columns.items()}
    odd = {name: int(rows.sum()) for name, rows in faults.items() if columns[name] == NUMBER}
    persons = _persons(table, question)
    nameless = persons.is_null().to_numpy(zero_copy_only=False) & bool(question.person)
    malformed = np.logical_or.reduce([nameless, *faults.values()])
    named = pc.value_counts(persons.drop_null())
    sizes = named.field("counts").to_numpy(zero_copy_only=False)
    return Counted(
        rows=table.rows + table.lost.total,
        lost=table.lost,
        nameless=int(nameless.sum()),
        unreadable=odd,
        malformed=int(malformed.sum()) + table.lost.total,
        persons=len(sizes),
        over=int((sizes > question.rows).sum()),
        digests=digests(named.field("values").to_pylist(), question.key),
    )


def compared(
    found: NDArray[np.uint64], own: NDArray[np.uint64], others: Sequence[NDArray[np.uint64]]
) -> tuple[NDArray[np.uint64], tuple[int, ...]]:
    """Return the union of what was found with its own register, and what it shares with others.

    Args:
        found: digests in a file.
        own: of the register that the file belongs to.
        others: of the other registers; all sorted, each digest once.
    """
    shared = tuple(np.intersect1d(found, other, assume_unique=True).size for other in others)
    return np.union1d(found, own), shared


def _persons(table: Table, question: Question) -> pa.Array:
    """Return the person of each row; rows of data of no person name nobody."""
    if not question.person:
        return pa.nulls(table.rows, pa.string())
    return spelled(table.text(question.person), question.form)


def _faults(table: Table, column: str, datatype: str) -> NDArray[np.bool_]:
    """Return in which rows a value is neither missing nor what its column is described as."""
    text = table.text(column)
    if datatype != NUMBER:
        return np.zeros(len(text), dtype=np.bool_)
    plain = pc.fill_null(pc.utf8_trim_whitespace(text), "")
    there: NDArray[np.bool_] = pc.invert(pc.is_in(plain, pa.array(MISSING))).to_numpy(
        zero_copy_only=False
    )
    return there & np.isnan(table.numbers(column))

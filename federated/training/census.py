"""Counts what a data file holds, with the reader that training uses, before it is published.

Rules: every described column is read as training would read it, so that whatever stops a reader
stops here, for these exact bytes; what is said are counts, and keyed digests of the persons; no
value, no name. The answer is for the node and its operator, never for a peer. Whether the file may
be published is left to the node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.persons import MISSING
from federated.training.rows.lines import Lost
from federated.training.rows.owners import Owners
from federated.training.rows.parts import read_table
from federated.training.rows.persons import digests, spelled
from federated.training.rows.table import Table

NUMBER = "number"
_ROWS, _NAMELESS, _ODD, _THERE, _OUTSIDE = "rows", "nameless", "odd", "there", "outside"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the values of a column must be, as the description says; what is empty says nothing.

    Attributes:
        range: least and greatest value; of a number column.
        values: all that there can be.
        form: regular expression that the whole value matches.
    """

    range: tuple[float, float] | None = None
    values: tuple[str, ...] = ()
    form: str = ""


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
        allowed: column to what its values must be, see `Allowed`.
    """

    path: Path
    kind: str
    digest: str
    columns: Mapping[str, str]
    person: str
    form: str
    rows: int
    key: bytes
    allowed: Mapping[str, Allowed] = field(default_factory=dict)


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
        outside: by column of `allowed`, values that are there and none of those allowed.
        there: by the same columns, values that are there.
    """

    rows: int
    lost: Lost
    nameless: int
    unreadable: Mapping[str, int]
    malformed: int
    persons: int
    over: int
    digests: NDArray[np.uint64]
    outside: Mapping[str, int] = field(default_factory=dict)
    there: Mapping[str, int] = field(default_factory=dict)


def count(question: Question) -> Counted:
    """Read the file and count.

    Raises:
        DataFault: as a whole it cannot be read as training would read it; the class says why.
    """
    columns, nobody = dict(question.columns), np.empty(0, np.uint64)
    parts = read_table(question.path, question.kind, question.digest, tuple(columns))
    counts, found, owners = Counter[tuple[str, str]](), [nobody], Owners(filed=True)
    for part in parts.parts():
        persons = _persons(part, question)
        counts.update(_faulty(part, question, persons))
        known = persons.drop_null()
        owners.add(known, np.arange(len(known)), np.zeros(len(known), np.bool_))
        found.append(digests(known.unique().to_pylist(), question.key))
    sizes = np.concatenate([nobody, *(group.sizes for group in owners.groups())])
    numbers = [name for name, kind in columns.items() if kind == NUMBER]
    return Counted(
        rows=parts.rows + parts.lost.total,
        lost=parts.lost,
        nameless=counts[_ROWS, _NAMELESS],
        unreadable={name: counts[_ODD, name] for name in numbers},
        malformed=counts[_ROWS, _ODD] + parts.lost.total,
        persons=len(sizes),
        over=int((sizes > question.rows).sum()),
        digests=np.unique(np.concatenate(found)),
        outside={name: counts[_OUTSIDE, name] for name in question.allowed},
        there={name: counts[_THERE, name] for name in question.allowed},
    )


def _faulty(table: Table, question: Question, persons: pa.Array) -> dict[tuple[str, str], int]:
    """Return how many rows, and values of a column, are at fault, and how many are there."""
    faults = {name: _faults(table, name, kind) for name, kind in question.columns.items()}
    nameless = persons.is_null().to_numpy(zero_copy_only=False) & bool(question.person)
    malformed = np.logical_or.reduce([nameless, *faults.values()])
    counts = {(_ROWS, _NAMELESS): nameless, (_ROWS, _ODD): malformed}
    counts |= {(_ODD, name): rows for name, rows in faults.items()}
    for name, allowed in question.allowed.items():
        there, good = _fits(table, name, question.columns[name], allowed)
        counts |= {(_THERE, name): there, (_OUTSIDE, name): there & ~good}
    return {what: int(rows.sum()) for what, rows in counts.items()}


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
    if datatype != NUMBER:
        return np.zeros(table.rows, dtype=np.bool_)
    return _there(table, column) & np.isnan(table.numbers(column))


def _there(table: Table, column: str) -> NDArray[np.bool_]:
    """Return in which rows there is a value."""
    plain = pc.fill_null(pc.utf8_trim_whitespace(table.text(column)), "")
    return _mask(pc.invert(pc.is_in(plain, pa.array(MISSING))))


def _fits(
    table: Table, column: str, datatype: str, allowed: Allowed
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return in which rows there is a value that can be read, and in which it is allowed."""
    there = _there(table, column)
    good = np.ones(table.rows, dtype=np.bool_)
    if datatype == NUMBER:
        numbers = table.numbers(column)
        there &= ~np.isnan(numbers)
        if allowed.range is not None:
            good &= (numbers >= allowed.range[0]) & (numbers <= allowed.range[1])
        if allowed.values:
            good &= np.isin(numbers, np.array(list(map(float, allowed.values))))
        return there, good
    text = pc.fill_null(table.text(column), "")
    if allowed.values:
        good &= _mask(pc.is_in(text, pa.array(allowed.values)))
    if allowed.form:
        good &= _mask(pc.match_substring_regex(text, f"^{allowed.form}$"))
    return there, good


def _mask(values: pa.Array) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = values.to_numpy(zero_copy_only=False)
    return found

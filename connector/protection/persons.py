"""Whom rows are about: a number for each person, and those who are left out.

Rules: a person's number is of its one spelling, so that `07` and `7` are one person; it never
leaves. Persons who objected are left out before any other step. Their list holds digests alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from connector.protection.ground import Ground
from federated.persons import LONGEST, MISSING, Suppressed, spelling

PERSON: Final = "person"  # column of the numbers, in the engine
_AT_ONCE: Final = 1 << 16
_PARTS: Final = 16


class Persons:
    """Numbers persons under a key of its own, the same one in every batch."""

    def __init__(self, ground: Ground, key: bytes, suppressed: Suppressed | None) -> None:
        """Number persons.

        Args:
            ground: which column names them, and how.
            key: of the numbers, secret.
            suppressed: whose rows are left out.
        """
        self._ground = ground
        self._left_out = suppressed
        self._state = hashlib.blake2b(digest_size=8, key=key, person=b"preau-row-person")

    def numbered(self, batch: pa.RecordBatch) -> pa.Table:
        """Return the rows that are used, their columns numbered, and the person of each behind.

        Args:
            batch: with the columns of the ground, in that order.
        """
        ground, rows = self._ground, batch.num_rows
        number, kept = pa.nulls(rows, pa.int64()), None
        if ground.person:
            names = distinct(batch.column(ground.person), ground.person_format)
            number = self._numbers(names.values).take(names.indices)
            if self._left_out is not None and self._left_out.digests:
                kept = pc.fill_null(names.mapped(self._is_used, pa.bool_()), True)  # noqa: FBT003  a value
        named = {f"c{at}": column for at, column in enumerate(batch.columns)}
        made = pa.table({**named, PERSON: number})
        return made if kept is None else made.filter(kept)

    def _numbers(self, names: list[str | None]) -> pa.Array:
        """Return the number of each name; null where there is none."""
        copy, made = self._state.copy, []
        for name in names:  # hot: a million of them a second
            state = copy()
            state.update(b"" if name is None else name.encode())
            made.append(state.digest())
        numbers = pa.Array.from_buffers(pa.int64(), len(made), [None, pa.py_buffer(b"".join(made))])
        absent = [name is None for name in names]
        return pc.if_else(pa.array(absent), None, numbers) if any(absent) else numbers

    def _is_used(self, name: str) -> bool:
        left_out = self._left_out
        return left_out is None or not left_out.holds(name)


class Seen:
    """Counts distinct persons, in eight bytes for each, and for those not sorted out yet.

    Numbers are sorted out by their last bits, so that no table of all of them is made.
    """

    def __init__(self) -> None:
        self._known = [pa.array([], pa.int64())] * _PARTS
        self._new: list[pa.Array] = []
        self._pending = 0

    def add(self, numbers: pa.ChunkedArray) -> None:
        """Count the persons of more rows."""
        found = numbers.drop_null().unique()
        self._new.append(found)
        self._pending += len(found)
        if self._pending > max(sum(map(len, self._known)) // 4, _AT_ONCE):
            self._sort_out()

    def count(self) -> int:
        """Return how many there are."""
        self._sort_out()
        return sum(map(len, self._known))

    def _sort_out(self) -> None:
        new = pa.chunked_array(self._new, pa.int64())
        last = pc.bit_wise_and(new, _PARTS - 1)
        for part, known in enumerate(self._known):
            chosen = new.filter(pc.equal(last, part))
            self._known[part] = pa.chunked_array([known, *chosen.chunks]).unique()
        self._new, self._pending = [], 0


@dataclass(frozen=True, slots=True)
class Distinct:
    """A column by its distinct values.

    Attributes:
        values: one spelling of each; None where it is no value.
        indices: of each row.
    """

    values: list[str | None]
    indices: pa.Array

    def mapped(self, make: Callable[[str], object], kind: pa.DataType) -> pa.Array:
        """Return what is made of each row's value, made once for each that is distinct."""
        made = [None if value is None else make(value) for value in self.values]
        return pa.array(made, kind).take(self.indices)


def distinct(values: pa.Array | pa.ChunkedArray, form: str, *, else_text: bool = False) -> Distinct:
    """Return a column of any type by its distinct values, in one spelling.

    Args:
        values: the column.
        form: how persons are spelled, see `federated.persons`.
        else_text: whether what is not of that form is spelled as text.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    plain = values.cast(pa.string()).dictionary_encode()
    names = plain.dictionary.to_pylist()
    if form != "text" or not _is_spelled(plain.dictionary):
        names = [
            spelling(it, form) or (spelling(it, "text") if else_text else None) for it in names
        ]
    return Distinct(names, plain.indices)


def _is_spelled(names: pa.Array) -> bool:
    """Whether names are letters and digits of ASCII, hence spelled as text, and none is missing."""
    plain = pc.all(pc.ascii_is_alnum(names), min_count=0).as_py()
    absent = pc.any(pc.is_in(names, pa.array(MISSING)), min_count=0).as_py()
    longest = pc.max(pc.binary_length(names)).as_py() or 0
    return plain and not absent and longest <= LONGEST

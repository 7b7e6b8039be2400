"""Whom rows are about: a number for each person, and those who are left out.

Rules: a person's number is of its one spelling, so that `07` and `7` are one person; it never
leaves. Persons who objected are left out before any other step. Their list holds digests alone.
"""

from __future__ import annotations

import hashlib
from binascii import hexlify
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from connector.protection.ground import Ground
from federated.persons import LONGEST, MISSING, Suppressed, spelling

PERSON: Final = "person"  # column of the numbers, in the engine
_AT_ONCE: Final = 1 << 16
_LOOKED_AT: Final = 1 << 10
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

    def used_of(self, snapshot: str) -> str:
        """Return what names the rows of a snapshot that are used; itself, where all are."""
        if self._left_out is None or not self._left_out.digests:
            return snapshot
        named = hashlib.sha256(snapshot.encode())
        for each in sorted(self._left_out.digests):
            named.update(each)
        return named.hexdigest()

    def numbered(self, batch: pa.RecordBatch) -> pa.Table:
        """Return the rows that are used, their columns numbered, and the person of each behind.

        Args:
            batch: with the columns of the ground, in that order.
        """
        ground, rows = self._ground, batch.num_rows
        number, kept = pa.nulls(rows, pa.int64()), None
        if ground.person:
            names = distinct(batch.column(ground.person), ground.person_format)
            number = names.of_rows(keyed(self._state, names.values).view(pa.int64()))
            if self._left_out is not None and self._left_out.digests:
                used = [it is None or not self._left_out.holds(it.decode()) for it in names.values]
                kept = pc.fill_null(names.of_rows(pa.array(used, pa.bool_())), True)  # noqa: FBT003  a value
        named = {f"c{at}": column for at, column in enumerate(batch.columns)}
        made = pa.table({**named, PERSON: number})
        return made if kept is None else made.filter(kept)


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
    """A column by values of which few are the same.

    Attributes:
        values: one spelling of each, UTF-8; None where it is no value.
        indices: of each row; None where each row has its own.
    """

    values: list[bytes | None]
    indices: pa.Array | None

    def of_rows(self, made: pa.Array) -> pa.Array:
        """Return for each row what was made of its value."""
        return made if self.indices is None else made.take(self.indices)


def distinct(values: pa.Array | pa.ChunkedArray, form: str, *, else_text: bool = False) -> Distinct:
    """Return a column of any type by its distinct values, in one spelling.

    Args:
        values: the column.
        form: how persons are spelled, see `federated.persons`.
        else_text: whether what is not of that form is spelled as text.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    plain, indices = values.cast(pa.string()), None
    if _repeats(plain):
        encoded = plain.dictionary_encode()
        plain, indices = encoded.dictionary, encoded.indices
    if form == "text" and _is_spelled(plain):
        return Distinct(plain.cast(pa.binary()).to_pylist(), indices)
    names = (
        spelling(it, form) or (spelling(it, "text") if else_text else None)
        for it in plain.to_pylist()
    )
    return Distinct([None if it is None else it.encode() for it in names], indices)


def keyed(state: hashlib.blake2b, names: list[bytes | None], *, digits: bool = False) -> pa.Array:
    """Return the digest of each name, as bytes of one length; null where there is none.

    Args:
        state: BLAKE2b with its key, before any name.
        names: see `Distinct`.
        digits: whether as hexadecimal digits.
    """
    copy, made = state.copy, []
    for name in names:  # hot: a million of them a second
        each = copy()
        each.update(name or b"")
        made.append(each.digest())
    joined, width = b"".join(made), state.digest_size
    if digits:
        joined, width = hexlify(joined), 2 * width
    found = pa.Array.from_buffers(pa.binary(width), len(made), [None, pa.py_buffer(joined)])
    if all(names):
        return found
    return pc.if_else(pa.array([it is None for it in names]), None, found)


def _repeats(names: pa.Array) -> bool:
    """Whether many of the first values are the same; to look for them takes a fifth of the time."""
    first = names[:_LOOKED_AT]
    return len(first.unique()) * 10 < len(first) * 9


def _is_spelled(names: pa.Array) -> bool:
    """Whether names are letters and digits of ASCII, hence spelled as text, and none is missing."""
    plain = pc.all(pc.ascii_is_alnum(names), min_count=0).as_py()
    absent = pc.any(pc.is_in(names, pa.array(MISSING)), min_count=0).as_py()
    longest = pc.max(pc.binary_length(names)).as_py() or 0
    return plain and not absent and longest <= LONGEST

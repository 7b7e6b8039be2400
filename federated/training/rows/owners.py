"""Whose each row is: persons as digests of 16 bytes, put together without holding them all.

Two persons of n share a digest with a chance of n² / 2**129. The digests are made under a key that
is drawn for one reading and kept nowhere else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from federated.training.rows.store import Records, Store

HIGH, LOW = "high", "low"  # halves of the digest of a person
_OWNER: Final = np.dtype([(HIGH, "<u8"), (LOW, "<u8"), ("row", "<u4"), ("held", "<u4")])
_DIGEST: Final = 16  # bytes
_TOGETHER: Final = 1 << 16  # rows that are put in order at once, on average


@dataclass(frozen=True, slots=True)
class Groups:
    """Some rows, in the order of their persons; all rows of each.

    Attributes:
        places: of the rows.
        records: of them.
        starts: of each person, the first row among these.
        sizes: of each person, how many rows.
    """

    places: NDArray[np.int64]
    records: Records
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]


class Owners:
    """The person of each usable row, in the order of the rows.

    Attributes:
        filed: whether they lie in a file.
    """

    def __init__(self, *, filed: bool) -> None:
        """Begin with no row.

        Raises:
            WorkerFailed: no file can be made.
        """
        self.filed = filed
        self._store = Store(_OWNER, filed=filed)
        self._key = os.urandom(32)

    def __len__(self) -> int:
        return len(self._store)

    def add(self, person: pa.Array, rows: NDArray[np.int64], held: NDArray[np.bool_]) -> None:
        """Add rows.

        Args:
            person: of each, in one spelling; none is null.
            rows: number of each in the data.
            held: whether the person is held out.
        """
        if not len(rows):
            return
        plain = person.dictionary_encode()
        names = plain.dictionary.to_pylist()
        digests = b"".join(
            hashlib.blake2b(name.encode(), digest_size=_DIGEST, key=self._key).digest()
            for name in names
        )
        halves = np.frombuffer(digests, "<u8").reshape(-1, 2)[plain.indices.to_numpy()]
        made = np.empty(len(rows), _OWNER)
        made[HIGH], made[LOW] = halves[:, 0], halves[:, 1]
        made["row"], made["held"] = rows, held
        self._store.append(made)

    def blocks(self) -> Iterator[tuple[int, Records]]:
        """Yield the rows in order, some after others, each time with the place of the first."""
        return self._store.blocks()

    def groups(self) -> Iterator[Groups]:
        """Yield all rows by person, a person's in their order."""
        return together(self._store)


def together(store: Store, *then: str) -> Iterator[Groups]:
    """Yield all records by person.

    Args:
        store: of records with `HIGH` and `LOW`.
        then: fields that a person's records are ordered by; the last one first.
    """
    parts = -(-len(store) // _TOGETHER)
    for number in range(parts):
        found = [
            (start + at, block[at])
            for start, block in store.blocks()
            if len(at := np.flatnonzero(block[HIGH] % np.uint64(parts) == number))
        ]
        if not found:
            continue
        places, records = (np.concatenate(each) for each in zip(*found, strict=True))
        order = np.lexsort([records[name] for name in (*then, LOW, HIGH)])
        places, records = places[order], records[order]
        other = (np.diff(records[name]) != 0 for name in (HIGH, LOW))
        starts = np.flatnonzero(np.append(True, np.logical_or(*other)))
        yield Groups(places, records, starts, np.diff(starts, append=len(places)))

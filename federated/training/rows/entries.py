"""Encoded persons, one entry each: as arrays, or as records that are decoded when they are drawn.

Rules: an entry holds the rows of one person and nothing of another; a place behind the last entry
is nobody, who costs what anybody does and adds nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from federated.task.feature import Feature
from federated.training.rows.features import Floats, Layout
from federated.training.rows.store import Places, Records, Store

Integers = NDArray[np.int64]


class Entries(Protocol):
    """Persons to draw from."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def take(self, batch: Places) -> Persons:
        """Return some persons; nobody for a place behind the last."""
        ...


@dataclass(frozen=True, slots=True)
class Persons:
    """Encoded persons. A person without a usable row is no entry: it would add nothing to a sum.

    Attributes:
        inputs: (persons, k, width), float32, each in [-1, 1]; zero where there is no row.
        labels: (persons, k), float32, see `labels.py`; zero where there is no row.
        mask: (persons, k), float32, 1 where there is a row.
    """

    inputs: Floats
    labels: Floats
    mask: Floats

    def __len__(self) -> int:
        return len(self.mask)

    def take(self, batch: Places) -> Persons:
        """Return some persons; a place behind the last has the last one's inputs, and no row."""
        there = (batch < len(self))[:, None]
        if not len(self):
            return Persons(*(np.zeros((len(batch), *part.shape[1:]), np.float32) for part in self))
        inputs, labels, mask = (part.take(batch, axis=0, mode="clip") for part in self)
        return Persons(inputs, labels * there, mask * there)

    def __iter__(self) -> Iterator[Floats]:
        yield from (self.inputs, self.labels, self.mask)


class Kept:
    """Encoded persons as records of their rows, those of a person together."""

    def __init__(self, features: Sequence[Feature], rows: int, *, filed: bool) -> None:
        """Begin with nobody.

        Args:
            features: of the rows.
            rows: k, most of a person.
            filed: whether the records lie in a file.

        Raises:
            WorkerFailed: no file can be made.
        """
        self._layout = Layout(features)
        self._rows = rows
        self._store = Store(self._layout.dtype, filed=filed)
        self._store.append(self._layout.nobody())
        self._starts = array("I")  # of each person, the first record
        self._last = -1

    def __len__(self) -> int:
        return len(self._starts)

    def append(self, records: Records, person: NDArray[np.uint64]) -> None:
        """Add rows behind the others.

        Args:
            records: of the rows.
            person: a number of each one's person, rising; the next call may go on with the last.

        Raises:
            WorkerFailed: the file has no room for them.
        """
        if not len(records):
            return
        first = np.append(person[0] != self._last, np.diff(person) != 0)
        starts = len(self._store) + np.flatnonzero(first)
        self._starts.frombytes(starts.astype(np.uintc).tobytes())
        self._last = int(person[-1])
        self._store.append(records)

    def take(self, batch: Places) -> Persons:
        """Return some persons; nobody for a place behind the last."""
        starts, sizes = self._of(batch)
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        found = self._store.take(np.repeat(starts, sizes) + within)
        if self._rows > 1:
            records = np.repeat(self._layout.nobody(), len(batch) * self._rows)
            records[np.repeat(np.arange(len(batch)) * self._rows, sizes) + within] = found
            found = records
        shape = (len(batch), self._rows)
        labels: Floats = found["label"].reshape(shape)
        missing = np.isnan(labels)
        return Persons(
            inputs=self._layout.inputs(found).reshape(*shape, self._layout.width),
            labels=np.where(missing, np.float32(0), labels),
            mask=(~missing).astype(np.float32),
        )

    def _of(self, batch: Places) -> tuple[Integers, Integers]:
        """Return where the records of persons begin, and how many they are; 0 and 1 of nobody."""
        known, there = np.frombuffer(self._starts, np.uintc), batch < len(self)
        at = batch[there]
        starts, ends = np.zeros(len(batch), np.int64), np.ones(len(batch), np.int64)
        starts[there] = known[at]
        last = at + 1 == len(self)
        ends[there] = np.where(last, len(self._store), known[at + 1 - last])
        return starts, ends - starts

    def whole(self) -> Persons:
        """Return all persons as arrays."""
        return self.take(np.arange(len(self)))


def pooled(shares: Sequence[Persons]) -> Persons:
    """Return all persons of some shares as one share."""
    return Persons(*(np.concatenate(parts) for parts in zip(*shares, strict=True)))

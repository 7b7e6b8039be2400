"""Does a job fit into its worker's memory? Decided by public numbers, before a row is read.

A worker that outgrows its memory dies, and its lead learns so. Were that left to the rows at hand,
a lead could choose a width of inputs at which the number of persons decides. Hence one half of the
memory is for the file, which the census at publication had to be content with, and the other for
persons as the model sees them: as many as the contract declares, whether they are there or not.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from federated.errors import WorkerFailed
from federated.manifest import JobManifest
from federated.task.engine import EXACT, OPACUS
from federated.task.feature import NumberFeature

_HELD: Final = 1 << 23  # bytes of encoded rows that are kept in memory, not in a file
_COPIES: Final = 3  # rows as they are read, by person, and what grows as they are written
_PERSON: Final = 32  # bytes: where each person's rows are, and in which order
# Bytes of private data that libraries take; torch and what it loads 370 MiB.
_LIBRARIES: Final[Mapping[str, int]] = MappingProxyType(
    {EXACT: 256 * 1024**2, OPACUS: 448 * 1024**2}
)


def for_file(memory: int) -> int:
    """Return how much of a worker's memory, in bytes, a census may use; 0 for no limit."""
    return memory // 2


def most_bytes(manifest: JobManifest, population: int) -> int:
    """Return what the encoded persons of a contract take at most, in bytes."""
    kept = 0 if filed(manifest, population) else _COPIES * _encoded(manifest, population)
    return kept + _PERSON * population * manifest.unit.rows


def filed(manifest: JobManifest, population: int) -> bool:
    """Whether the encoded persons of a contract are kept in a file: by what it declares alone."""
    return _encoded(manifest, population) > _HELD


def _encoded(manifest: JobManifest, population: int) -> int:
    """Return the bytes of the declared persons' rows, see `rows/features.Layout`."""
    sizes = (4 if isinstance(each, NumberFeature) else 2 for each in manifest.features)
    return population * manifest.unit.rows * (4 + sum(sizes))


def needed(manifest: JobManifest, population: int) -> int:
    """Return the least limit of a worker, in bytes, under which a job is not refused."""
    return 2 * (most_bytes(manifest, population) + _LIBRARIES[manifest.engine])


def check(manifest: JobManifest, population: int, limit: int | None = None) -> None:
    """Check that all declared persons would fit.

    Args:
        manifest: of the job.
        population: persons that the contract declares.
        limit: of this process in bytes (RLIMIT_DATA); the one in force, when not given.

    Raises:
        WorkerFailed: they would not, however few there are.
    """
    if limit is None:
        limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if limit == resource.RLIM_INFINITY:
        return
    if most_bytes(manifest, population) + _LIBRARIES[manifest.engine] > limit - for_file(limit):
        raise WorkerFailed(
            "with that many inputs, the declared persons need more memory than a worker has"
        )

"""When a site's answer leaves: at a multiple of a time that follows from public numbers. Pure.

Rules: what depends on rows (hashing and reading the file, computing a round) ends, for whoever is
outside, at the next multiple of a unit; the unit follows from what contract and manifest state and
from what a round takes on nobody, never from rows. What would end after its time is refused at the
end of its time, for all rows alike. The waiting is the caller's.

The constants are what an ordinary machine needs, rounded up: a slower one answers at a later
multiple. They protect by being public, not by being tight.
"""

from __future__ import annotations

import math
from typing import Final

HASH_SECONDS: Final = 0.1
HASH_SECONDS_PER_CELL: Final = 1e-7
START_SECONDS: Final = 2.0  # a worker loads its libraries and tries its arithmetic
READ_SECONDS: Final = 0.2
READ_SECONDS_PER_CELL: Final = 3e-6
READ_SECONDS_PER_INPUT: Final = 1e-7  # a lead chooses how many inputs it makes of a column
TABLE_SECONDS: Final = 2.0  # a process loads what reads and computes
TABLE_SECONDS_PER_CELL: Final = 5e-7
ROUND_SECONDS: Final = 0.03
ROUND_FACTOR: Final = 1.5  # of what a round takes on nobody


def cells(population: int, rows_per_person: int, columns: int) -> int:
    """Return how many values a file has at most, as its description states it."""
    return population * rows_per_person * columns


def hash_unit(values: int) -> float:
    """Return the unit in which a file is hashed, in seconds."""
    return HASH_SECONDS + HASH_SECONDS_PER_CELL * values


def read_unit(values: int, inputs: int = 0) -> float:
    """Return the unit in which a worker that is loaded reads and encodes a file, in seconds.

    Args:
        values: that the file has at most.
        inputs: that the model gets of all declared persons.
    """
    return READ_SECONDS + READ_SECONDS_PER_CELL * values + READ_SECONDS_PER_INPUT * inputs


def start_unit(values: int, inputs: int = 0) -> float:
    """Return the unit in which a worker starts within a round, and reads, in seconds."""
    return START_SECONDS + read_unit(values, inputs)


def table_unit(values: int) -> float:
    """Return the unit in which a table with noise is made of a file, in seconds."""
    return TABLE_SECONDS + TABLE_SECONDS_PER_CELL * values


def round_unit(seconds_on_nobody: float) -> float:
    """Return the unit in which a round is answered, in seconds."""
    return ROUND_SECONDS + ROUND_FACTOR * seconds_on_nobody


def ends_at(spent: float, unit: float, most: float = math.inf) -> float:
    """Return when what took `spent` seconds is over for those outside, in seconds from its start.

    Args:
        spent: what it took.
        unit: above 0.
        most: the end of its time.

    Returns:
        The next multiple of the unit, at least one; `most` when that is earlier.
    """
    return min(unit * max(1, math.ceil(spent / unit)), most)

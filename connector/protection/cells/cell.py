"""Cells of a table, of its totals too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

Scalar = str | int | float | bool | date | None


class Total(Enum):
    """What stands in a key where a dimension was added up."""

    TOTAL = "total"


TOTAL: Final = Total.TOTAL
Key = tuple[Scalar | Total, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """What a group of rows comes to.

    Attributes:
        persons: distinct persons; rows where the data name none.
        figures: by measure; None where no row has a value.
        unsafe: whether it may not leave by itself.
    """

    persons: int
    figures: tuple[float | int | None, ...]
    unsafe: bool


Cells = Mapping[Key, Cell]


def level(key: Key) -> tuple[int, ...]:
    """Return the places of the dimensions that a key is not a total of."""
    return tuple(at for at, each in enumerate(key) if each is not TOTAL)


def key_of(values: Sequence[Scalar], places: Sequence[int], dimensions: int) -> Key:
    """Return the key of a group by the dimensions at some places."""
    made: list[Scalar | Total] = [TOTAL] * dimensions
    for at, value in zip(places, values, strict=True):
        made[at] = value
    return tuple(made)

"""A page of a list: so many values, which rows hold none, and where the next page begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from connector.errors import Malformed

T = TypeVar("T")

PAGE: Final = 100  # values of a page, where nobody asks for another number
LONGEST: Final = 1000  # values of a page


@dataclass(frozen=True, slots=True)
class Damaged:
    """A row whose value cannot be read.

    Attributes:
        row: its key, parts joined by blanks; where that cannot be read, its table and number.
        fault: code and reason, one line.
        keyed: whether the key can be read.
    """

    row: str
    fault: str
    keyed: bool = True


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Values of a list, in its order.

    Attributes:
        values: of this page, without those that cannot be read.
        next: names the last row to whoever asks for the page after it; empty on the last page.
        damaged: rows of this page that cannot be read. A list shows them as such; what is decided
            over a page fails, or says why it may go without them.
    """

    values: tuple[T, ...]
    next: str
    damaged: tuple[Damaged, ...] = ()

    @property
    def rows(self) -> tuple[T | Damaged, ...]:
        """The values, and then what cannot be read."""
        return (*self.values, *self.damaged)

    @classmethod
    def of(cls, rows: Iterable[T | Damaged], next_: str) -> Page[T]:
        """Return a page of rows that were read or not."""
        found = tuple(rows)
        values = tuple(each for each in found if not isinstance(each, Damaged))
        return cls(values, next_, tuple(each for each in found if isinstance(each, Damaged)))


def place(after: str) -> int:
    """Return the number of the row that a page comes after; 0 at the start.

    Raises:
        Malformed: not a `Page.next`.
    """
    if not after:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) <= 18):  # noqa: PLR2004 - 64 bits
        raise Malformed("`after` is not the end of a page of this list")
    return int(after)

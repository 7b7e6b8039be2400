"""A page of a list: so many values, and where the next page begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from connector.errors import Malformed

T = TypeVar("T")

PAGE: Final = 100  # values of a page, where nobody asks for another number
LONGEST: Final = 1000  # values of a page


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Values of a list, in its order.

    Attributes:
        values: of this page.
        next: names the last value to whoever asks for the page after it; empty on the last page.
    """

    values: tuple[T, ...]
    next: str


def place(after: str) -> int:
    """Return the number of the row that a page comes after; 0 at the start.

    Raises:
        Malformed: not a `Page.next`.
    """
    if not after:
        return 0
    if not (after.isascii() and after.isdigit() and len(after) <= 18):  # noqa: PLR2004 - 64 bits
        raise Malformed("`after` is not where a page of this list ended")
    return int(after)

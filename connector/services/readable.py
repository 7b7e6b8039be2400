"""What of a stored value can still be read, so that no list fails for one of its rows.

A value may be older than this release's rules, or come from a peer that an older one was laxer
with. It is shown without the part that cannot be read, and with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from connector.domain.page import LONGEST, Page
from connector.errors import PreauError, RowDamaged
from connector.ports import Repository
from connector.services.federation.translation import translated

T = TypeVar("T")


def readable(rows: Repository[T], **equal: Any) -> list[T]:
    """Return as `find` the values that can be read; `preau doctor` names the rows of the others."""
    try:
        return rows.find(**equal)
    except RowDamaged:
        return list(rows.page(limit=0, **equal).values)


def streamed(rows: Repository[T], **equal: Any) -> Iterator[T]:
    """Yield as `readable`, and hold few at a time: for lists that grow as long as a node runs."""
    page: Page[T] = Page((), "0")
    while page.next:
        page = rows.page(after=page.next, limit=LONGEST, **equal)
        yield from page.values


class Readable:
    """Reads the parts of one value.

    Attributes:
        fault: code and reason of the first part that could not be read; empty when all could.
    """

    def __init__(self) -> None:
        self.fault = ""

    def parts(self, read: Callable[[], Iterable[T]]) -> tuple[T, ...]:
        """Return the parts of the value that are of one kind, or none."""
        return self.part(lambda: tuple(read()), ())

    def part(self, read: Callable[[], T], instead: T) -> T:
        """Return a part of the value, or `instead`."""
        try:
            with translated():
                return read()
        except PreauError as exc:
            self.fault = self.fault or f"{exc.code}: {exc.reason}"
            return instead

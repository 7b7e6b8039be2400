"""Lists, a page at a time: what the service returns as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final, TypeVar

from connector.console.parts import Cell, Part, Table
from connector.console.visit import Visit
from connector.domain.page import Damaged, Page
from connector.language.matching import Naming

T = TypeVar("T")
_STAMP: Final = 16  # characters


def listed(
    title: str,
    headings: Sequence[str],
    page: Page[T],
    row: Callable[[T], Sequence[Cell]],
    *,
    empty: str,
    name: str,
    visit: Visit,
) -> list[Part]:
    """Return a list as a table.

    Args:
        title: caption.
        headings: of the columns.
        page: of the list.
        row: makes the cells of a value.
        empty: what to do first, where there is none.
        name: by which the table is downloaded.
        visit: who asks for it.
    """
    following = {**visit.kept, "after": page.next} if page.next else {}
    rows = list(map(row, page.values))
    return [Table(title, headings, rows, empty, following, name, lost=damaged(page))]


def stamp(page: Page[T], mark: Callable[[T], object]) -> str:
    """Return a stamp of a list, which changes when what is shown of it does.

    Args:
        page: of the list.
        mark: returns what changes of a value.
    """
    shown = repr(([mark(each) for each in page.values], page.next, len(page.damaged)))
    return sha256(shown.encode()).hexdigest()[:_STAMP]


def damaged(page: Page[Any]) -> list[str]:
    """Return what of a page cannot be shown, a line each."""
    return [damage(each) for each in page.damaged]


def damage(row: Damaged) -> str:
    """Return that a row cannot be shown, one line."""
    return Naming("{row}: cannot be shown: {fault}", row=row.row, fault=row.fault)

"""Lists, a page at a time: what the service returns as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from connector.console.parts import Cell, Part, Table
from connector.console.visit import Visit
from connector.domain.page import Damaged, Page
from connector.language.matching import Naming

T = TypeVar("T")


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


def damaged(page: Page[Any]) -> list[str]:
    """Return what of a page cannot be shown, a line each."""
    return [damage(each) for each in page.damaged]


def damage(row: Damaged) -> str:
    """Return that a row cannot be shown, one line."""
    return Naming("{row}: cannot be shown: {fault}", row=row.row, fault=row.fault)

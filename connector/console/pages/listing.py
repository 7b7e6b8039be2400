"""Lists, a page at a time: what the service returns as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from connector.console.parts import Cell, Notice, Part, Table
from connector.console.visit import Visit
from connector.domain.page import Page

T = TypeVar("T")
ROWS: Final = 50


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
    """Return a list as a table, after what of it cannot be read.

    Args:
        title: caption.
        headings: of the columns.
        page: of the list.
        row: makes the cells of a value.
        empty: what to do first, where there is none.
        name: by which the table is downloaded.
        visit: who asks for it.
    """
    damaged = [
        Notice(f"{each.row}: cannot be shown: {each.fault}", "wrong") for each in page.damaged
    ]
    kept = {key: value for key, value in visit.query.items() if key not in ("after", "as", "table")}
    following = {**kept, "after": page.next} if page.next else {}
    return [*damaged, Table(title, headings, list(map(row, page.values)), empty, following, name)]

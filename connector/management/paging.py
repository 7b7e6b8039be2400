"""Pages of lists: what a route takes to be asked for one, and how it says that there is another.

Rule: a list is answered oldest first, a page at a time; the address of the next page stands in the
header `Link` (RFC 8288) with the relation `next`, which the last page does not have. A row that
cannot be read is named after the others, and stops none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response

from connector.domain.page import LONGEST, PAGE, Page
from connector.management.views.view import DamagedView

T = TypeVar("T")
V = TypeVar("V")


class Paging:
    """Which page is asked for."""

    def __init__(self, request: Request, response: Response, limit: int, after: str) -> None:
        self.limit, self.after = limit, after
        self._request, self._response = request, response

    def rows(self, page: Page[T], view: Callable[[T], V]) -> list[V | DamagedView]:
        """Return the rows of a page as views, and name the next page in the answer's header."""
        if page.next:
            url = self._request.url.include_query_params(after=page.next)
            self._response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return rows(page, view)


def rows(page: Page[T], view: Callable[[T], V]) -> list[V | DamagedView]:
    """Return the values of a page as views, and then what of it cannot be read."""
    damaged = [DamagedView(row=each.row, fault=each.fault) for each in page.damaged]
    return [*map(view, page.values), *damaged]


async def _paged(  # FastAPI takes a thread for one that is not
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=LONGEST, description="most values of it")] = PAGE,
    after: Annotated[
        str, Query(description="from the address of the next page; empty: from the start")
    ] = "",
) -> Paging:
    return Paging(request, response, limit, after)


Paged = Annotated[Paging, Depends(_paged)]
# Where a list of log entries begins; that far every reader of JSON counts (RFC 8785, 3.2.2.3).
Start = Annotated[int, Query(ge=0, le=2**53 - 1, description="index of the first entry")]

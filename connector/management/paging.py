"""Pages of lists: what a route takes to be asked for one, and how it says that there is another.

Rule: a list is answered oldest first, a page at a time; the address of the next page stands in the
header `Link` (RFC 8288) with the relation `next`, which the last page does not have.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response

from connector.domain.page import LONGEST, PAGE, Page

T = TypeVar("T")


class Paging:
    """Which page is asked for."""

    def __init__(
        self,
        request: Request,
        response: Response,
        limit: Annotated[int, Query(ge=1, le=LONGEST, description="most values of it")] = PAGE,
        after: Annotated[
            str, Query(description="from the address of the next page; empty: from the start")
        ] = "",
    ) -> None:
        self.limit, self.after = limit, after
        self._request, self._response = request, response

    def values(self, page: Page[T]) -> tuple[T, ...]:
        """Return the values of a page, and name the next one in the answer's header."""
        if page.next:
            url = self._request.url.include_query_params(after=page.next)
            self._response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return page.values


Paged = Annotated[Paging, Depends()]

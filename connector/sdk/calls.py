"""How the client asks: a call for one value, for a list page by page, or to change something."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import GenericAlias
from typing import Any, Final, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from connector.errors import PreauError
from connector.management.views.view import DamagedView
from connector.sdk.transport import Transport

T = TypeVar("T")

_LOOK_SECONDS = 0.2
# What reads a kind of answer; the routes have some dozens.
_reader: Final[Callable[[Any], TypeAdapter[Any]]] = cache(TypeAdapter)
READING_SECONDS = 900.0  # a data file of a gigabyte or more is read as a whole
_PAGE = 100  # values that one request asks for where a whole list is wanted


class Listing(list[T]):
    """Values of a list.

    Attributes:
        next: pass it as `after` for what comes next; empty where nothing does.
        damaged: rows of the list that the node cannot read.
    """

    def __init__(
        self,
        values: Iterable[T] = (),
        *,
        next: str = "",  # noqa: A002 - its name
        damaged: Iterable[DamagedView] = (),
    ) -> None:
        super().__init__(values)
        self.next = next
        self.damaged = list(damaged)

    def take(self, rows: Iterable[T | DamagedView]) -> None:
        """Add rows of an answer."""
        for row in rows:
            if isinstance(row, DamagedView):
                self.damaged.append(row)
            else:
                self.append(row)


class Calls:
    """Calls of the routes; answers are read as models of the management API."""

    def __init__(self, wire: Transport) -> None:
        self._wire = wire

    def _get(self, kind: type[T], path: str, query: Mapping[str, str | int] | None = None) -> T:
        return _read(kind, self._wire.call("GET", path, query=query))

    def _list(
        self, kind: type[T], path: str, query: Mapping[str, str | int], limit: int, after: str
    ) -> Listing[T]:
        """Return a page of a list, or all that comes after one where `limit` is 0."""
        found: Listing[T] = Listing(next=after)
        while True:
            asked = {**query, "limit": limit or _PAGE, "after": found.next}
            content, found.next = self._wire.answer("GET", path, query=asked)
            found.take(_read(_rows_of(kind), content))
            if limit or not found.next:
                return found

    def _post(
        self,
        kind: type[T],
        path: str,
        body: Mapping[str, Any],
        query: Mapping[str, str | int] | None = None,
        *,
        seconds: float | None = None,
    ) -> T:
        answer = self._wire.call("POST", path, query=query, body=body, seconds=seconds)
        return _read(kind, answer)


def _rows_of(kind: type[T]) -> type[list[T | DamagedView]]:
    return cast("type[list[T | DamagedView]]", GenericAlias(list, (kind | DamagedView,)))


def _read(kind: type[T], content: bytes) -> T:
    try:
        return cast("T", _reader(kind).validate_json(content))
    except ValidationError as exc:
        raise PreauError(
            "the node's answer cannot be read",
            hint="use the same version of the command and of the node",
        ) from exc


def until(look: Callable[[], T], done: Callable[[T], bool], seconds: float) -> T:
    """Return what `look` sees once it is `done`, or as it is after `seconds`."""
    limit = time.monotonic() + seconds
    value = look()
    while not done(value) and time.monotonic() < limit:
        time.sleep(_LOOK_SECONDS)
        value = look()
    return value

"""Answers that are no pages: files, redirects, and the cookies that go with them.

Rules: a browser is led to addresses of the console only; a file is named by us; a cookie is for
this server alone, and no script reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connector.console.pages.entry import Sent
from connector.console.rendering import address

SameSite: TypeAlias = Literal["strict", "lax"]

_SAFE: Final = ":/%#?=@[]!$&'()*+,;"  # as Starlette leaves it in `Location`
_FILE_NAME: Final = re.compile("[A-Za-z0-9-]+([.][a-z0-9]+)+")


def keep(
    answer: Response,
    name: str,
    value: str,
    samesite: SameSite = "strict",
    seconds: int | None = None,
) -> None:
    """Have a browser keep a cookie, for this server alone.

    Args:
        answer: that says so.
        name: of the cookie.
        value: of the cookie.
        samesite: `strict` where it never comes along from another site.
        seconds: for which it is kept; None: as long as the browser runs.
    """
    answer.set_cookie(name, value, seconds, path="/", secure=True, httponly=True, samesite=samesite)


def drop(answer: Response, name: str, samesite: SameSite = "strict") -> None:
    """Have a browser forget a cookie."""
    answer.delete_cookie(name, path="/", secure=True, httponly=True, samesite=samesite)


def sent(file: Sent) -> Response:
    """Return a file for the browser to save."""
    return Response(file.content, media_type=file.media, headers=saving(file.name))


def saving(name: str) -> dict[str, str]:
    """Return the header by which a browser saves a file under a name.

    Raises:
        RuntimeError: the name is not one of ours.
    """
    if not _FILE_NAME.fullmatch(name):
        raise RuntimeError("a file is named by a page, never by what others wrote")
    return {"content-disposition": f'attachment; filename="{name}"'}


def inside(path: str) -> str:
    """Return where a browser is led; the first page unless it stays in the console."""
    plain = all(each.isprintable() for each in path)
    ours = plain and path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if ours else "/"


def leading(path: str) -> Callable[[Request], object]:
    """Return what answers each request by leading to a page."""

    async def endpoint(_request: Request) -> Response:
        return led(path, {})

    return endpoint


def led(path: str, query: dict[str, str]) -> RedirectResponse:
    """Return the answer that leads to another page of the console."""
    return RedirectResponse(address(path, query), 303)


def leads_on(answer: Response, path: str) -> None:
    """Have a page lead on by itself, as one that the browser was on: strict cookies come along."""
    answer.headers["refresh"] = f"0; url={quote(path, safe=_SAFE)}"

"""What was looked up by its id, or the refusal that says that it is not here."""

from __future__ import annotations

from typing import TypeVar

from connector.errors import NotFound

T = TypeVar("T")


def require(found: T | None, what: str, name: str) -> T:
    """Return what was found.

    Args:
        found: what a repository has under an id.
        what: kind of it, for people.
        name: the id.

    Raises:
        NotFound: nothing.
    """
    if found is None:
        raise NotFound(f"no {what} `{name}`")
    return found

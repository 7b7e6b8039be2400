"""When two spellings of a value count as one: only as declared, never by guessing.

Rule: what a value becomes depends on that value and the declaration alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from federated.reading import Member

Ignored = tuple[str, ...]
MAX_VALUES: Final = 200


def _without_accents(text: str) -> str:
    parts = unicodedata.normalize("NFD", text)
    return "".join(sign for sign in parts if unicodedata.category(sign) != "Mn")


# What may be ignored, in the order in which it is.
IGNORABLE: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        "accents": _without_accents,
        "case": str.casefold,
        "spaces": lambda text: " ".join(text.split()),
    }
)


def alike(text: str, ignored: Ignored) -> str:
    """Return the one spelling of a value, of those that count as one; itself for none ignored."""
    for name, treat in IGNORABLE.items():
        if name in ignored:
            text = treat(text)
    return unicodedata.normalize("NFC", text) if ignored else text


def read(member: Member | None) -> Ignored:
    """Return what a member `spelling` says is ignored; nothing without it.

    Raises:
        ManifestInvalid: it names another thing, one twice, or nothing.
    """
    if member is None:
        return ()
    found = [item.exactly(*IGNORABLE) for item in member.items(least=1, most=len(IGNORABLE))]
    if len(set(found)) != len(found):
        member.refuse("names one of them twice")
    return tuple(sorted(found))


def render(ignored: Ignored) -> dict[str, list[str]]:
    """Return the member as JSON; none where nothing is ignored."""
    return {"spelling": list(ignored)} if ignored else {}


def values(member: Member, ignored: Ignored) -> tuple[str, ...]:
    """Read a public list of values, no two of which count as one.

    Raises:
        ManifestInvalid: two do, there is none, or there are more than 200.
    """
    listed = tuple(item.text() for item in member.items(least=1, most=MAX_VALUES))
    if len({alike(value, ignored) for value in listed}) != len(listed):
        member.refuse("has a value twice")
    return listed

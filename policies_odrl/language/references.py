"""The list at the end of a text that says which IRI each number in brackets stands for.

Rules: an IRI without a name is mentioned as `name [3]`, where the name is the readable end of the
IRI (or nothing) and the list says `[3] https://…`; numbers follow the first mention; a name that
does not fit its IRI, a number that is not listed and one that is never mentioned are mistakes.
"""

from __future__ import annotations

import json
import re
from typing import Final

_NICK: Final = re.compile(r"[^\W\d_][\w.\-]{0,39}(?<![.\-])")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]+", re.ASCII)
_MENTION: Final = re.compile(r"(?:([^\W\d_][\w.\-]{0,39}) )?\[(\d{1,6})\]")
_PLAIN: Final = re.compile(r'[^\s"\\]+')
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*+"')
_ENTRY: Final = re.compile(rf"\[(\d{{1,6}})\] (?:({_PLAIN.pattern})|({_QUOTED.pattern}))")


class References:
    """IRIs by the number of their first mention."""

    __slots__ = ("_iris", "_numbers", "_used")

    def __init__(self) -> None:
        self._iris: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._used: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._iris)

    def add(self, number: int, iri: str) -> bool:
        """Return whether an IRI could be listed, as neither it nor its number was."""
        new = number not in self._iris and iri not in self._numbers
        if new:
            self._iris[number], self._numbers[iri] = iri, number
        return new

    def mention(self, iri: str) -> str:
        """Return how a sentence mentions an IRI."""
        number = self._numbers.setdefault(iri, len(self._numbers) + 1)
        self._iris.setdefault(number, iri)
        self._used.add(number)
        name = nick(iri)
        return f"{name} [{number}]" if name else f"[{number}]"

    def mentioned(self, text: str, start: int) -> tuple[str, int] | None:
        """Return the IRI mentioned at a place and where the mention ends, or None."""
        match = _MENTION.match(text, start)
        iri = self._iris.get(int(match[2])) if match else None
        if match is None or iri is None or nick(iri) != (match[1] or ""):
            return None
        return iri, match.end()

    def lines(self) -> tuple[str, ...]:
        """Return the list."""
        return tuple(
            f"[{number}] {iri if _PLAIN.fullmatch(iri) and iri.isprintable() else quoted(iri)}"
            for number, iri in self._iris.items()
        )

    def unused(self) -> tuple[int, ...]:
        """Return the numbers that were listed and never mentioned."""
        return tuple(sorted(set(self._iris) - self._used))


def entry(line: str) -> tuple[int, str] | None:
    """Return the number and the IRI of a line of the list, or None for another line."""
    match = _ENTRY.fullmatch(line)
    if match is None:
        return None
    iri = (match[2], 0) if match[2] else unquoted(match[3], 0)
    return (int(match[1]), iri[0]) if iri else None


def nick(iri: str) -> str:
    """Return the readable end of an IRI, or an empty string.

    >>> nick("did:web:lycee.example"), nick("urn:uuid:0b7f9b8e-6f0d-4d1c-9a52-1f1f1f1f1f1f")
    ('lycee.example', '')
    """
    if _UUID.search(iri):
        return ""
    end = re.split(r"[/#:?&=]", iri.rstrip("/#"))[-1]
    return end if _NICK.fullmatch(end) else ""


def quoted(text: str) -> str:
    """Return text in quotation marks, in one line, with nothing lost."""
    shown = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in shown)


def unquoted(text: str, start: int) -> tuple[str, int] | None:
    """Return the text in quotation marks at a place and where they end, or None."""
    match = _QUOTED.match(text, start)
    if match is None:
        return None
    try:
        value = json.loads(match[0])
    except ValueError:
        return None
    return str(value), match.end()

"""Numbered lines to a tree, and back to nothing else: the outline of a text.

Rules: each line is a sentence with its number or an entry of the list of IRIs, which comes last;
numbers follow one another without gaps; what is below a sentence comes right after it. A line that
is neither is a mistake that is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from policies_odrl.errors import LimitExceeded, NotUnderstood
from policies_odrl.language.explain import letters
from policies_odrl.language.mistakes import cut, mistake
from policies_odrl.language.references import entry

MAX_TEXT: Final = 8_000_000  # characters
MAX_LINE: Final = 100_000  # characters
MAX_LINES: Final = 100_000
MAX_BRANCHES: Final = 64  # parts of a number

_LINE: Final = re.compile(r"(?P<head>[A-Z]{1,4}|\d{1,6})(?P<rest>(?:\.\d{1,6}|\([a-z]{1,4}\))*)\. ")
_BRANCH: Final = re.compile(r"\.(\d+)|\(([a-z]+)\)")


@dataclass(slots=True)
class Entry:
    """A sentence with what is below it.

    Attributes:
        number: as written.
        text: the sentence.
        below: sentences with the number's branches: `2.1`, `2.2`.
        parts: sentences with its letters: `2(a)`, `2(b)`.
    """

    number: str
    text: str
    below: list[Entry] = field(default_factory=list)
    parts: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class Outline:
    """A text.

    Attributes:
        entries: sentences about the whole policy and rules, in order.
        listed: number -> IRI of the list.
        iris: those that are listed.
    """

    entries: list[Entry] = field(default_factory=list)
    listed: dict[int, str] = field(default_factory=dict)
    iris: set[str] = field(default_factory=set)


def outline(text: str | Iterable[str]) -> Outline:
    """Return the outline of a text; empty lines do not count.

    Raises:
        NotUnderstood: a line without a number, or a number out of order.
        LimitExceeded: the text is too long, or numbered too deep.
    """
    lines = _lines(text)
    result = Outline()
    known: dict[str, Entry] = {}
    counts = {"letter": 0, "rule": 0}
    for line in lines:
        listed = entry(line)
        if listed is not None:
            _list(result, listed, line)
        elif result.listed:
            raise mistake(NotUnderstood, "after-the-list", text=cut(line))
        else:
            _place(result, known, counts, line)
    return result


def _lines(text: str | Iterable[str]) -> list[str]:
    lines = text.split("\n") if isinstance(text, str) else list(text)
    if len(lines) > MAX_LINES or sum(map(len, lines)) > MAX_TEXT:
        raise mistake(LimitExceeded, "too-long", lines=MAX_LINES, limit=MAX_TEXT)
    if any(len(line) > MAX_LINE for line in lines):
        raise mistake(LimitExceeded, "line-too-long", limit=MAX_LINE)
    return [line.strip() for line in lines if line.strip()]


def _list(result: Outline, listed: tuple[int, str], line: str) -> None:
    number, iri = listed
    if number in result.listed or iri in result.iris:
        raise mistake(NotUnderstood, "listed-twice", text=cut(line))
    result.listed[number] = iri
    result.iris.add(iri)


def _place(result: Outline, known: dict[str, Entry], counts: dict[str, int], line: str) -> None:
    match = _LINE.match(line)
    if match is None:
        raise mistake(NotUnderstood, "no-number", text=cut(line))
    number = match["head"] + match["rest"]
    made = Entry(number, line[match.end() :])
    branches = list(_BRANCH.finditer(match["rest"]))
    if len(branches) > MAX_BRANCHES:
        raise mistake(LimitExceeded, "too-deep", number=cut(number), limit=MAX_BRANCHES)
    if not branches:
        expected = _next(counts, letter=match["head"].isalpha())
        siblings = result.entries
    else:
        above = known.get(number[: match.start("rest") + branches[-1].start()])
        if above is None:
            raise mistake(NotUnderstood, "nothing-above", number=number)
        siblings = above.below if branches[-1][1] else above.parts
        count = len(siblings) + 1
        expected = (
            f"{above.number}.{count}" if branches[-1][1] else f"{above.number}({letters(count)})"
        )
    if number != expected:
        raise mistake(NotUnderstood, "out-of-order", number=number, expected=expected)
    siblings.append(made)
    known[number] = made


def _next(counts: dict[str, int], *, letter: bool) -> str:
    key = "letter" if letter else "rule"
    counts[key] += 1
    return letters(counts[key]).upper() if letter else str(counts[key])

"""The numbers of sentences: lines to a tree, each with the sentences below it.

What concerns the whole policy has a letter, a rule a number, what is below a rule the number's
branches (`2.3`, and `2.3(a)` for the parts of a choice). Numbers follow one another without gaps;
the list of IRIs comes last. A line that is neither is a mistake that is named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Final

from policies_odrl.errors import LimitExceeded, NotUnderstood
from policies_odrl.language.mistakes import cut, mistake
from policies_odrl.language.references import References, entry

MAX_TEXT: Final = 8_000_000  # characters
MAX_LINE: Final = 100_000  # characters
MAX_LINES: Final = 100_000
MAX_BRANCHES: Final = 64  # parts of a number

_LINE: Final = re.compile(r"((?:[A-Z]{1,4}|\d{1,6})(?:\.\d{1,6}|\([a-z]{1,4}\))*)\. ")


@dataclass(slots=True)
class Entry:
    """A numbered sentence with those below it."""

    number: str
    text: str
    below: list[Entry] = field(default_factory=list)


def number(above: str, count: int, *, digits: bool) -> str:
    """Return the number of a sentence below another one, or below none.

    >>> number("", 2, digits=False), number("2", 1, digits=True), number("2.1", 27, digits=False)
    ('B', '2.1', '2.1(aa)')
    """
    if digits:
        return f"{above}.{count}" if above else str(count)
    word = ""
    while count > 0:
        count, rest = divmod(count - 1, len(ascii_lowercase))
        word = ascii_lowercase[rest] + word
    return f"{above}({word})" if above else word.upper()


def outline(text: str | Iterable[str]) -> tuple[list[Entry], References]:
    """Return the sentences of a text, and the IRIs that it lists; empty lines do not count.

    Raises:
        NotUnderstood: a line without a number, or a number out of order.
        LimitExceeded: the text is too long, or numbered too deep.
    """
    root, references = Entry("", ""), References()
    known = {"": root}
    counts = Counter[tuple[str, bool]]()
    for line in _lines(text):
        listed = entry(line)
        if listed is not None:
            if not references.add(*listed):
                raise mistake(NotUnderstood, "listed-twice", text=cut(line))
        elif references.lines():
            raise mistake(NotUnderstood, "after-the-list", text=cut(line))
        else:
            _place(line, known, counts)
    return root.below, references


def _lines(text: str | Iterable[str]) -> list[str]:
    lines = text.split("\n") if isinstance(text, str) else list(text)
    if len(lines) > MAX_LINES or sum(map(len, lines)) > MAX_TEXT:
        raise mistake(LimitExceeded, "too-long", lines=MAX_LINES, limit=MAX_TEXT)
    if any(len(line) > MAX_LINE for line in lines):
        raise mistake(LimitExceeded, "line-too-long", limit=MAX_LINE)
    return [line.strip() for line in lines if line.strip()]


def _place(line: str, known: dict[str, Entry], counts: Counter[tuple[str, bool]]) -> None:
    match = _LINE.match(line)
    if match is None:
        raise mistake(NotUnderstood, "no-number", text=cut(line))
    made = Entry(match[1], line[match.end() :])
    if made.number.count(".") + made.number.count("(") > MAX_BRANCHES:
        raise mistake(LimitExceeded, "too-deep", number=cut(made.number), limit=MAX_BRANCHES)
    mark = "(" if made.number.endswith(")") else "."
    above, digits = made.number.rpartition(mark)[0], made.number[-1].isdigit()
    if above not in known:
        raise mistake(NotUnderstood, "nothing-above", number=made.number)
    counts[above, digits] += 1
    expected = number(above, counts[above, digits], digits=digits)
    if made.number != expected:
        raise mistake(NotUnderstood, "out-of-order", number=made.number, expected=expected)
    known[above].below.append(made)
    known[made.number] = made

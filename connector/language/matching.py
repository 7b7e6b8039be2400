"""Messages with names in braces, and the texts that they stand for. Pure.

Rule: of several messages that a text could be, the one with the most letters of its own is meant.
In one of hardly a word, such as `{rounds} of {most}`, what is not quoted is a figure; beside what
is quoted it may be a word of ours, as in ``no {what} `{name}` ``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Final, Self

NAME: Final = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_SLOT: Final = re.compile(r"(?<!\{)\{([a-z_0-9]*)(?:![rs])?(?::[^{}]*)?\}(?!\})")
_QUOTED: Final = "([^`]*)"
_FREE: Final = "(.*?)"
_FIGURE: Final = r"([-+±]?\d[\d.,e+-]*)"
_WORD: Final = "([a-z][a-z ]*)"
_LEAST: Final = 4  # letters


def named(template: str) -> str:
    """Return a template of `str.format` as a message: each slot has a name, and no format."""
    place = count()

    def name(slot: re.Match[str]) -> str:
        return f"{{{slot[1] if slot[1][:1].isalpha() else f'slot_{slot[1] or next(place)}'}}}"

    return _SLOT.sub(name, template).replace("{{", "{").replace("}}", "}")


class Naming(str):
    """A text of ours that names something of somebody's: a language says all but the names.

    Attributes:
        message: with names in braces.
        names: what stands in their place.
    """

    __slots__ = ("message", "names")
    message: str
    names: Mapping[str, str]

    def __new__(cls, message: str, **names: str) -> Self:
        """Fill in a message.

        Args:
            message: with names in braces.
            names: what stands in their place.
        """
        made = super().__new__(cls, message.format_map(names))
        made.message, made.names = message, names
        return made


def verbatim(text: str) -> Naming:
    """Return somebody's name, or what is in the reader's language already; nothing of it is ours.

    Args:
        text: which every language says as it is.
    """
    return Naming("{text}", text=text)


@dataclass(frozen=True, slots=True)
class Message:
    """A message and its translation, both with names in braces.

    Attributes:
        english: as the code says it.
        translated: the same; it may put the names in another order.
    """

    english: str
    translated: str

    @property
    def literals(self) -> list[str]:
        """What it says between its names."""
        return NAME.split(self.english)[::2]

    def read(self, text: str) -> Mapping[str, str] | None:
        """Return what a text has in place of the names; None where it is another message."""
        found = _pattern(self.english).fullmatch(text)
        names = NAME.findall(self.english)
        return dict(zip(names, found.groups(), strict=True)) if found else None

    def filled(self, values: Mapping[str, str], said: Callable[[str], str]) -> str:
        """Return the translation with values in place of its names.

        Args:
            values: by name.
            said: translates one; what stands in backticks is never translated.
        """
        parts = NAME.split(self.translated)
        made, quoted = [parts[0]], False
        for name, after in zip(parts[1::2], parts[2::2], strict=True):
            quoted ^= made[-1].count("`") % 2 == 1
            value = values.get(name, f"{{{name}}}")
            made += [value if quoted else said(value), after]
        return "".join(made)


class Messages:
    """Messages, by the texts that they stand for."""

    def __init__(self, messages: Iterable[Message]) -> None:
        """Keep those that say anything, the ones with most letters first."""
        self._all = sorted(
            ((max(each.literals, key=len), each) for each in messages if _letters(each.english)),
            key=lambda pair: -sum(map(len, pair[1].literals)),
        )

    def of(self, text: str) -> Iterator[tuple[Message, Mapping[str, str]]]:
        """Yield the messages that a text may be, the likeliest first, with what they name."""
        for longest, message in self._all:
            if longest in text:
                values = message.read(text)
                if values is not None:
                    yield message, values


@cache
def _pattern(english: str) -> re.Pattern[str]:
    parts = NAME.split(english)
    beside = _WORD if "`" in english else _FIGURE
    free = _FREE if _letters(english) >= _LEAST else beside
    made, quoted = [re.escape(parts[0])], parts[0].count("`") % 2 == 1
    for after in parts[2::2]:
        made += [_QUOTED if quoted else free, re.escape(after)]
        quoted ^= after.count("`") % 2 == 1
    return re.compile("".join(made), re.DOTALL)


def _letters(english: str) -> int:
    """Return of how many letters the words of a message are."""
    return sum(map(str.isalpha, "".join(NAME.split(english)[::2])))

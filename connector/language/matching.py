"""Messages with names in braces, and the texts that they stand for. Pure.

Rule: of several messages that a text could be, the one with the most letters of its own is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

NAME: Final = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_QUOTED: Final = "([^`]*)"
_FREE: Final = "(.*?)"
_LEAST: Final = 4  # letters


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

    @property
    def telling(self) -> bool:
        """Whether its own words tell it from any other text."""
        return sum(map(str.isalpha, "".join(self.literals))) >= _LEAST

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
        """Keep those that are told from others, the ones with most letters first."""
        self._all = sorted(
            ((max(each.literals, key=len), each) for each in messages if each.telling),
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
    made, quoted = [re.escape(parts[0])], parts[0].count("`") % 2 == 1
    for after in parts[2::2]:
        made += [_QUOTED if quoted else _FREE, re.escape(after)]
        quoted ^= after.count("`") % 2 == 1
    return re.compile("".join(made), re.DOTALL)

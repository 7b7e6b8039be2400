"""Values made of many choices, all of them taken from one draw of bytes.

Hypothesis pays for each choice that it draws, and a policy is made of a hundred. Zero is the first
choice of all, which makes the simplest value, and bytes are shrunk one by one towards it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Choices:
    """Reads choices off some bytes; where nothing is left, the first choice is taken."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def below(self, count: int) -> int:
        """Return a number from zero to one less than a count."""
        size = ((count - 1).bit_length() + 7) // 8
        found = int.from_bytes(self._data[self._place : self._place + size], "big")
        self._place += size
        return found % count

    def one(self, table: Sequence[T]) -> T:
        """Return one of the values of a table, whose first is the simplest."""
        return table[self.below(len(table))]

    def yes(self) -> bool:
        """Return True half of the time."""
        return self.below(2) == 1

    def some(self, make: Make[T], counts: Sequence[int]) -> tuple[T, ...]:
        """Return several values, as many as one of some counts says."""
        return tuple([make(self) for _ in range(self.one(counts))])

    def several(self, table: Sequence[T], counts: Sequence[int]) -> tuple[T, ...]:
        """Return several values of a table, as many as one of some counts says."""
        return tuple([self.one(table) for _ in range(self.one(counts))])


Make = Callable[[Choices], T]


def chosen(make: Make[T], size: int = 128) -> st.SearchStrategy[T]:
    """Return the strategy of what is made of so many bytes: one or two for each choice."""
    drawn = st.binary(min_size=size, max_size=size)

    @st.composite
    def value(draw: st.DrawFn) -> T:  # a failure shows the value, and not its bytes
        return make(Choices(draw(drawn)))

    return value()


# Characters that formats and languages give a meaning of their own.
_PLAIN = "aZé09 -_.,:;/#?&=%+*()[]{}<>|\\'\"`^~@!$\n\r\t\0\x7f«»“”’œ\u00a0\u2028\ufeffשع中😀"


def any_text(pick: Choices, most: int) -> str:
    """Return up to so many characters: any there are but surrogates, some more often."""
    found = [
        chr(pick.below(0x110000)) if pick.below(4) == 1 else pick.one(_PLAIN)
        for _ in range(pick.below(most + 1))
    ]
    return "".join(found).encode("utf-16", "ignore").decode("utf-16")

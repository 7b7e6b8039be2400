"""Laws over a distilled corpus: a few draws that see what thousands of them see.

A law asks of values that are read off a draw of bytes. It tries first the draws of its corpus, and
then some that nobody chose. A draw of a corpus is a number, from which its bytes follow; `distil`
chose it because it reaches a branch of the engine, or sees a fault, that no other of them does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256, shake_128
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple

from hypothesis import HealthCheck, given, settings

from tests.support.choices import Choices, Make, T, chosen

FILE: Final = Path(__file__).parents[1] / "cases" / "corpus" / "laws.json"
_WORDS: Final = re.compile(r"\w+")


class Corpus(NamedTuple):
    """The draws of one law, and what shows that they still are the values that were chosen."""

    drawn: str
    numbers: Sequence[int]


@cache
def corpora() -> dict[str, Corpus]:
    """Return law (module and function) -> its corpus."""
    rows = json.loads(FILE.read_text("utf-8")).items()
    return {law: Corpus(*row) for law, row in rows}


class Law(Generic[T]):
    """A test that asks something of each value of a corpus, then of fresh ones."""

    def __init__(self, holds: Callable[[T], None], make: Make[T], size: int, fresh: int) -> None:
        self.holds = holds
        self.name = f"{holds.__module__}.{holds.__name__}"
        self.make = make
        self.size = size  # of a draw, in bytes
        self.fresh = settings(
            max_examples=fresh,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )(given(chosen(make, size))(self._holds))

    def _holds(self, it: T) -> None:
        self.holds(it)  # as it is now: a measurement counts the calls

    def value(self, number: int) -> T:
        """Return the value of one draw."""
        return self.make(Choices(shake_128(b"%d" % number).digest(self.size)))

    @property
    def corpus(self) -> Corpus:
        """Its draws; none where it was never distilled."""
        return corpora().get(self.name, Corpus("", ()))

    def drawn(self, numbers: Sequence[int]) -> str:
        """Return a short text that changes with the values of some draws."""
        words = [sorted(_WORDS.findall(repr(self.value(number)))) for number in numbers]
        return sha256(repr(words).encode()).hexdigest()[:12]

    def ask(self, number: int) -> None:
        """Ask of one draw; a failure shows its value."""
        it = self.value(number)
        try:
            self.holds(it)
        except Exception as exc:
            exc.add_note(f"draw {number} of the corpus: {it!r}")
            raise

    def __call__(self) -> None:
        """Ask of the whole corpus, then of fresh draws."""
        for number in self.corpus.numbers:
            self.ask(number)
        self.fresh()


def distilled(
    make: Make[T], size: int = 128, *, fresh: int = 10
) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """Return what turns a question about one value into a test of a corpus and of fresh draws."""

    def of(holds: Callable[[T], None]) -> Callable[[], None]:
        def test() -> None:
            made()

        made = Law(holds, make, size, fresh)
        for part in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(test, part, getattr(holds, part))
        asked: Any = test
        asked.law = made
        return test

    return of

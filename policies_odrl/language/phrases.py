"""The sentences of the controlled language: rows of `phrases.json`, in English and French.

A sentence is used both ways: what stands in braces is a slot, filled to write and read to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from string import Formatter
from types import MappingProxyType
from typing import Any, Final

from policies_odrl.vocabulary import loaded

LANGUAGES: Final = ("en", "fr")

Pair = tuple[str, str]  # English, French


def index(lang: str) -> int:
    """Return which of a pair is in a language.

    Raises:
        ValueError: a language that there are no sentences in.
    """
    if lang not in LANGUAGES:
        raise ValueError(f"no sentences in `{lang}`")
    return LANGUAGES.index(lang)


@cache
def table(name: str) -> Mapping[str, Pair]:
    """Return the sentences of one kind by their names, in the order in which they are tried."""
    return MappingProxyType({key: (en, fr) for key, (en, fr) in _data()[name].items()})


@cache
def parts(template: str) -> tuple[tuple[str, str], ...]:
    """Return (text before, slot) in order; the last slot may be empty."""
    return tuple((before, slot or "") for before, slot, _, _ in Formatter().parse(template))


def fill(pair: Pair, lang: str, /, **slots: str) -> str:
    """Return the sentence of a language with its slots filled by texts."""
    return pair[index(lang)].format(**slots)


@cache
def _data() -> dict[str, Any]:
    return loaded("language/phrases.json")

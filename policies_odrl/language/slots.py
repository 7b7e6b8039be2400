"""Sentences with slots: filled to write, matched to read.

Rules: matching goes from left to right without going back; each slot is read by its own reader,
which says what it read and where that ended; what stands between the slots must be there literally.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from string import Formatter
from typing import Final

from policies_odrl.language.phrases import LANGUAGES, Pair

REMARKS: Final = frozenset({"id", "narrower"})  # slots that may hold nothing

Reader = Callable[[str, int], tuple[object, int] | None]
Parts = tuple[tuple[str, str], ...]


def fill(pair: Pair, lang: str, **slots: str) -> str:
    """Return the sentence of a language with its slots filled."""
    return pair[LANGUAGES.index(lang)].format(**slots)


def match(
    template: str, text: str, start: int, readers: Mapping[str, Reader]
) -> tuple[dict[str, object], int] | None:
    """Return what the slots hold and where the sentence ends, or None."""
    found: dict[str, object] = {}
    at = start
    for before, slot in parts(template):
        if not text.startswith(before, at):
            return None
        at += len(before)
        if slot:
            read = readers[slot](text, at)
            if read is None:
                return None
            found[slot], at = read
    return found, at


@cache
def parts(template: str) -> Parts:
    """Return (text before, slot) in order; the last slot may be empty."""
    return tuple((before, slot or "") for before, slot, _, _ in Formatter().parse(template))


def shown(template: str) -> str:
    """Return a template as people see it in a message: each slot as `…`, a mere remark left out."""
    return "".join(
        before + ("…" if slot and slot not in REMARKS else "") for before, slot in parts(template)
    )

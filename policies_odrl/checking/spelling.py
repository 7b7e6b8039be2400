"""The known term that is nearest to an unknown one.

Rules: a term that differs in its namespace, its case or its compact form only (`odrl:read` never
expanded, `https` for `http`) is found at once; otherwise the nearest local name, and none where
nothing is near. A hostile policy with many misspellings gets a bounded number of searches. Nothing
is ever read as the nearest term: this is for the fix that a person is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Final

from policies_odrl.checking.shapes import CLASSES, OPERATORS, PROPERTIES
from policies_odrl.concepts import concepts, purposes
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, Conflict
from policies_odrl.vocabulary import INCLUDED_IN, OPERANDS, SAME_ACTION

MAX_SEARCHES: Final = 32  # of one check
MAX_LENGTH: Final = 64  # characters of a local name that are compared
NEAR: Final = 0.65  # share of characters in common

# What is looked for -> the terms that it may be.
_TERMS: Final[Mapping[str, Callable[[], Iterable[str]]]] = MappingProxyType(
    {
        "operand": lambda: OPERANDS,
        "action": lambda: (*SAME_ACTION, *INCLUDED_IN),
        "purpose": purposes,
        "concept": concepts,
        "operator": lambda: OPERATORS,
        "strategy": lambda: (ODRL + item.value for item in Conflict),
        "property": lambda: sorted(frozenset().union(*PROPERTIES.values())),
        "class": lambda: sorted(frozenset().union(*CLASSES.values())),
    }
)


class Speller:
    """Looks for near terms, within a bound that one check shares."""

    __slots__ = ("_knowledge", "_left")

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._left = MAX_SEARCHES

    def operand(self, term: str) -> str:
        """Return the nearest left operand, or an empty string."""
        return self._near(term, {**_terms("operand"), **_named(self._knowledge.operands)})

    def action(self, term: str) -> str:
        """Return the nearest action, or an empty string."""
        return self._near(term, {**_terms("action"), **_named(self._knowledge.actions)})

    def other(self, kind: str, term: str) -> str:
        """Return the nearest term of another kind, which differs; or an empty string.

        Args:
            kind: `purpose`, `concept` (purpose, legal basis, measure), `operator`, `strategy` (of
                conflicts), `property` or `class`.
            term: what is written.
        """
        found = self._near(term, _terms(kind))
        return "" if found == term else found

    def _near(self, term: str, known: Mapping[str, str]) -> str:
        word = local_name(term).lower()[:MAX_LENGTH]
        if word in known:
            return known[word]
        if self._left <= 0 or not word:
            return ""
        self._left -= 1
        found = get_close_matches(word, known, n=1, cutoff=NEAR)
        return known[found[0]] if found else ""


def local_name(term: str) -> str:
    """Return what stands after the last `#`, `/` or `:` of a name."""
    return term[max(term.rfind(mark) for mark in "#/:") + 1 :]


def _named(terms: Iterable[str]) -> dict[str, str]:
    return {local_name(term).lower(): term for term in terms}


@cache
def _terms(kind: str) -> Mapping[str, str]:
    return MappingProxyType(_named(_TERMS[kind]()))

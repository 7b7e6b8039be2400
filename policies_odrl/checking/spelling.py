"""The known term that is nearest to an unknown one.

Rules: a term that differs in its namespace, its case or its compact form only (`odrl:read` never
expanded, `https` for `http`) is found at once; otherwise the nearest local name, and none where
nothing is near. A hostile policy with many misspellings gets a bounded number of searches. Nothing
is ever read as the nearest term: this is for the fix that a person is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Final

from policies_odrl.concepts import concepts, purposes
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, Conflict, Connective, Operator, PolicyKind
from policies_odrl.vocabulary import FUNCTIONS, INCLUDED_IN, OPERANDS, SAME_ACTION

MAX_SEARCHES: Final = 32  # of one check
MAX_LENGTH: Final = 64  # characters of a local name that are compared
NEAR: Final = 0.65  # share of characters in common

_PROPERTIES: Final = (
    "action assignee assigner conflict consequence constraint dataType duty inheritFrom "
    "leftOperand obligation operator output permission profile prohibition refinement remedy "
    "rightOperand rightOperandReference source status target uid unit"
)
_CLASSES: Final = (
    "Action Asset AssetCollection Constraint Duty LogicalConstraint Party PartyCollection "
    "Permission Policy Prohibition Rule"
)


class Speller:
    """Looks for near terms, within a bound that one check shares."""

    __slots__ = ("_knowledge", "_left")

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._left = MAX_SEARCHES

    def operand(self, term: str) -> str:
        """Return the nearest left operand, or an empty string."""
        return self._near(term, {**_operands(), **_named(self._knowledge.operands)})

    def action(self, term: str) -> str:
        """Return the nearest action, or an empty string."""
        return self._near(term, {**_actions(), **_named(self._knowledge.actions)})

    def purpose(self, term: str) -> str:
        """Return the nearest purpose, or an empty string."""
        return self._near(term, _purposes())

    def concept(self, term: str) -> str:
        """Return the nearest concept (purpose, legal basis, measure), or an empty string."""
        return self._near(term, _concepts())

    def operator(self, term: str) -> str:
        """Return the nearest operator, or an empty string."""
        return self._near(term, _operators())

    def strategy(self, term: str) -> str:
        """Return the nearest conflict strategy, or an empty string."""
        return self._near(term, _strategies())

    def property(self, term: str) -> str:
        """Return the nearest property, or an empty string."""
        found = self._near(term, _properties())
        return "" if found == term else found

    def policy_class(self, term: str) -> str:
        """Return the nearest class, or an empty string."""
        found = self._near(term, _classes())
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


def _frozen(terms: Iterable[str]) -> Mapping[str, str]:
    return MappingProxyType(_named(terms))


@cache
def _operands() -> Mapping[str, str]:
    return _frozen(OPERANDS)


@cache
def _actions() -> Mapping[str, str]:
    return _frozen((*SAME_ACTION, *INCLUDED_IN))


@cache
def _purposes() -> Mapping[str, str]:
    return _frozen(purposes())


@cache
def _concepts() -> Mapping[str, str]:
    return _frozen(concepts())


@cache
def _operators() -> Mapping[str, str]:
    return _frozen(ODRL + item.value for item in Operator)


@cache
def _strategies() -> Mapping[str, str]:
    return _frozen(ODRL + item.value for item in Conflict)


@cache
def _properties() -> Mapping[str, str]:
    own = (ODRL + name for name in _PROPERTIES.split())
    return _frozen((*own, *(ODRL + item.value for item in Connective), *FUNCTIONS))


@cache
def _classes() -> Mapping[str, str]:
    kinds = (item.value for item in PolicyKind)
    return _frozen(ODRL + name for name in (*_CLASSES.split(), *kinds))

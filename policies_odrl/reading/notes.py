"""What describes a part of a policy and changes nothing of what the policy says.

Rules: descriptions are listed in `metadata.json`; they are kept beside the part that they describe,
written again, and compared before anything is signed. What is not listed may change the meaning, so
that what it belongs to is not decided (`Rule.unread`).
Sources: IM 2.2 and 2.3 (Dublin Core, vCard and FOAF recommended), 2.8; Vocabulary, Party (its
superclasses).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from policies_odrl.documents.names import SPACE, of_odrl
from policies_odrl.model import RDF_JSON, RDF_TYPE, Literal, Notes, Value
from policies_odrl.reading.flat import Left, Node
from policies_odrl.reading.walk import Count, Walk

_ANYTHING: Final = "anything"
_TERMS: Final = "classes of terms"  # they say of a term that it is one


class Scope(Enum):
    """What is described, by the list in `metadata.json` of what may be said of it besides."""

    THING = "assets and parties"
    WHOLE = "policies and rules"
    PART = "constraints and actions"


@cache
def _listed() -> Mapping[str, frozenset[str]]:
    """Return what is described -> names of the properties or classes that describe it.

    `odrl:partOf` is one of them: whether somebody is a member is a fact about the world that a
    party to the policy cannot settle by stating it (IM 2.2.2 and 2.3.2 speak of external metadata).
    """
    text = files("policies_odrl").joinpath("reading", "metadata.json").read_text("utf-8")
    data = json.loads(text)
    spaces = data.pop("prefixes")

    def full(short: str) -> Iterator[str]:
        prefix, _, name = short.partition(":")
        return (space + name for key, space in spaces.items() if key.strip() == prefix)

    return MappingProxyType(
        {
            key: frozenset(name for item in items for name in full(item))
            for key, items in data.items()
        }
    )


def is_label(name: str) -> bool:
    """Return whether a property labels or describes whatever it is stated of.

    >>> is_label("http://www.w3.org/2000/01/rdf-schema#label")
    True
    """
    return name in _listed()[_ANYTHING]


def describes(name: str, scope: Scope) -> bool:
    """Return whether a property only describes what it is stated of.

    >>> terms = "http://purl.org/dc/terms/"
    >>> describes(terms + "license", Scope.WHOLE), describes(terms + "valid", Scope.WHOLE)
    (True, False)
    """
    if is_label(name):
        return True
    if scope is Scope.PART:
        return False
    listed = _listed()
    return name in listed[Scope.WHOLE.value] or (
        scope is Scope.THING and name in listed[Scope.THING.value]
    )


def describing_class(name: str, scope: Scope) -> bool:
    """Return whether a class only describes what states it.

    Whatever an asset or a party is said to be, its name says which one is meant.
    """
    return not of_odrl(name) and (scope is Scope.THING or name in _listed()[_TERMS])


def besides(node: Node, scope: Scope, classes: Sequence[str], walk: Walk) -> tuple[Notes, Left]:
    """Return what else a node says: descriptions, and what is not understood.

    Args:
        node: a node of which everything else was read.
        scope: what it is.
        classes: local names of the ODRL classes that it has.
        walk: the way here.

    Raises:
        LimitExceeded: too many descriptions, or too long ones.
    """
    notes: list[tuple[str, Value]] = []
    strange: Left = []
    for name, values in node.left(classes):
        known = describes(name, scope) if name != RDF_TYPE else False
        kept = [
            item
            for item in values
            if known or (name == RDF_TYPE and describing_class(str(item.get("@id")), scope))
        ]
        said = [(value, walk.value(value, node)) for value in kept]
        kept = [value for value, found in said if not _rules(found)]
        walk.pay(Count.NOTES, len(kept))
        notes.extend((name, found) for _, found in said if not _rules(found))
        rest = [item for item in values if item not in kept]
        if rest:
            strange.append((name, rest))
    return tuple(notes), strange


def _rules(value: Value) -> bool:
    """Return whether a value that is a node of its own speaks in words of ODRL."""
    if not isinstance(value, Literal) or value.datatype != RDF_JSON:
        return False
    return SPACE in value.lexical.casefold()

"""What describes a part of a policy and changes nothing of what the policy says.

Rules: descriptions are listed in `metadata.json`; they are kept beside the part that they describe,
written again, and compared before anything is signed. What is not listed may change the meaning, so
that what it belongs to is not decided (`Rule.unread`). `odrl:partOf` is listed: whether somebody is
a member is a fact about the world that a policy cannot settle (IM 2.2.2, 2.3.2).
Sources: IM 2.2 and 2.3 (Dublin Core, vCard and FOAF recommended), 2.8; Vocabulary, Party (its
superclasses).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from functools import cache
from importlib.resources import files

from policies_odrl.documents.contexts import of_odrl


class Scope(Enum):
    """What is described, by the lists in `metadata.json` of what may be said of it besides."""

    PART = ("anything",)  # a constraint or an action
    WHOLE = ("anything", "policies and rules")
    THING = ("anything", "policies and rules", "assets and parties")


@cache
def _listed() -> Mapping[str, frozenset[str]]:
    """Return what is described -> names of the properties or classes that describe it."""
    text = files("policies_odrl").joinpath("reading", "metadata.json").read_text("utf-8")
    data = json.loads(text)
    spaces = [(key.strip() + ":", space) for key, space in data.pop("prefixes").items()]
    return {
        key: frozenset(
            space + item.removeprefix(prefix)
            for item in items
            for prefix, space in spaces
            if item.startswith(prefix)
        )
        for key, items in data.items()
    }


def describes(name: str, scope: Scope) -> bool:
    """Return whether a property only describes what it is stated of.

    >>> terms = "http://purl.org/dc/terms/"
    >>> describes(terms + "license", Scope.WHOLE), describes(terms + "valid", Scope.WHOLE)
    (True, False)
    """
    return any(name in _listed()[each] for each in scope.value)


def describing_class(name: str, scope: Scope) -> bool:
    """Return whether a class only describes what states it.

    Whatever an asset or a party is said to be, its name says which one is meant.
    """
    return not of_odrl(name) and (scope is Scope.THING or name in _listed()["classes of terms"])

"""What else a node says: what only describes a part of a policy, and what is not understood.

Descriptions are listed in `metadata.json`. They are kept beside what is described, written again,
and compared before anything is signed. What is not listed may change the meaning, so that what it
belongs to is not decided (`Rule.unread`). `odrl:partOf` is listed: whether somebody is a member is
a fact about the world that a policy cannot settle (IM 2.2.2, 2.3.2).
Sources: IM 2.2, 2.3 and 2.8; Vocabulary, Party (its superclasses).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache

from policies_odrl import model
from policies_odrl.documents.contexts import SPACE, of_odrl
from policies_odrl.reading.nodes import Body, Count, Node
from policies_odrl.vocabulary import loaded

Left = list[tuple[str, Sequence[Body]]]  # (property, values) that nobody asked for


class Scope(Enum):
    """What is described, by the lists in `metadata.json` of what may be said of it besides."""

    PART = ("PART",)  # a policy, a rule, a constraint or an action
    THING = ("PART", "THING")  # an asset or a party


@cache
def _listed() -> Mapping[str, frozenset[str]]:
    """Return what is described -> names of the properties or classes that describe it."""
    return {
        key: frozenset(space + name for space, names in rows.items() for name in names.split())
        for key, rows in loaded("reading/metadata.json").items()
    }


def describes(name: str, scope: Scope) -> bool:
    """Return whether a property only describes what it is stated of.

    >>> terms = "http://purl.org/dc/terms/"
    >>> describes(terms + "license", Scope.PART), describes(terms + "isReplacedBy", Scope.PART)
    (True, False)
    """
    spaces = loaded("reading/metadata.json")["SPACES"]
    space = next((it for it in spaces if name.startswith(it)), None)
    if space is not None and len(name) > len(space):
        return name.removeprefix(space) not in spaces[space].split()
    return any(name in _listed()[each] for each in scope.value)


def _describing(name: str, value: Body, scope: Scope) -> bool:
    if name != model.RDF_TYPE:
        return describes(name, scope)
    kind = str(value.get("@id"))  # whatever an asset or a party is, its name says which is meant
    return not of_odrl(kind) and (scope is Scope.THING or kind in _listed()["classes of terms"])


def besides(node: Node, scope: Scope, *classes: str) -> tuple[model.Notes, Left]:
    """Return what describes a node of some classes of ODRL, and what of it is not understood."""
    known = {model.ODRL + name for name in classes}
    rest: Left = [(model.RDF_TYPE, [{"@id": item} for item in node.types if item not in known])]
    rest += [(name, node.all(name)) for name in sorted(node.properties() - node.asked)]
    notes: list[tuple[str, model.Value]] = []
    strange: Left = []
    for name, values in rest:
        kept: list[Body] = []
        for item in values:
            said = node.value(item) if _describing(name, item, scope) else None
            if said is None or _speaks_odrl(said):
                kept.append(item)
            else:
                notes.append((name, said))
        if kept:
            strange.append((name, kept))
        if name == model.RDF_TYPE:
            for item in kept:
                node.term("class", str(item.get("@id", item.get("@value"))))
        elif kept or not (values or describes(name, scope)):
            node.term("property", name)
    node.walk.pay(Count.NOTES, len(notes))
    return tuple(notes), strange


def notes_of(node: Node, scope: Scope, *classes: str) -> model.Notes:
    """Return descriptions; what is not understood is left to the rule (`besides`, `leave`)."""
    notes, strange = besides(node, scope, *classes)
    leave(node, strange)
    return notes


def leave(node: Node, left: Left) -> None:
    """Keep what is not understood of a rule, or of its parts, until the rule is made."""
    node.walk.pay(Count.CONSTRAINTS, len(left))
    for name, values in left:
        said = tuple(node.whole(value) for value in values)
        node.walk.left.append(model.Constraint(node.walk.foreign(name), model.Operator.EQ, said))


def _speaks_odrl(value: model.Value) -> bool:
    """Return whether a value that is a node of its own speaks in words of ODRL."""
    return (
        isinstance(value, model.Literal)
        and value.datatype == model.RDF_JSON
        and SPACE in value.lexical.casefold()
    )

"""Vocabularies of others, declared in a file: operands, actions, concepts and their hierarchy.

A profile is Turtle or JSON-LD. For each left operand (`odrl:LeftOperand`) it states what the values
are (`preau:valueType` or `rdfs:range`) and which operators it takes (`preau:allowedOperator`); for
each action (`odrl:Action`) what it is included in; for each concept what is broader (SKOS, RDFS) or
what it is part of. Rules: an operand without a type is a name or text that is the same or another;
a profile adds terms and never changes one of ODRL or of ours (IM 3.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from policies_odrl.documents.sources import Source, nodes_of
from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, XSD, Operator
from policies_odrl.vocabulary import (
    ACTIONS,
    ALLOWED,
    DCT,
    INCLUDED_IN,
    OPERANDS,
    PREAU,
    Kind,
    Operand,
    same_action,
)

MAX_TERMS: Final = 20_000  # of all profiles together

_RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
_SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
_NUMBERS: Final = (
    "integer decimal double float nonNegativeInteger positiveInteger int long short byte "
    "unsignedInt unsignedLong"
)
# What values are declared to be -> how they compare. Other types are names or text.
_KINDS: Final[Mapping[str, Kind]] = {
    **{XSD + name: Kind.NUMBER for name in _NUMBERS.split()},
    **{XSD + name: Kind.INSTANT for name in ("dateTime", "date", "dateTimeStamp")},
    XSD + "duration": Kind.DURATION,
    _SKOS + "Concept": Kind.CONCEPT,
    _RDFS + "Class": Kind.CONCEPT,
    DCT + "Location": Kind.PLACE,
}
_TYPES: Final = (PREAU + "valueType", _RDFS + "range", ODRL + "dataType")
_OPERATORS: Final = {ODRL + item.value: item for item in Operator}
_PROFILES: Final = frozenset(
    {
        ODRL + "Profile",
        _SKOS + "ConceptScheme",
        _SKOS + "Collection",
        "http://www.w3.org/2002/07/owl#Ontology",
    }
)
_BROADER: Final = (
    *(_SKOS + name for name in ("broader", "broaderTransitive", "broadMatch", "exactMatch")),
    *(_RDFS + name for name in ("subClassOf", "subPropertyOf")),
)
_NARROWER: Final = (_SKOS + "narrower", _SKOS + "narrowerTransitive")
_WHOLES: Final = (DCT + "isPartOf", ODRL + "partOf")
_Table = dict[str, tuple[str, ...]]


@dataclass(slots=True)
class _Gathered:
    """What profiles declare, as it is gathered."""

    names: set[str] = field(default_factory=set)
    operands: dict[str, Operand] = field(default_factory=dict)
    actions: _Table = field(default_factory=dict)
    broader: _Table = field(default_factory=dict)
    wholes: _Table = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.operands) + len(self.actions) + len(self.broader)


def profiles(*sources: Source) -> Knowledge:
    """Return what profiles declare, for `load`, `evaluate` and all that takes knowledge.

    >>> text = '''@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
    ...     <urn:profile> a odrl:Profile . <urn:profile#region> a odrl:LeftOperand .'''
    >>> known = profiles(text)
    >>> known.profiles, known.operand("urn:profile#region").kind.value
    (frozenset({'urn:profile'}), 'identity')

    Args:
        sources: as for `load`.

    Raises:
        OSError: a file cannot be read.
        IllFormed: a source declares no term, or changes one of ODRL or of our profile.
        LimitExceeded: more than is read.
    """
    found = _Gathered()
    for source in sources:
        _gather(found, source)
    return Knowledge(
        broader=found.broader,
        wholes=found.wholes,
        operands=found.operands,
        actions=found.actions,
        profiles=frozenset(found.names),
    )


def joined(one: Knowledge, other: Knowledge) -> Knowledge:
    """Return what two know together; where both declare a term, `one` says what it is."""

    def both(of: str) -> _Table:
        found: _Table = dict(getattr(one, of))
        for name, above in getattr(other, of).items():
            _add(found, name, above)
        return found

    return replace(
        one,
        broader=both("broader"),
        wholes=both("wholes"),
        operands={**other.operands, **one.operands},
        actions=both("actions"),
        profiles=one.profiles | other.profiles,
        disjoint=(*one.disjoint, *other.disjoint),
    )


def _gather(found: _Gathered, source: Source) -> None:
    before = found.count
    for node in nodes_of(source):
        types = set(map(str, node.get("@type", ())))
        name = str(node["@id"])
        if name.startswith("_:"):
            continue
        if types & _PROFILES:
            found.names.add(name)
        if ODRL + "LeftOperand" in types:
            _operand(found, name, node)
        elif ODRL + "Action" in types:
            _action(found, name, node)
        else:
            _concept(found, name, node)
    if found.count == before:
        raise IllFormed("it declares no left operand, no action and no concept")
    if found.count > MAX_TERMS:
        raise LimitExceeded("profiles of more than {limit} terms", limit=MAX_TERMS)


def _operand(found: _Gathered, name: str, node: Mapping[str, Any]) -> None:
    if name in OPERANDS:
        return  # it says again that it is one
    kinds = {_KINDS.get(item, Kind.IDENTITY) for item in _names(node, *_TYPES)}
    kind = kinds.pop() if len(kinds) == 1 else Kind.IDENTITY
    stated = set(_names(node, PREAU + "allowedOperator"))
    for item in stated - _OPERATORS.keys():
        raise IllFormed("`{name}` is no operator of ODRL", name=item[:200], node=name)
    usual = ALLOWED[kind] & {_OPERATORS[item] for item in stated} if stated else ALLOWED[kind]
    found.operands[name] = Operand(name, kind, usual)


def _action(found: _Gathered, name: str, node: Mapping[str, Any]) -> None:
    wider = tuple(_names(node, ODRL + "includedIn"))
    if name not in ACTIONS:
        found.actions[name] = (*found.actions.get(name, ()), *wider)
    elif not {same_action(item) for item in wider} <= set(INCLUDED_IN.get(name, ())):
        raise IllFormed("a profile does not change an action of ODRL", node=name)


def _concept(found: _Gathered, name: str, node: Mapping[str, Any]) -> None:
    above, parts = list(_names(node, *_BROADER)), list(_names(node, *_WHOLES))
    if above or _SKOS + "Concept" in node.get("@type", ()):
        _add(found.broader, name, above)
    for item in _names(node, *_NARROWER):
        _add(found.broader, item, [name])
    if parts:
        _add(found.wholes, name, parts)


def _add(table: _Table, name: str, above: Iterable[str]) -> None:
    table[name] = tuple(dict.fromkeys((*table.get(name, ()), *above)))


def _names(node: Mapping[str, Any], *keys: str) -> Iterator[str]:
    for key in keys:
        named = (value.get("@id") for value in node.get(key, ()))
        yield from (it for it in named if isinstance(it, str) and not it.startswith("_:"))

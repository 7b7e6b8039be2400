"""Vocabularies of others, declared in a file: operands, actions, concepts and their hierarchy.

For each left operand a profile states what the values are (`preau:valueType` or `rdfs:range`) and
which operators it takes (`preau:allowedOperator`); for each action what it is included in; for each
concept what is broader (SKOS, RDFS) or what it is part of. An operand without a type is a name or
text. A profile adds terms and never changes one of ODRL or of ours (IM 3.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from policies_odrl import vocabulary
from policies_odrl.documents.sources import Source, nodes_of
from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.knowledge import Knowledge, merged
from policies_odrl.model import ODRL, Operator
from policies_odrl.reading.nodes import TERMS
from policies_odrl.vocabulary import ACTIONS, ALLOWED, INCLUDED_IN, OPERANDS, PREAU, Kind, Operand

MAX_TERMS: Final = 20_000  # of all profiles together

_OPERATORS: Final = {ODRL + item.value: item for item in Operator}
# What values are declared to be -> how they compare. Other types are names or text.
_KINDS: Final = {
    name: Kind(kind)
    for kind in ("number", "instant", "duration", "concept", "place")
    for name in TERMS[kind]
}
_CONCEPT: Final = vocabulary.expanded("skos:Concept")
_Table = dict[str, tuple[str, ...]]


def profiles(*sources: Source) -> Knowledge:
    """Return what profiles declare, for `load`, `evaluate` and all that takes knowledge.

    Args:
        sources: as for `load`.

    Raises:
        OSError: a file cannot be read.
        IllFormed: a source declares no term, or changes one of ODRL or of our profile.
        LimitExceeded: more than is read.
    """
    found = Knowledge()
    for source in sources:
        found = joined(_declared(source), found)
        if len(found.operands) + len(found.actions) + len(found.broader) > MAX_TERMS:
            raise LimitExceeded("profiles of more than {limit} terms", limit=MAX_TERMS)
    return found


def joined(one: Knowledge, other: Knowledge) -> Knowledge:
    """Return what two know together; where both declare an operand, `one` says what it is."""
    return replace(
        one,
        broader=merged(one.broader, other.broader.items()),
        wholes=merged(one.wholes, other.wholes.items()),
        operands={**other.operands, **one.operands},
        actions=merged(one.actions, other.actions.items()),
        profiles=one.profiles | other.profiles,
        disjoint=(*one.disjoint, *other.disjoint),
        labels={**other.labels, **one.labels},
    )


def _declared(source: Source) -> Knowledge:
    named: set[str] = set()
    operands: dict[str, Operand] = {}
    actions, broader, wholes = _Table(), _Table(), _Table()
    labels: dict[str, Mapping[str, str]] = {}
    for node in nodes_of(source):
        types, name = set(map(str, node.get("@type", ()))), str(node["@id"])
        if name.startswith("_:"):
            continue
        if said := _labels(node):
            labels[name] = said
        if types.intersection(TERMS["profile"]):
            named.add(name)
        if ODRL + "LeftOperand" in types:
            if name not in OPERANDS:  # otherwise it says again that it is one
                operands[name] = _operand(name, node)
        elif ODRL + "Action" in types:
            _action(actions, name, node)
        else:
            _concept(broader, wholes, name, node)
    if not (operands or actions or broader):
        raise IllFormed("it declares no left operand, no action and no concept")
    profile = frozenset(named)
    return Knowledge(
        broader, wholes, operands=operands, actions=actions, profiles=profile, labels=labels
    )


def _labels(node: Mapping[str, Any]) -> dict[str, str]:
    """Return language -> label of a term, by the first property that states one."""
    said = (it for key in reversed(TERMS["labels"]) for it in node.get(key, ()) if "@value" in it)
    return {it.get("@language", "").partition("-")[0].lower(): str(it["@value"]) for it in said}


def _operand(name: str, node: Mapping[str, Any]) -> Operand:
    kinds = {_KINDS.get(item, Kind.IDENTITY) for item in _names(node, *TERMS["type of values"])}
    kind = kinds.pop() if len(kinds) == 1 else Kind.IDENTITY
    stated = set(_names(node, PREAU + "allowedOperator"))
    for item in stated - _OPERATORS.keys():
        raise IllFormed("`{name}` is no operator of ODRL", name=item[:200], node=name)
    usual = ALLOWED[kind] & {_OPERATORS[item] for item in stated} if stated else ALLOWED[kind]
    return Operand(name, kind, usual)


def _action(actions: _Table, name: str, node: Mapping[str, Any]) -> None:
    wider = tuple(_names(node, ODRL + "includedIn"))
    if name not in ACTIONS:
        _add(actions, name, wider)
    elif not {vocabulary.same_action(item) for item in wider} <= set(INCLUDED_IN.get(name, ())):
        raise IllFormed("a profile does not change an action of ODRL", node=name)


def _concept(broader: _Table, wholes: _Table, name: str, node: Mapping[str, Any]) -> None:
    above, parts = list(_names(node, *TERMS["broader"])), list(_names(node, *TERMS["wholes"]))
    if above or _CONCEPT in node.get("@type", ()):
        _add(broader, name, above)
    for item in _names(node, *TERMS["narrower"]):
        _add(broader, item, [name])
    if parts:
        _add(wholes, name, parts)


def _add(table: _Table, name: str, above: Iterable[str]) -> None:
    table[name] = tuple(dict.fromkeys((*table.get(name, ()), *above)))


def _names(node: Mapping[str, Any], *keys: str) -> Iterator[str]:
    for key in keys:
        named = (value.get("@id") for value in node.get(key, ()))
        yield from (it for it in named if isinstance(it, str) and not it.startswith("_:"))

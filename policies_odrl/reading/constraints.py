"""Constraints and logical constraints, from nodes (IM 2.5).

Rules: one left operand, one operator, and either right operands or references to them; one
connective; `andSequence` only as an ordered list; no operand twice (IM 2.5.2: unique instances);
`odrl:neg` is read as `neq`, which old copies of the context wrote so (w3c/poe, issue 311). A
constraint with another operator, or of which more is said than ODRL has, is kept whole as a value
of what is not understood; so is one that is neither a comparison nor joined by ODRL's connectives,
with the nodes that it joins, because a profile may add connectives (IM 3.3). What the values mean
is left to `evaluate.py`, whether they make sense to `validate.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies_odrl.errors import IllFormed
from policies_odrl.model import (
    ODRL,
    RDF_TYPE,
    Condition,
    Connective,
    Constraint,
    LogicalConstraint,
    Operator,
)
from policies_odrl.reading.flat import Left, Node, at_most_one, objects
from policies_odrl.reading.notes import Scope, besides
from policies_odrl.reading.walk import Count, Walk, structured

_OPERATORS: Final = {ODRL + item.value: item for item in Operator} | {ODRL + "neg": Operator.NEQ}
_CONNECTIVES: Final = {ODRL + item.value: item for item in Connective}
# One of these makes a condition a comparison, however incomplete.
COMPARISON: Final = frozenset(
    ODRL + name for name in ("leftOperand", "operator", "rightOperand", "rightOperandReference")
)


def conditions_at(node: Node, name: str, walk: Walk) -> tuple[Condition, ...]:
    """Return the conditions that a property of a node refers to.

    Raises:
        Unreadable: one is not well formed, has an unknown term, or there are too many.
    """
    return tuple(
        walk.enter(item, lambda found: _condition(found, walk)) for item in node.ids(ODRL + name)
    )


def _condition(node: Node, walk: Walk) -> Condition:
    walk.pay(Count.CONSTRAINTS)
    if node.iri and not node.properties():  # it stands elsewhere, and is not fetched
        return _kept(node, node.iri, walk)
    joined = sorted(_CONNECTIVES.keys() & node.properties())
    if not joined:
        return _joined_otherwise(node, walk) or _constraint(node, walk)
    if len(joined) > 1:
        raise IllFormed("a logical constraint has one connective only", node=node.id)
    return _logical(node, joined[0], walk)


def _logical(node: Node, name: str, walk: Walk) -> Condition:
    connective = _CONNECTIVES[name]
    members = _members(node, name, connective)
    operands = tuple(walk.enter(item, lambda part: _condition(part, walk)) for item in members)
    name = node.name()
    notes, strange = besides(node, Scope.PART, ["LogicalConstraint", "Constraint"], walk)
    if not operands:
        raise IllFormed("a logical constraint without operands", node=node.id)
    if strange:
        return _kept(node, strange[0][0], walk)
    return LogicalConstraint(connective, operands, id=name, notes=notes)


def _members(node: Node, name: str, connective: Connective) -> list[str]:
    values = node.all(name)
    lists = [objects(value["@list"], name, node.id) for value in values if "@list" in value]
    if connective is Connective.AND_SEQUENCE and (len(values) != 1 or not lists):
        raise IllFormed("`andSequence` needs an ordered list", node=node.id)
    members = [item for items in lists for item in items] if lists else values
    found = [item.get("@id") for item in members]
    if (lists and len(values) != 1) or not all(isinstance(item, str) for item in found):
        raise IllFormed("operands of a logical constraint must be nodes", node=node.id)
    if len(set(found)) != len(found):
        raise IllFormed("a logical constraint has each operand once only", node=node.id)
    return [str(item) for item in found]


def _constraint(node: Node, walk: Walk) -> Constraint:
    operator = node.one_id(ODRL + "operator")
    if not operator:
        raise IllFormed("a constraint needs an `odrl:operator`", node=node.id)
    left = node.one_id(ODRL + "leftOperand")
    stated = _rights(node)
    rights = [walk.value(value, node) for value in stated]
    reference = node.iris(ODRL + "rightOperandReference")
    walk.pay(Count.VALUES, len(reference))
    status = [walk.value(value, node) for value in node.all(ODRL + "status")]
    unit, datatype = node.one_iri(ODRL + "unit"), node.one_iri(ODRL + "dataType")
    name = node.name()
    notes, strange = besides(node, Scope.PART, ["Constraint"], walk)
    if not left:
        raise IllFormed("a constraint needs an `odrl:leftOperand`", node=node.id)
    if bool(rights) == bool(reference):
        raise IllFormed(
            "a constraint needs either a right operand or a reference to one", node=node.id
        )
    if operator not in _OPERATORS:
        strange.append((operator, []))
    if any(structured(value) for value in stated):
        strange.append((ODRL + "rightOperand", []))
    if strange:
        return _kept(node, strange[0][0], walk)
    return Constraint(
        left=left,
        operator=_OPERATORS[operator],
        right=tuple(dict.fromkeys(rights)),
        unit=unit,
        datatype=datatype,
        reference=tuple(reference),
        status=at_most_one(status, "status", node.id),
        id=name,
        notes=notes,
    )


def _kept(node: Node, what: str, walk: Walk) -> Constraint:
    """Return a constraint that nobody can decide, with all that the node says."""
    said = walk.whole({"@id": node.id} if node.id.startswith("_:") else node.body, node)
    return Constraint(left=walk.foreign(what), operator=Operator.EQ, right=(said,))


def _joined_otherwise(node: Node, walk: Walk) -> Constraint | None:
    """Return a condition by a connective that is not ODRL's; None where it is none.

    Raises:
        IllFormed: a node lies below itself.
        LimitExceeded: too long, or nested too deep.
    """
    if COMPARISON & node.properties():
        return None
    node.name()
    _, found = besides(node, Scope.PART, ["Constraint", "LogicalConstraint"], walk)
    strange = [(name, values) for name, values in found if name != RDF_TYPE]
    if not strange:
        return None
    kept = _kept(node, strange[0][0], walk)
    parts = tuple(
        walk.enter(item, lambda part: walk.whole(part.body, part))
        for item in dict.fromkeys(_names_in(strange, node))
        if not item.startswith("_:") and walk.described(item)
    )
    return Constraint(left=kept.left, operator=kept.operator, right=kept.right + parts)


def _names_in(left: Left, node: Node) -> Iterator[str]:
    for name, values in left:
        for value in values:
            for item in objects(value.get("@list", [value]), name, node.id):
                if isinstance(item.get("@id"), str):
                    yield item["@id"]


def _rights(node: Node) -> list[Mapping[str, Any]]:
    name = ODRL + "rightOperand"
    found: list[Mapping[str, Any]] = []
    for value in node.all(name):
        found.extend(objects(value["@list"], name, node.id) if "@list" in value else [value])
    return found

"""Constraints and logical constraints, from nodes (IM 2.5).

Rules: one left operand, one operator, and either right operands or references to them; one
connective; `andSequence` only as an ordered list; no operand twice (IM 2.5.2: unique instances);
`odrl:neg` is read as `neq`, which old copies of the context wrote so (w3c/poe, issue 311).
What the values mean is left to `evaluate.py`, whether they make sense to `validate.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policies_odrl.errors import IllFormed, UnknownTerm
from policies_odrl.model import (
    ODRL,
    Condition,
    Connective,
    Constraint,
    LogicalConstraint,
    Operator,
)
from policies_odrl.reading.flat import Node, at_most_one, objects, short
from policies_odrl.reading.notes import notes_of
from policies_odrl.reading.walk import Count, Walk
from policies_odrl.vocabulary import PREAU, PROFILE

_OPERATORS: Final = {ODRL + item.value: item for item in Operator} | {ODRL + "neg": Operator.NEQ}
_CONNECTIVES: Final = {ODRL + item.value: item for item in Connective}


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
    joined = sorted(_CONNECTIVES.keys() & node.properties())
    if not joined:
        return _constraint(node, walk)
    if len(joined) > 1:
        raise IllFormed("a logical constraint has one connective only", node=node.id)
    return _logical(node, joined[0], walk)


def _logical(node: Node, name: str, walk: Walk) -> LogicalConstraint:
    connective = _CONNECTIVES[name]
    members = _members(node, name, connective)
    found = LogicalConstraint(
        connective=connective,
        operands=tuple(
            walk.enter(item, lambda member: _condition(member, walk)) for item in members
        ),
        id=node.name(),
        notes=notes_of(node, walk),
    )
    node.only(["LogicalConstraint", "Constraint"])
    if not found.operands:
        raise IllFormed("a logical constraint without operands", node=node.id)
    return found


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
    rights = [walk.value(value, node) for value in _rights(node)]
    reference = node.iris(ODRL + "rightOperandReference")
    walk.pay(Count.VALUES, len(reference))
    status = [walk.value(value, node) for value in node.all(ODRL + "status")]
    constraint = Constraint(
        left=node.one_id(ODRL + "leftOperand"),
        operator=_operator(node),
        right=tuple(dict.fromkeys(rights)),
        unit=node.one_iri(ODRL + "unit"),
        datatype=node.one_iri(ODRL + "dataType"),
        reference=tuple(reference),
        status=at_most_one(status, "status", node.id),
        id=node.name(),
        notes=notes_of(node, walk),
    )
    node.only(["Constraint"])
    _known(constraint, node, walk)
    return constraint


def _rights(node: Node) -> list[Mapping[str, Any]]:
    name = ODRL + "rightOperand"
    found: list[Mapping[str, Any]] = []
    for value in node.all(name):
        found.extend(objects(value["@list"], name, node.id) if "@list" in value else [value])
    return found


def _operator(node: Node) -> Operator:
    name = node.one_id(ODRL + "operator")
    if name not in _OPERATORS:
        raise UnknownTerm(f"operator `{short(name)}` is not known", node=node.id)
    return _OPERATORS[name]


def _known(constraint: Constraint, node: Node, walk: Walk) -> None:
    if walk.knowledge.operand(constraint.left) is None:
        raise UnknownTerm(f"left operand `{short(constraint.left)}` is not known", node=node.id)
    needs_profile(constraint.left, node, walk)
    if bool(constraint.right) == bool(constraint.reference):
        raise IllFormed(
            "a constraint needs either a right operand or a reference to one", node=node.id
        )


def needs_profile(term: str, node: Node, walk: Walk) -> None:
    """Insist that a term of our profile is used under it (IM 2.1: the profile MUST be stated).

    Raises:
        UnknownTerm: the policy does not declare the profile.
    """
    if term.startswith(PREAU) and PROFILE not in walk.profiles:
        raise UnknownTerm(
            f"`{short(term)}` belongs to profile `{PROFILE}`, which is not declared",
            node=node.id,
        )

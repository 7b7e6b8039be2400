"""Constraints, actions, assets and parties, from nodes (IM 2.2 to 2.5).

Rules: a constraint has one left operand, one operator, and either right operands or references to
them; `odrl:neg` is read as `neq`, which old copies of the context wrote so (w3c/poe, issue 311). A
constraint with another operator or connective, or of which more is said than ODRL has, is kept
whole as a value of what is not understood, because a profile may add them (IM 3.3). What a document
says an action is included in is kept and not believed, because only a profile defines terms (IM
3.3): a policy could otherwise widen what its rules cover. Assets and parties are described in any
vocabulary (IM 2.2, 2.3). Whether values make sense is left to `validate.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from policies_odrl import model
from policies_odrl.errors import IllFormed
from policies_odrl.model import ODRL, RDF_TYPE, RDF_VALUE
from policies_odrl.reading.nodes import Count, Left, Node, objects, structured
from policies_odrl.reading.notes import Scope
from policies_odrl.vocabulary import IMPLIES, same_action

_OPERATORS: Final = {ODRL + item.value: item for item in model.Operator} | {
    ODRL + "neg": model.Operator.NEQ
}
_CONNECTIVES: Final = {ODRL + item.value: item for item in model.Connective}
# One of these makes a condition a comparison, however incomplete.
COMPARISON: Final = frozenset(
    ODRL + name for name in ("leftOperand", "operator", "rightOperand", "rightOperandReference")
)
# By which an asset or a party is told from others, or has to be (IM 2.5.5, 2.5.6: a refined one).
_DISTINCT: Final = frozenset(ODRL + name for name in ("uid", "source", "refinement"))
# What an asset or a party may state of a policy instead of the policy of it (IM 2.2.3, 2.3.3).
INFERRED: Final = ("hasPolicy", "assignerOf", "assigneeOf")

_Ref = TypeVar("_Ref", model.AssetRef, model.PartyRef)


# -- conditions -----------------------------------------------------------------------------


def condition(node: Node) -> model.Condition:
    """Return a constraint or logical constraint."""
    node.walk.pay(Count.CONSTRAINTS)
    if node.iri and not node.properties():  # it stands elsewhere, and is not fetched
        return _kept(node, node.iri)
    joined = sorted(_CONNECTIVES.keys() & node.properties())
    if not joined:
        return _joined_otherwise(node) or _constraint(node)
    if len(joined) > 1:
        raise IllFormed("a logical constraint has one connective only", node=node.id)
    return _logical(node, joined[0])


def _logical(node: Node, name: str) -> model.Condition:
    members = _members(node, name)
    operands = tuple(node.walk.enter(item, condition) for item in members)
    own = node.name()
    notes, strange = node.besides(Scope.PART, "LogicalConstraint", "Constraint")
    if not operands:
        raise IllFormed("a logical constraint without operands", node=node.id)
    if strange:
        return _kept(node, strange[0][0])
    return model.LogicalConstraint(_CONNECTIVES[name], operands, id=own, notes=notes)


def _members(node: Node, name: str) -> list[str]:
    """Return the operands, each once (IM 2.5.2: unique instances); of a sequence, in order."""
    values = node.all(name)
    lists = [objects(value["@list"], name, node.id) for value in values if "@list" in value]
    if name == ODRL + model.Connective.AND_SEQUENCE and (len(values) != 1 or not lists):
        raise IllFormed("`andSequence` needs an ordered list", node=node.id)
    members = [item for items in lists for item in items] if lists else values
    found = [item.get("@id") for item in members]
    if (lists and len(values) != 1) or not all(isinstance(item, str) for item in found):
        raise IllFormed("operands of a logical constraint must be nodes", node=node.id)
    if len(set(found)) != len(found):
        raise IllFormed("a logical constraint has each operand once only", node=node.id)
    return [str(item) for item in found]


def _constraint(node: Node) -> model.Constraint:
    operator = node.one_id(ODRL + "operator")
    if not operator:
        raise IllFormed("a constraint needs an `odrl:operator`", node=node.id)
    left = node.one_id(ODRL + "leftOperand")
    stated = list(_each([(ODRL + "rightOperand", node.all(ODRL + "rightOperand"))], node))
    right = tuple(dict.fromkeys(map(node.value, stated)))
    reference = tuple(node.iris(ODRL + "rightOperandReference"))
    node.walk.pay(Count.VALUES, len(reference))
    status = [node.value(value) for value in node.all(ODRL + "status")]
    unit, datatype = node.one_iri(ODRL + "unit"), node.one_iri(ODRL + "dataType")
    name = node.name()
    notes, strange = node.besides(Scope.PART, "Constraint")
    if not left:
        raise IllFormed("a constraint needs an `odrl:leftOperand`", node=node.id)
    if bool(right) == bool(reference):
        raise IllFormed(
            "a constraint needs either a right operand or a reference to one", node=node.id
        )
    if operator not in _OPERATORS:
        strange.append((operator, []))
    if any(map(structured, stated)):
        strange.append((ODRL + "rightOperand", []))
    if strange:
        return _kept(node, strange[0][0])
    return model.Constraint(
        left=left,
        operator=_OPERATORS[operator],
        right=right,
        unit=unit,
        datatype=datatype,
        reference=reference,
        status=node.at_most_one(status, "status"),
        id=name,
        notes=notes,
    )


def _kept(node: Node, what: str, *parts: str) -> model.Constraint:
    """Return a constraint that nobody can decide, with all that the node and its parts say."""
    said = node.whole({"@id": node.id} if node.id.startswith("_:") else node.body)
    more = (node.walk.enter(item, lambda part: part.whole(part.body)) for item in parts)
    return model.Constraint(node.walk.foreign(what), model.Operator.EQ, (said, *more))


def _joined_otherwise(node: Node) -> model.Constraint | None:
    """Return a condition by a connective that is not ODRL's; None where it is none."""
    if COMPARISON & node.properties():
        return None
    node.name()
    _, found = node.besides(Scope.PART, "Constraint", "LogicalConstraint")
    strange = [(name, values) for name, values in found if name != RDF_TYPE]
    if not strange:
        return None
    names = [str(item.get("@id", "_:")) for item in _each(strange, node)]
    named = [it for it in names if not it.startswith("_:") and node.walk.described(it)]
    return _kept(node, strange[0][0], *dict.fromkeys(named))


def _each(left: Left, node: Node) -> Iterator[Mapping[str, Any]]:
    """Yield the values of properties, those of lists one by one."""
    for name, values in left:
        for value in values:
            yield from objects(value["@list"], name, node.id) if "@list" in value else (value,)


# -- actions --------------------------------------------------------------------------------


def action(node: Node) -> model.Action:
    """Return an action; a refined one names what it refines by `rdf:value` (IM 2.5.4)."""
    stated, name = node.one_id(RDF_VALUE), node.name()
    narrowed = node.each("refinement", condition)
    restated = _restated(node, name)
    notes, strange = node.besides(Scope.PART, "Action")
    misnamed = _misnamed(node)
    node.leave([*strange, *misnamed])
    if stated and not misnamed:
        inner = node.walk.enter(stated, action)
        narrowed, notes = (*inner.refinements, *narrowed), (*inner.notes, *notes)
        return model.Action(inner.id, narrowed, node=name, notes=(*notes, *restated))
    if not name:
        raise IllFormed("an action must be named by `rdf:value`", node=node.id)
    return model.Action(name, narrowed, notes=(*notes, *restated))


def _misnamed(node: Node) -> Left:
    """Return what is said of a known action by its own name, as if it were one use of it.

    One that is named once may be refined itself. Of one that is named more often it is not
    understood which use is meant, because what is said of it holds wherever it is named.
    """
    if not node.walk.knowledge.known_action(node.id):
        return []
    named, narrowed = node.all(RDF_VALUE), node.all(ODRL + "refinement")
    if named:
        return [(RDF_VALUE, named)]
    several = narrowed and node.walk.references(node.id, ODRL + "action", RDF_VALUE) > 1
    return [(ODRL + "refinement", narrowed)] if several else []


def _restated(node: Node, name: str) -> model.Notes:
    """Return what the document says of an action that is not known of it."""
    wider = node.walk.knowledge.wider_actions(name)
    implied = IMPLIES.get(same_action(name), ())
    included = [it for it in node.ids(ODRL + "includedIn") if same_action(it) not in wider]
    implies = [it for it in node.ids(ODRL + "implies") if it not in implied]
    return (
        *((ODRL + "includedIn", model.Iri(it)) for it in included),
        *((ODRL + "implies", model.Iri(it)) for it in implies),
    )


# -- assets and parties ---------------------------------------------------------------------


def references_at(node: Node, name: str, build: type[_Ref]) -> tuple[_Ref, ...]:
    """Return the assets or parties that a property refers to, of those that can be told apart.

    An asset or a party need not have a uid (IM 2.2, 2.3), but nobody can tell which one is meant
    that has none, or is given as text: it is left unread, so that the rule is never decided.
    """
    found: list[_Ref] = []
    for value in node.all(name):
        item = value.get("@id")
        if isinstance(item, str) and not _anonymous(item, node):
            found.append(node.walk.enter(item, partial(reference, build)))
        else:
            node.leave([(name, [value])])
    return tuple(found)


def _anonymous(name: str, node: Node) -> bool:
    """Return whether a node has neither a name nor a `source`, nor has to have one."""
    return name.startswith("_:") and not _DISTINCT & node.walk.nodes.get(name, {}).keys()


def reference(build: type[_Ref], node: Node) -> _Ref:
    """Return an asset or a party, as `build` says."""
    kind = "Asset" if build is model.AssetRef else "Party"
    name, source = node.name(), node.one_iri(ODRL + "source")
    refinements = node.each("refinement", condition)
    for stated in INFERRED:
        node.ids(ODRL + stated)  # read beforehand, from all nodes
    notes = node.notes(Scope.THING, kind, kind + "Collection")
    if not name and not source:
        asset = kind == "Asset"
        raise IllFormed(
            "the asset has no identifier" if asset else "the party has no identifier", node=node.id
        )
    if refinements and not source:  # never by `uid` (IM 2.5.5, 2.5.6)
        raise IllFormed("what is refined must be named by `source`", node=node.id)
    collection = ODRL + kind + "Collection" in node.types
    return build(name, collection, source, refinements, notes)

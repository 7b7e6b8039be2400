"""Constraints, actions, assets and parties, from nodes (IM 2.2 to 2.5).

A constraint of which more is said than ODRL has is kept whole as a value of what is not understood,
because a profile may add it (IM 3.3). What a document says an action is included in is kept and not
believed: a policy could otherwise widen what its rules cover.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from policies_odrl import model
from policies_odrl.model import ODRL, RDF_TYPE, RDF_VALUE
from policies_odrl.reading.nodes import REFERENCE, Body, Count, Node, short, structured
from policies_odrl.reading.notes import Left, Scope, besides, leave, notes_of
from policies_odrl.vocabulary import same_action

_OPERATORS: Final = {ODRL + item.value: item for item in model.Operator} | {
    ODRL + "neg": model.Operator.NEQ
}
_OPERATOR, _LEFT, _RIGHT = (ODRL + it for it in ("operator", "leftOperand", "rightOperand"))
_CONNECTIVES: Final = {ODRL + item.value: item for item in model.Connective}
# One of these makes a condition a comparison, however incomplete.
COMPARISON: Final = frozenset({_OPERATOR, _LEFT, _RIGHT, REFERENCE})
# By which an asset or a party is told from others, or has to be (IM 2.5.5, 2.5.6: a refined one).
_DISTINCT: Final = frozenset(ODRL + name for name in ("uid", "source", "refinement"))
_THINGS: Final = {model.AssetRef: ("asset", "ressource"), model.PartyRef: ("party", "partie")}

_Ref = TypeVar("_Ref", bound=model.Reference)


def condition(node: Node) -> model.Condition:
    """Return a constraint or logical constraint."""
    node.walk.pay(Count.CONSTRAINTS)
    said = node.properties()
    if node.iri and not said and not (node.types and node.walk.report):
        node.term("condition", node.iri)  # it stands elsewhere, and is not fetched
        return _kept(node, node.iri)
    joined = sorted(_CONNECTIVES.keys() & said)
    if not joined:
        return _constraint(node) if COMPARISON & said else _joined_otherwise(node)
    terms = [short(name) for name in joined]
    if len(joined) > 1:
        several = ("two-connectives", ", ".join(terms))
        node.refuse("a logical constraint has one connective only", *several)
    if COMPARISON & said and node.walk.report is not None:
        node.note("mixed-constraint", terms[0])
        node.asked.update(COMPARISON)  # which are not strange besides
    return _logical(node, joined)


def _logical(node: Node, joined: Sequence[str]) -> model.Condition:
    """Return a logical constraint; it has one connective, unless faults are collected."""
    places = [place for name in joined for place in _operands(node, name)]
    operands = node.walk.each(places, condition)
    own = node.name()
    notes, strange = besides(node, Scope.PART, "LogicalConstraint", "Constraint")
    if strange:
        return _kept(node, strange[0][0])
    return model.LogicalConstraint(_CONNECTIVES[joined[0]], operands, id=own, notes=notes)


def _operands(node: Node, name: str) -> list[tuple[str, str]]:
    """Return (name, JSON pointer) of operands, each once (IM 2.5.2: unique instances), in order."""
    values = node.all(name)
    lists = [node.objects(value["@list"], name) for value in values if "@list" in value]
    ordered = _CONNECTIVES[name] is model.Connective.AND_SEQUENCE
    if ordered and (len(values) != 1 or not lists):
        node.refuse("`andSequence` needs an ordered list", "unordered-sequence")
    members = [item for items in lists for item in items] if lists else values
    names = [item.get("@id") for item in members]
    texts = [it for it, item in zip(members, names, strict=True) if not isinstance(item, str)]
    if texts or (lists and len(values) != 1):
        text = str(texts[0].get("@value", "")) if texts else ""
        terms = ("text-for-term", short(name), text, "")
        node.refuse("operands of a logical constraint must be nodes", *terms)
    at = node.at(name) + ("/@list" if ordered else "")
    found = [(it, f"{at}/{place}") for place, it in enumerate(names) if isinstance(it, str)]
    if len(dict(found)) != len(found):
        twice = ("operand-twice", short(name))
        node.refuse("a logical constraint has each operand once only", *twice)
    if not members:
        node.refuse("a logical constraint without operands", "empty-connective", short(name))
    return found


def _constraint(node: Node) -> model.Constraint:
    operator, left = node.one_id(_OPERATOR), node.one_id(_LEFT)
    if not operator and not node.excused(_OPERATOR):
        node.refuse("a constraint needs an `odrl:operator`", "missing-operator")
    if not left and not node.excused(_LEFT):
        node.refuse("a constraint needs an `odrl:leftOperand`", "missing-left-operand")
    node.term("operator", operator)
    node.term("operand", left)
    stated = list(_each([(_RIGHT, node.all(_RIGHT))], node))
    right = tuple(dict.fromkeys(map(node.value, stated)))
    reference = tuple(node.iris(REFERENCE))
    valued, refers = right or node.excused(_RIGHT), reference or node.excused(REFERENCE)
    if bool(valued) == bool(refers):
        code = "two-right-operands" if valued else "missing-right-operand"
        node.refuse("a constraint needs either a right operand or a reference to one", code)
    node.walk.pay(Count.VALUES, len(reference))
    status = node.all(ODRL + "status")
    for name, values in ((_RIGHT, stated), (ODRL + "status", status)):
        if any(structured(it) or node.walk.described(str(it.get("@id", "_:"))) for it in values):
            node.note("structured-value", short(name))
    parts: dict[str, Any] = {
        "unit": node.one_iri(ODRL + "unit"),
        "datatype": node.one_iri(ODRL + "dataType"),
        "status": node.at_most_one([node.value(value) for value in status], "status"),
        "id": node.name(),
    }
    notes, strange = besides(node, Scope.PART, "Constraint")
    if operator not in _OPERATORS:
        strange.append((operator, []))
    if any(map(structured, stated)):
        strange.append((_RIGHT, []))
    if strange:
        return _kept(node, strange[0][0])
    meant = _OPERATORS[operator]
    return model.Constraint(left, meant, right, reference=reference, notes=notes, **parts)


def _kept(node: Node, what: str, *parts: str) -> model.Constraint:
    """Return a constraint that nobody can decide, with all that the node and its parts say."""
    said = node.whole({"@id": node.id} if node.id.startswith("_:") else node.body)
    more = node.walk.each([(it, "") for it in parts], lambda part: part.whole(part.body))
    return model.Constraint(node.walk.foreign(what), model.Operator.EQ, (said, *more))


def _joined_otherwise(node: Node) -> model.Constraint:
    """Return a condition by a connective that is not ODRL's."""
    node.name()
    _, found = besides(node, Scope.PART, "Constraint", "LogicalConstraint")
    strange = [(name, values) for name, values in found if name != RDF_TYPE]
    if not strange:  # it says nothing
        node.note("missing-left-operand")
        node.refuse("a constraint needs an `odrl:operator`", "missing-operator")
        node.note("missing-right-operand")
    names = [str(item.get("@id", "_:")) for item in _each(strange, node)]
    named = [it for it in names if not it.startswith("_:") and node.walk.described(it)]
    return _kept(node, strange[0][0] if strange else "", *dict.fromkeys(named))


def _each(left: Left, node: Node) -> Iterator[Body]:
    """Yield the values of properties, those of lists one by one."""
    for name, values in left:
        for value in values:
            yield from node.objects(value["@list"], name) if "@list" in value else (value,)


def action(node: Node) -> model.Action:
    """Return an action; a refined one names what it refines by `rdf:value` (IM 2.5.4)."""
    if node.walk.report is not None and ODRL + "action" in node.body:
        node.note("wrapped-action")
        return model.Action(node.id)
    stated, name = node.one_id(RDF_VALUE), node.name()
    narrowed = node.each("refinement", condition)
    restated = _restated(node, name)
    notes, strange = besides(node, Scope.PART, "Action")
    misnamed = _misnamed(node)
    leave(node, [*strange, *misnamed, *restated])
    if stated and not misnamed:
        inner = node.walk.enter(stated, action, node.path) or model.Action(stated)
        narrowed, notes = (*inner.refinements, *narrowed), (*inner.notes, *notes)
        return model.Action(inner.id, narrowed, node=name, notes=notes)
    if not name and not node.excused(RDF_VALUE):
        node.refuse("an action must be named by `rdf:value`", "action-without-name")
    node.term("action", name)
    for _, said in restated:
        node.note("action-restated", short(name), short(str(said[0]["@id"])))
    return model.Action(name, narrowed, notes=notes)


def _misnamed(node: Node) -> Left:
    """Return what is said of a known action by its own name, as if it were one use of it.

    One that is named once may be refined itself. Of one that is named more often it is not
    understood which use is meant, because what is said of it holds wherever it is named.
    """
    if not node.walk.knowledge.known_action(node.id):
        return []
    named, narrowed = node.all(RDF_VALUE), node.all(ODRL + "refinement")
    if named or not narrowed:
        return [(RDF_VALUE, named)] if named else []
    uses = [*node.walk.naming(ODRL + "action", node.id), *node.walk.naming(RDF_VALUE, node.id)]
    return [(ODRL + "refinement", narrowed)] if len(uses) > 1 else []


def _restated(node: Node, name: str) -> Left:
    """Return what the document says of an action that is not known of it, one value each."""
    wider, key = node.walk.knowledge.wider_actions(name), ODRL + "includedIn"
    told = [(key, it) for it in node.ids(key) if same_action(it) not in wider]
    told += [(ODRL + "implies", it) for it in node.ids(ODRL + "implies")]
    return [(key, [{"@id": it}]) for key, it in told]


def references_at(node: Node, name: str, build: type[_Ref]) -> tuple[_Ref, ...]:
    """Return the assets or parties that a property refers to, of those that can be told apart.

    An asset or a party need not have a uid (IM 2.2, 2.3), but nobody can tell which one is meant
    that has none, or is given as text: it is left unread, so that the rule is never decided.
    """
    places = []
    for item, path, value in node.entries(name):
        distinct = isinstance(item, str) and _DISTINCT & node.walk.nodes.get(item, {}).keys()
        if isinstance(item, str) and (distinct or not item.startswith("_:")):  # it has a name
            places.append((item, path))
        else:
            at = node.at(name) if item is None else path
            node.note("reference-without-identifier", _THINGS[build], at=at)
            leave(node, [(name, [value])])
    return node.walk.each(places, partial(reference, build))


def reference(build: type[_Ref], node: Node) -> _Ref:
    """Return an asset or a party, as `build` says."""
    kind = "Asset" if build is model.AssetRef else "Party"
    name, source = node.name(), node.one_iri(ODRL + "source")
    refinements = node.each("refinement", condition)
    for stated in ("hasPolicy", "assignerOf", "assigneeOf"):
        node.ids(ODRL + stated)  # read with the policy
    notes = notes_of(node, Scope.THING, kind, kind + "Collection")
    thing = _THINGS[build]
    if node.body.get(ODRL + "refinement") and not source:  # never by `uid` (IM 2.5.5, 2.5.6)
        code = "uid-with-refinement" if name else "refined-without-source"
        node.refuse("what is refined must be named by `source`", code, name or thing)
    elif not name and not source:
        node.refuse("neither `uid` nor `source` names it", "reference-without-identifier", thing)
    collection = ODRL + kind + "Collection" in node.types
    return build(name, collection, source, refinements, notes)

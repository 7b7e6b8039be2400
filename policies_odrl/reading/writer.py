"""A policy to compact JSON-LD under the Dataspace Protocol's two contexts, and nothing else.

Rules: what the contexts do not define is written under a prefix they do define, or as a full IRI;
numbers and times travel as typed value objects, names as `{"@id": …}` (a bare JSON number fails
the protocol's schemas); arrays are never empty. JSON pointers of `Policy.rules` and `conditions`
point into this form, unless one rule is written for several (`_compact`). A part with an IRI that
several others share is written where it comes first and named afterwards, because one name means
one thing. What a policy states for its rules is read as added to what a rule names itself (IM
2.7.1), so that it is written into the other rules where one names something else; a policy that
inherits states it for inherited rules too (IM 2.9). That nothing is lost is checked by reading back
(`connector/jsonld/policy.py`).
Source: DSP 2025-1, contract negotiation schemas; odrl-profile context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from policies_odrl import model
from policies_odrl.errors import NotWritable
from policies_odrl.model import ODRL, RDF_TYPE, RDF_VALUE, XSD, XSD_STRING
from policies_odrl.reading import compact
from policies_odrl.reading.nodes import short
from policies_odrl.vocabulary import DCT

CONTEXTS: Final = (
    "https://w3id.org/dspace/2025/1/context.jsonld",
    "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
)

_term = partial(short, prefixes=((ODRL, "odrl:"), (XSD, "xsd:"), (DCT, "dct:")))
_KINDS: Final = frozenset(
    {model.PolicyKind.SET, model.PolicyKind.OFFER, model.PolicyKind.AGREEMENT}
)  # are classes
# Members that are an array only where they have several values.
_SINGLES: Final = (
    "target assigner assignee action profile leftOperand operator rightOperand andSequence "
    "odrl:output odrl:source odrl:unit odrl:dataType odrl:status odrl:conflict dct:isReplacedBy "
    "dspace:timestamp"
)
_SINGLE: Final = frozenset((RDF_VALUE, *_SINGLES.split()))
Members = Iterable[tuple[str, Any]]


def write(policy: model.Policy) -> dict[str, Any]:
    """Return the policy as JSON-LD.

    Raises:
        NotWritable: it has no rule, a collection without any identifier, two different parts of
            one name, or it shares something with inherited rules but not with all its own.
    """
    if not policy.inherits:  # what it inherits shares what it states, and it stays as it is
        policy = compact.pushed_down(policy)
        if not (any(policy.rules()) or policy.replaced_by):
            raise NotWritable("a policy without rules", node=policy.id)
    members = _object(_Writer(policy).members(policy))
    types = members.pop("@type")
    name = {"@id": policy.id} if policy.id else {}
    types = types[0] if len(types) == 1 else types
    return {"@context": list(CONTEXTS), **name, "@type": types, **members}


class _Writer:
    """Writes the parts of one policy; remembers which names it gave away."""

    def __init__(self, policy: model.Policy) -> None:
        self._written: dict[str, object] = {policy.id: policy}

    def members(self, policy: model.Policy) -> Iterator[tuple[str, Any]]:
        """Yield the members of the policy."""
        yield "@type", ("" if policy.kind in _KINDS else "odrl:") + policy.kind.value
        # Only one that inherits states for rules to come what its own hold already (IM 2.7.1, 2.9).
        common = policy.common if policy.inherits else model.Common()
        shared = compact.shared_by(replace(policy, common=common))
        yield from (("profile", name) for name in policy.profiles)
        yield from self._common(shared)
        if policy.conflict:
            yield "odrl:conflict", {"@id": "odrl:" + policy.conflict.value}
        yield from (("odrl:inheritFrom", {"@id": name}) for name in policy.inherits)
        yield from _name("dct:isReplacedBy", policy.replaced_by)
        if policy.timestamp:
            yield "dspace:timestamp", {"@value": policy.timestamp, "@type": "xsd:dateTime"}
        yield from _notes(policy.metadata)
        for name, rules in (
            ("permission", policy.permissions),
            ("prohibition", policy.prohibitions),
            ("obligation", policy.obligations),
        ):
            stated = _compact(rules, shared, policy.id) if policy.inherits else rules
            yield from ((name, self._rule(rule)) for rule in stated)

    def _common(self, stated: model.Common) -> Iterator[tuple[str, Any]]:
        yield from (("target", self._reference(item)) for item in stated.targets)
        yield from (("assigner", self._reference(item)) for item in stated.assigners)
        yield from (("assignee", self._reference(item)) for item in stated.assignees)
        yield from (("action", self._action(item)) for item in stated.actions)
        yield from (("odrl:output", self._node(item)) for item in stated.outputs)
        yield from ((_term(name), self._node(item)) for name, item in stated.functions)
        for item in stated.unread:
            yield from ((_term(item.left), _value(value)) for value in item.right)

    def _rule(self, rule: model.Rule) -> dict[str, Any]:
        def members() -> Iterator[tuple[str, Any]]:
            yield from self._common(compact.stated_by(rule))
            yield from (("constraint", self._condition(item)) for item in rule.constraints)
            for name, duties in model.duties_below(rule):
                yield from ((name, self._rule(duty)) for duty in duties)
            yield from _notes(rule.notes)

        return self._once(rule.id, rule, members)

    def _action(self, action: model.Action) -> str | dict[str, Any]:
        name = _term(action.id)
        if name == "odrl:use":
            name = "use"  # the one action that the context defines
        if not (action.refinements or action.notes or action.node):
            return name

        def members() -> Iterator[tuple[str, Any]]:
            yield RDF_VALUE, {"@id": action.id}
            yield from self._refinements(action)
            yield from _notes(action.notes)

        return self._once(action.node, action, members)

    def _reference(self, item: model.AssetRef | model.PartyRef) -> str | dict[str, Any]:
        node = self._node(item)
        return item.id if _is_plain(item) else node

    def _node(self, item: model.AssetRef | model.PartyRef) -> dict[str, Any]:
        if not item.id and not item.source:
            raise NotWritable("a party or asset without any identifier")
        if _is_plain(item):
            return self._once(item.id, None, tuple)

        def members() -> Iterator[tuple[str, Any]]:
            if item.collection:
                kind = "Asset" if isinstance(item, model.AssetRef) else "Party"
                yield "@type", f"odrl:{kind}Collection"
            yield from _name("odrl:source", item.source)
            yield from self._refinements(item)
            yield from _notes(item.notes)

        return self._once(item.id, item, members)

    def _refinements(self, item: model.Action | model.AssetRef | model.PartyRef) -> Members:
        return (("odrl:refinement", self._condition(part)) for part in item.refinements)

    def _condition(self, item: model.Condition) -> dict[str, Any]:
        if isinstance(item, model.Constraint):
            return self._once(item.id, item, partial(_constraint, item))
        return self._once(item.id, item, partial(self._logical, item))

    def _logical(self, item: model.LogicalConstraint) -> Iterator[tuple[str, Any]]:
        operands = [self._condition(part) for part in item.operands]
        if item.connective is model.Connective.AND_SEQUENCE:
            yield "andSequence", {"@list": operands}  # not an array, which has no order
        else:
            yield from ((item.connective.value, part) for part in operands)
        yield from _notes(item.notes)

    def _once(self, name: str, part: object, members: Callable[[], Members]) -> dict[str, Any]:
        """Return an object with its members, or a reference to it where it was written before."""
        if not name:
            return _object(members())
        if name not in self._written:
            self._written[name] = part
            return {"@id": name, **_object(members())}
        if self._written[name] != part:
            raise NotWritable("two different things of one name", node=name)
        return {"@id": name}


def _compact(rules: Sequence[model.Rule], shared: model.Common, node: str) -> Iterator[model.Rule]:
    """Yield the rules of which each stands for those that it is read as under what all share."""
    left = list(rules)
    while left:
        own = compact.stated_by(left[0])
        count, again = compact.expanded(own, shared, partial(replace, left[0]))
        if not 0 < count <= len(left) or list(again) != left[:count]:
            raise NotWritable("what inherited rules share differs in rules of its own", node=node)
        yield left[0]
        del left[:count]


def _is_plain(item: model.AssetRef | model.PartyRef) -> bool:
    return bool(item.id) and not (item.collection or item.source or item.refinements or item.notes)


def _constraint(item: model.Constraint) -> Iterator[tuple[str, Any]]:
    yield "leftOperand", _term(item.left)
    yield "operator", item.operator.value
    yield from (("rightOperand", _value(value)) for value in item.right)
    yield from (("odrl:rightOperandReference", {"@id": name}) for name in item.reference)
    yield from _name("odrl:unit", item.unit)
    yield from _name("odrl:dataType", item.datatype)
    if item.status:
        yield "odrl:status", _value(item.status)
    yield from _notes(item.notes)


def _name(key: str, name: str) -> Members:
    return [(key, {"@id": name})] if name else []


def _notes(notes: model.Notes) -> Iterator[tuple[str, Any]]:
    for name, value in notes:
        if name == RDF_TYPE and isinstance(value, model.Iri):
            yield "@type", value.value
        else:
            yield _term(name), _value(value)


def _value(value: model.Value) -> str | dict[str, Any]:
    if isinstance(value, model.Iri):
        return {"@id": value.value}
    if value.language:
        return {"@value": value.lexical, "@language": value.language}
    if value.datatype == XSD_STRING:
        return value.lexical or {"@value": ""}  # an empty text is a value, not nothing
    return {"@value": value.lexical, "@type": _term(value.datatype)}


def _object(members: Members) -> dict[str, Any]:
    """Return an object: a member's values in an array, or the one of those that are single."""
    found: dict[str, Any] = {}
    for name, value in members:
        found.setdefault(name, []).append(value)
    return {
        name: values[0] if len(values) == 1 and name in _SINGLE else values
        for name, values in found.items()
    }

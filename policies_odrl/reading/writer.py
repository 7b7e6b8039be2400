"""A policy to compact JSON-LD under the Dataspace Protocol's two contexts, and nothing else.

What the contexts do not define is written under a prefix that they do define, or as a full IRI.
Numbers and times travel as typed values: a bare JSON number fails the protocol's schemas. JSON
pointers of `Policy.rules` and `conditions` point into this form, unless one rule is written for
several (`_compact`). A part with an IRI is written where it comes first and named afterwards.
Source: DSP 2025-1, contract negotiation schemas; odrl-profile context; IM 2.7.1 and 2.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from policies_odrl import model
from policies_odrl.errors import NotWritable
from policies_odrl.reading import compact
from policies_odrl.reading.nodes import TERMS, WRITTEN, member, short

CONTEXTS: Final = (
    "https://w3id.org/dspace/2025/1/context.jsonld",
    "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
)

_SINGLE: Final = frozenset(
    ("dspace:timestamp", *map(member, TERMS["written as an array only if several"]))
)
_term = partial(short, prefixes=WRITTEN)
_KINDS: Final = frozenset({"Set", "Offer", "Agreement"})  # classes that the contexts define
Members = Iterable[tuple[str, Any]]
_Part = model.Rule | model.Condition | model.Action | model.Reference


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

    def members(self, policy: model.Policy) -> Members:
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
        for name in compact.GROUPS:
            rules: Iterable[model.Rule] = getattr(policy, name + "s")
            if policy.inherits:
                rules = _compact(rules, shared, policy.id)
            yield from ((name, self._part(rule)) for rule in rules)

    def _common(self, stated: model.Common) -> Members:
        for name in compact.WHOLE:
            yield from ((name, self._reference(item)) for item in getattr(stated, name + "s"))
        yield from (("action", self._action(item)) for item in stated.actions)
        yield from (("odrl:output", self._part(item)) for item in stated.outputs)
        yield from ((_term(name), self._part(item)) for name, item in stated.functions)
        for item in stated.unread:
            yield from ((_term(item.left), _value(value)) for value in item.right)

    def _action(self, action: model.Action) -> str | dict[str, Any]:
        if action.refinements or action.notes or action.node:
            return self._part(action)
        name = _term(action.id)
        return "use" if name == "odrl:use" else name  # the one action that the context defines

    def _reference(self, item: model.Reference) -> str | dict[str, Any]:
        written = self._part(item)
        return item.id if _is_plain(item) else written

    def _part(self, part: _Part) -> dict[str, Any]:
        """Return a part in full, or a reference to it where it was written before."""
        name = part.node if isinstance(part, model.Action) else part.id
        plain = isinstance(part, model.Reference) and _is_plain(part)
        if not name:
            return _object(self._members(part))
        if name not in self._written:
            self._written[name] = None if plain else part
            return {"@id": name, **_object(self._members(part))}
        if self._written[name] != (None if plain else part):
            raise NotWritable("two different things of one name", node=name)
        return {"@id": name}

    def _members(self, part: _Part) -> Members:
        match part:
            case model.Rule():
                yield from self._common(compact.stated_by(part))
                yield from (("constraint", self._part(item)) for item in part.constraints)
                for name, duties in model.duties_below(part):
                    yield from ((name, self._part(duty)) for duty in duties)
            case model.Constraint():
                yield from _comparison(part)
            case model.LogicalConstraint():
                operands = [self._part(item) for item in part.operands]
                ordered = part.connective is model.Connective.AND_SEQUENCE  # arrays have no order
                listed = [{"@list": operands}] if ordered else operands
                yield from ((part.connective.value, item) for item in listed)
            case model.Action():
                yield model.RDF_VALUE, {"@id": part.id}
            case _:
                if not part.id and not part.source:
                    raise NotWritable("a party or asset without any identifier")
                if part.collection:
                    kind = "Asset" if isinstance(part, model.AssetRef) else "Party"
                    yield "@type", f"odrl:{kind}Collection"
                yield from _name("odrl:source", part.source)
        if isinstance(part, model.Action | model.Reference):
            yield from (("odrl:refinement", self._part(item)) for item in part.refinements)
        yield from _notes(part.notes)


def _compact(rules: Iterable[model.Rule], shared: model.Common, node: str) -> Iterator[model.Rule]:
    """Yield the rules of which each stands for those that it is read as under what all share."""
    left = list(rules)
    while left:
        own = compact.stated_by(left[0])
        count, again = compact.expanded(own, shared, partial(replace, left[0]))
        if not 0 < count <= len(left) or list(again) != left[:count]:
            raise NotWritable("what inherited rules share differs in rules of its own", node=node)
        yield left[0]
        del left[:count]


def _is_plain(item: model.Reference) -> bool:
    return bool(item.id) and not (item.collection or item.source or item.refinements or item.notes)


def _comparison(item: model.Constraint) -> Members:
    yield "leftOperand", _term(item.left)
    yield "operator", item.operator.value
    yield from (("rightOperand", _value(value)) for value in item.right)
    yield from (("odrl:rightOperandReference", {"@id": name}) for name in item.reference)
    yield from (*_name("odrl:unit", item.unit), *_name("odrl:dataType", item.datatype))
    if item.status:
        yield "odrl:status", _value(item.status)


def _name(key: str, name: str) -> Members:
    return [(key, {"@id": name})] if name else []


def _notes(notes: model.Notes) -> Members:
    for name, value in notes:
        if name == model.RDF_TYPE and isinstance(value, model.Iri):
            yield "@type", value.value
        else:
            yield _term(name), _value(value)


def _value(value: model.Value) -> str | dict[str, Any]:
    if isinstance(value, model.Iri):
        return {"@id": value.value}
    if value.language:
        return {"@value": value.lexical, "@language": value.language}
    if value.datatype == model.XSD_STRING:
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

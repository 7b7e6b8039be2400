"""A policy to compact JSON-LD under the Dataspace Protocol's two contexts, and nothing else.

Rules: what the contexts do not define is written under a prefix they do define, or as a full IRI;
numbers and times travel as typed value objects, names as `{"@id": …}` (a bare JSON number fails
the protocol's schemas); arrays are never empty; without `@context` the same object may stand
inside a protocol message, whose scoped context means the same. JSON pointers of `Policy.rules` and
`conditions` point into this form, unless one rule is written for several (below). A part with an
IRI that several others share is written where it comes first and named afterwards, because one name
means one thing. What the policy states for its
rules is read as added to what a rule names itself (IM 2.7.1), so that it is written into the other
rules where one names something else; a policy that inherits states it for inherited rules too (IM
2.9), so that one rule is written for all that it is read as, and the policy is refused where its
own rules would change. That nothing is lost is checked by reading back
(`connector/jsonld/policy.py`).
Source: DSP 2025-1, contract negotiation schemas; odrl-profile context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from policies_odrl.errors import NotWritable
from policies_odrl.model import (
    ODRL,
    RDF_TYPE,
    RDF_VALUE,
    XSD,
    XSD_STRING,
    Action,
    AssetRef,
    Common,
    Condition,
    Connective,
    Constraint,
    Duty,
    Iri,
    LogicalConstraint,
    Notes,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Rule,
    Value,
    duties_below,
)
from policies_odrl.reading.compact import NOTHING_SHARED, Choices, shared_by, stated_by
from policies_odrl.reading.flat import short
from policies_odrl.vocabulary import DCT

CONTEXTS: Final = (
    "https://w3id.org/dspace/2025/1/context.jsonld",
    "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
)

_PREFIXES: Final = ((ODRL, "odrl:"), (XSD, "xsd:"), (DCT, "dct:"))
_term = partial(short, prefixes=_PREFIXES)
_PARTS: Final = ("target", "assigner", "assignee")
_R = TypeVar("_R", Permission, Prohibition, Duty)
_TERMS: Final = frozenset({"use"})  # the one action that the context defines
_KINDS: Final = frozenset({PolicyKind.SET, PolicyKind.OFFER, PolicyKind.AGREEMENT})  # and classes


def write(policy: Policy) -> dict[str, Any]:
    """Return the policy as JSON-LD.

    >>> reading = Permission(action=Action(ODRL + "read"))
    >>> policy = Policy(kind=PolicyKind.SET, id="urn:p", permissions=(reading,))
    >>> list(write(policy))
    ['@context', '@id', '@type', 'permission']

    Raises:
        NotWritable: it has no rule, a collection without any identifier, two different parts of
            one name, or it shares something with inherited rules but not with all its own.
    """
    document: dict[str, Any] = {"@context": list(CONTEXTS)}
    document.update(write_bare(policy))
    return document


def write_bare(policy: Policy) -> dict[str, Any]:
    """Return the policy without `@context`, to stand inside a protocol message.

    >>> reading = Permission(action=Action(ODRL + "read"))
    >>> policy = Policy(kind=PolicyKind.SET, id="urn:p", permissions=(reading,))
    >>> write_bare(policy)["permission"]
    [{'action': 'odrl:read'}]

    Raises:
        NotWritable: it has no rule, a collection without any identifier, two different parts of
            one name, or it shares something with inherited rules but not with all its own.
    """
    policy = _apart(policy)
    groups = (
        ("permission", policy.permissions),
        ("prohibition", policy.prohibitions),
        ("obligation", policy.obligations),
    )
    if not (any(rules for _, rules in groups) or policy.inherits or policy.replaced_by):
        raise NotWritable("a policy without rules", node=policy.id)
    writer = _Writer(policy)
    document: dict[str, Any] = {"@id": policy.id, "@type": _kind(policy.kind)}
    document["profile"] = _one_or_many(policy.profiles)
    shared = _shared(policy)
    document |= writer.common(shared)
    document["odrl:conflict"] = policy.conflict and {"@id": "odrl:" + policy.conflict.value}
    document["odrl:inheritFrom"] = [{"@id": item} for item in policy.inherits]
    document["dct:isReplacedBy"] = policy.replaced_by and {"@id": policy.replaced_by}
    document["dspace:timestamp"] = policy.timestamp and _timestamp(policy.timestamp)
    document |= _notes(policy.metadata)
    for name, rules in groups:
        stated = _compact(rules, shared, policy.id) if policy.inherits else rules
        document[name] = [writer.rule(rule) for rule in stated]
    return _without_empty(document)


def _shared(policy: Policy) -> Common:
    """Return what is written of the policy as a whole.

    One that inherits states it for the rules to come as well (IM 2.9), so that all of it is
    written; of others only what their rules do not hold yet (IM 2.7.1).
    """
    return shared_by(policy if policy.inherits else replace(policy, common=NOTHING_SHARED))


def _compact(rules: Sequence[Rule], shared: Common, node: str) -> tuple[Rule, ...]:
    """Return the rules of which each stands for those that it is read as under what all share.

    Raises:
        NotWritable: read again, they would be other rules.
    """
    left, found = list(rules), []
    while left:
        choices = Choices(stated_by(left[0]), shared)
        made = choices.count if choices.count <= len(left) else 0
        again = [replace(left[0], **row) for row in choices.rows()] if made else []
        if not again or again != left[:made]:
            raise NotWritable("what inherited rules share differs in rules of its own", node=node)
        found.append(left[0])
        del left[:made]
    return tuple(found)


def _apart(policy: Policy) -> Policy:
    """Return the policy with what it shares in its rules, where one of them names something else.

    One that inherits stays as it is, because the rules that it inherits share it too.
    """
    names = [name for name in _PARTS if _differs(policy, name)]
    if policy.inherits or not names:
        return policy
    shared = {name: getattr(policy, name) for name in names}
    parted = replace(
        policy,
        permissions=tuple(_with(rule, shared) for rule in policy.permissions),
        prohibitions=tuple(_with(rule, shared) for rule in policy.prohibitions),
        obligations=tuple(_with(rule, shared) for rule in policy.obligations),
    )
    nobody: dict[str, Any] = dict.fromkeys(names)
    return replace(parted, **nobody)


def _differs(policy: Policy, name: str) -> bool:
    shared = getattr(policy, name)
    own = [getattr(rule, name) for _, rule in policy.rules()]
    return shared is not None and any(item not in (None, shared) for item in own)


def _with(rule: _R, shared: dict[str, Any]) -> _R:
    """Return a rule that names what it shares; duties below it take what they lack from it."""
    return replace(rule, **{name: getattr(rule, name) or item for name, item in shared.items()})


class _Writer:
    """Writes the parts of one policy; remembers which names it gave away."""

    def __init__(self, policy: Policy) -> None:
        self._named: dict[str, object] = {policy.id: policy}

    def _once(self, name: str, part: object, body: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if not name:
            return _without_empty(body())
        if name not in self._named:
            self._named[name] = part
            return _without_empty({"@id": name, **body()})
        if self._named[name] != part:
            raise NotWritable("two different things of one name", node=name)
        return {"@id": name}

    def common(self, shared: Common) -> dict[str, Any]:
        document: dict[str, Any] = {
            "target": _one_or_many(tuple(map(self.reference, shared.targets))),
            "assigner": _one_or_many(tuple(map(self.reference, shared.assigners))),
            "assignee": _one_or_many(tuple(map(self.reference, shared.assignees))),
            "action": _one_or_many(tuple(map(self._action, shared.actions))),
            "odrl:output": [self._node(item) for item in shared.outputs],
        }
        document |= self._functions(shared.functions)
        return _added(document, unread=shared.unread)

    def _functions(self, functions: tuple[tuple[str, PartyRef], ...]) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for name, party in functions:
            document.setdefault(_term(name), []).append(self._node(party))
        return document

    def rule(self, rule: Rule) -> dict[str, Any]:
        return self._once(rule.id, rule, lambda: self._rule(rule))

    def _rule(self, rule: Rule) -> dict[str, Any]:
        document: dict[str, Any] = {
            "target": self.reference(rule.target),
            "assigner": self.reference(rule.assigner),
            "assignee": self.reference(rule.assignee),
            "action": self._action(rule.action),
            "odrl:output": rule.output and self._node(rule.output),
            "constraint": [self._condition(item) for item in rule.constraints],
        }
        document |= self._functions(rule.functions)
        for name, duties in duties_below(rule):
            document[name] = [self.rule(duty) for duty in duties]
        return _added(document, rule.notes, rule.unread)

    def _action(self, action: Action) -> str | dict[str, Any]:
        name = _term(action.id)
        if name.removeprefix("odrl:") in _TERMS:
            name = name.removeprefix("odrl:")
        if not (action.refinements or action.notes or action.node):
            return name
        return self._once(
            action.node,
            action,
            lambda: {
                RDF_VALUE: {"@id": action.id},
                "odrl:refinement": [self._condition(item) for item in action.refinements],
                **_notes(action.notes),
            },
        )

    def reference(self, item: AssetRef | PartyRef | None) -> str | dict[str, Any] | None:
        if item is None:
            return None
        return item.id if _is_plain(item) and self._node(item) else self._node(item)

    def _node(self, item: AssetRef | PartyRef) -> dict[str, Any]:
        if not item.id and not item.source:
            raise NotWritable("a party or asset without any identifier")
        part = None if _is_plain(item) else item
        return self._once(item.id, part, lambda: self._described(item))

    def _described(self, item: AssetRef | PartyRef) -> dict[str, Any]:
        kind = "Asset" if isinstance(item, AssetRef) else "Party"
        notes = _notes(item.notes)
        types = [f"odrl:{kind}Collection"] if item.collection else []
        return {
            "@type": [*types, *notes.pop("@type", [])],
            "odrl:source": item.source and {"@id": item.source},
            "odrl:refinement": [self._condition(part) for part in item.refinements],
            **notes,
        }

    def _condition(self, item: Condition) -> dict[str, Any]:
        if isinstance(item, LogicalConstraint):
            return self._once(item.id, item, lambda: self._logical(item))
        return self._once(item.id, item, lambda: _constraint(item))

    def _logical(self, item: LogicalConstraint) -> dict[str, Any]:
        operands: Any = [self._condition(part) for part in item.operands]
        if item.connective is Connective.AND_SEQUENCE:
            operands = {"@list": operands}
        return {item.connective.value: operands, **_notes(item.notes)}


def _kind(kind: PolicyKind) -> str:
    return kind.value if kind in _KINDS else f"odrl:{kind.value}"


def _is_plain(item: AssetRef | PartyRef) -> bool:
    return bool(item.id) and not (item.collection or item.source or item.refinements or item.notes)


def _constraint(item: Constraint) -> dict[str, Any]:
    return {
        "leftOperand": _term(item.left),
        "operator": item.operator.value,
        "rightOperand": _one_or_many(tuple(_value(value) for value in item.right)),
        "odrl:rightOperandReference": [{"@id": name} for name in item.reference],
        "odrl:unit": item.unit and {"@id": item.unit},
        "odrl:dataType": item.datatype and {"@id": item.datatype},
        "odrl:status": item.status and _value(item.status),
        **_notes(item.notes),
    }


def _added(
    document: dict[str, Any], notes: Notes = (), unread: tuple[Constraint, ...] = ()
) -> dict[str, Any]:
    """Return what is written of a rule or policy with what describes it and what is unread."""
    found = document | _notes(notes)
    for item in unread:
        name = _term(item.left)
        found[name] = [*(found.get(name) or ()), *map(_value, item.right)]
    return found


def _notes(notes: Notes) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in notes:
        if name == RDF_TYPE and isinstance(value, Iri):
            document.setdefault("@type", []).append(value.value)
        else:
            document.setdefault(_term(name), []).append(_value(value))
    return document


def _value(value: Value) -> str | dict[str, Any]:
    if isinstance(value, Iri):
        return {"@id": value.value}
    if value.language:
        return {"@value": value.lexical, "@language": value.language}
    if value.datatype == XSD_STRING:
        return value.lexical or {"@value": ""}  # an empty text is a value, not nothing
    return {"@value": value.lexical, "@type": _term(value.datatype)}


def _timestamp(text: str) -> dict[str, Any]:
    return {"@value": text, "@type": "xsd:dateTime"}


def _one_or_many(items: tuple[Any, ...]) -> Any:
    return items[0] if len(items) == 1 else list(items)


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value not in ("", None, [])}

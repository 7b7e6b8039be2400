"""A policy to compact JSON-LD under the Dataspace Protocol's two contexts, and nothing else.

Rules: what the contexts do not define is written under a prefix they do define, or as a full IRI;
numbers and times travel as typed value objects, names as `{"@id": …}` (a bare JSON number fails
the protocol's schemas); arrays are never empty; without `@context` the same object may stand
inside a protocol message, whose scoped context means the same. JSON pointers of `Policy.rules` and
`conditions` point into this form. That nothing is lost is checked by reading back
(`connector/jsonld/policy.py`).
Source: DSP 2025-1, contract negotiation schemas; odrl-profile context.
"""

from __future__ import annotations

from typing import Any, Final

from policies_odrl.errors import NotWritable
from policies_odrl.model import (
    ODRL,
    XSD,
    XSD_STRING,
    Action,
    AssetRef,
    Condition,
    Connective,
    Constraint,
    Iri,
    LogicalConstraint,
    PartyRef,
    Policy,
    Rule,
    Value,
    duties_below,
)
from policies_odrl.vocabulary import DCT

CONTEXTS: Final = (
    "https://w3id.org/dspace/2025/1/context.jsonld",
    "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
)
RDF_VALUE: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#value"

_PREFIXES: Final = ((ODRL, "odrl:"), (XSD, "xsd:"), (DCT, "dct:"))
_TERMS: Final = frozenset({"use"})  # the one action that the context defines


def write(policy: Policy) -> dict[str, Any]:
    """Return the policy as JSON-LD.

    Raises:
        NotWritable: it has no rule, or a collection without any identifier.
    """
    document: dict[str, Any] = {"@context": list(CONTEXTS)}
    document.update(write_bare(policy))
    return document


def write_bare(policy: Policy) -> dict[str, Any]:
    """Return the policy without `@context`, to stand inside a protocol message.

    Raises:
        NotWritable: it has no rule, or a collection without any identifier.
    """
    groups = (
        ("permission", policy.permissions),
        ("prohibition", policy.prohibitions),
        ("obligation", policy.obligations),
    )
    if not any(rules for _, rules in groups):
        raise NotWritable("a policy without rules", node=policy.id)
    document: dict[str, Any] = {"@id": policy.id, "@type": policy.kind.value}
    document["profile"] = _one_or_many(policy.profiles)
    document["target"] = _reference(policy.target)
    document["assigner"] = _reference(policy.assigner)
    document["assignee"] = _reference(policy.assignee)
    document["odrl:conflict"] = policy.conflict and {"@id": "odrl:" + policy.conflict.value}
    document["odrl:inheritFrom"] = [{"@id": item} for item in policy.inherits]
    document["dct:isReplacedBy"] = policy.replaced_by and {"@id": policy.replaced_by}
    document["dspace:timestamp"] = policy.timestamp and _timestamp(policy.timestamp)
    for name, value in policy.metadata:
        document.setdefault(_term(name), []).append(_value(value))
    document |= {name: [_rule(rule) for rule in rules] for name, rules in groups}
    return _without_empty(document)


def _rule(rule: Rule) -> dict[str, Any]:
    document: dict[str, Any] = {
        "@id": rule.id,
        "target": _reference(rule.target),
        "assigner": _reference(rule.assigner),
        "assignee": _reference(rule.assignee),
        "action": _action(rule.action),
        "odrl:output": rule.output and _node(rule.output),
        "constraint": [_condition(item) for item in rule.constraints],
    }
    for name, party in rule.functions:
        document.setdefault(_term(name), []).append(_node(party))
    for name, duties in duties_below(rule):
        document[name] = [_rule(duty) for duty in duties]
    return _without_empty(document)


def _action(action: Action) -> str | dict[str, Any]:
    name = _term(action.id)
    if name.removeprefix("odrl:") in _TERMS:
        name = name.removeprefix("odrl:")
    if not action.refinements:
        return name
    refinements = [_condition(item) for item in action.refinements]
    return {RDF_VALUE: {"@id": action.id}, "odrl:refinement": refinements}


def _reference(item: AssetRef | PartyRef | None) -> str | dict[str, Any] | None:
    if item is None:
        return None
    if item.id and not (item.collection or item.source or item.refinements):
        return item.id
    return _node(item)


def _node(item: AssetRef | PartyRef) -> dict[str, Any]:
    if not item.id and not item.source:
        raise NotWritable("a party or asset without any identifier")
    kind = "Asset" if isinstance(item, AssetRef) else "Party"
    return _without_empty(
        {
            "@id": item.id,
            "@type": f"odrl:{kind}Collection" if item.collection else "",
            "odrl:source": item.source and {"@id": item.source},
            "odrl:refinement": [_condition(part) for part in item.refinements],
        }
    )


def _condition(item: Condition) -> dict[str, Any]:
    if isinstance(item, LogicalConstraint):
        return _logical(item)
    return _constraint(item)


def _logical(item: LogicalConstraint) -> dict[str, Any]:
    operands: Any = [_condition(part) for part in item.operands]
    if item.connective is Connective.AND_SEQUENCE:
        operands = {"@list": operands}
    return _without_empty({"@id": item.id, item.connective.value: operands})


def _constraint(item: Constraint) -> dict[str, Any]:
    return _without_empty(
        {
            "@id": item.id,
            "leftOperand": _term(item.left),
            "operator": item.operator.value,
            "rightOperand": _one_or_many(tuple(_value(value) for value in item.right)),
            "odrl:rightOperandReference": [{"@id": name} for name in item.reference],
            "odrl:unit": item.unit and {"@id": item.unit},
            "odrl:dataType": item.datatype and {"@id": item.datatype},
            "odrl:status": item.status and _value(item.status),
        }
    )


def _value(value: Value) -> str | dict[str, Any]:
    if isinstance(value, Iri):
        return {"@id": value.value}
    if value.language:
        return {"@value": value.lexical, "@language": value.language}
    if value.datatype == XSD_STRING:
        return value.lexical
    return {"@value": value.lexical, "@type": _term(value.datatype)}


def _timestamp(text: str) -> dict[str, Any]:
    return {"@value": text, "@type": "xsd:dateTime"}


def _term(name: str) -> str:
    for namespace, prefix in _PREFIXES:
        if name.startswith(namespace):
            return prefix + name.removeprefix(namespace)
    return name


def _one_or_many(items: tuple[Any, ...]) -> Any:
    return items[0] if len(items) == 1 else list(items)


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value not in ("", None, [])}

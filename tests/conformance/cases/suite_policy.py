"""Policies of public suites, read with more patience than those that the node lives by.

Rules: terms that a policy uses and nobody declares are read as names or values of their kind, so
that a case is answered and not refused; a permission or prohibition without an action is about any
action, which ODRL itself does not allow (IM 2.6). Both are readings for comparisons only: the
node's own reader refuses such policies. A profile that is not known stops the reading here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import policies_odrl
from connector.errors import PolicyInvalid
from policies_odrl import Knowledge, OdrlError, Policy, PolicyKind
from policies_odrl.model import ODRL, XSD
from policies_odrl.reading.inventory import strange
from policies_odrl.vocabulary import ACTIONS, ALLOWED, DCT, OPERANDS, Kind, Operand

ANY: Final = "urn:preau:any-action"
_POLICIES: Final = frozenset(
    {ODRL + kind.value for kind in PolicyKind if kind is not PolicyKind.REQUEST} | {ODRL + "Policy"}
)
_RULES: Final = ("permission", "prohibition")
_ELSEWHERE: Final = frozenset({ODRL + "inheritFrom", DCT + "isReplacedBy"})
_VALUE: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#value"
_NUMBERS: Final = frozenset(XSD + name for name in ("integer", "decimal", "double", "float"))
_KINDS: Final = {
    XSD + "dateTime": Kind.INSTANT,
    XSD + "date": Kind.INSTANT,
    XSD + "duration": Kind.DURATION,
    **dict.fromkeys(_NUMBERS, Kind.NUMBER),
}
_ACTION: Final = ODRL + "action"
_ANY: Final = {"@id": ANY}
Nodes = Sequence[Mapping[str, Any]]


def policies_in(nodes: Nodes) -> list[str]:
    """Return the names of the policies in a document; requests are none."""
    return [str(node["@id"]) for node in nodes if not _POLICIES.isdisjoint(_types(node))]


def policy_of(nodes: Nodes, name: str) -> tuple[Policy, Knowledge]:
    """Return one policy of a document, and the terms that it uses and nobody declares.

    Args:
        nodes: flattened node objects.
        name: the policy.

    Raises:
        PolicyInvalid: it is not one that can be read.
    """
    own = _with_actions(_part(nodes, name), name)
    knowledge = _terms(own)
    try:
        policy = policies_odrl.read(own, knowledge, strict=True)
    except OdrlError as exc:
        raise PolicyInvalid(f"policy `{name}`: {exc}") from exc
    understood(policy, knowledge)
    return policy, knowledge


def understood(policy: Policy, knowledge: Knowledge) -> None:
    """Insist that a case can be answered.

    Raises:
        PolicyInvalid: the policy has no rule, or says something that nobody understands.
    """
    unknown = next(strange(policy, knowledge), "")
    if unknown:
        raise PolicyInvalid(f"policy `{policy.id}`: `{unknown}` is not known here")
    if not any(policy.rules()) and not (policy.inherits or policy.replaced_by):
        raise PolicyInvalid(f"policy `{policy.id}` has no rule")


def joined(knowledge: Knowledge, other: Knowledge) -> Knowledge:
    """Return the terms of two policies together."""
    return replace(
        knowledge,
        operands={**other.operands, **knowledge.operands},
        actions={**other.actions, **knowledge.actions},
    )


def _part(nodes: Nodes, name: str) -> list[Mapping[str, Any]]:
    """Return the nodes that a policy leads to; those of policies it refers to are left."""
    by_name = {str(node["@id"]): node for node in nodes}
    seen, stack = {name}, [name]
    while stack:
        node = by_name.get(stack.pop(), {})
        for key, values in node.items():
            if not key.startswith("@") and key not in _ELSEWHERE:
                found = {item for item in _names(values) if item not in seen}
                seen.update(found)
                stack.extend(found)
    return [node for node in nodes if str(node["@id"]) in seen]


def _with_actions(nodes: list[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """Return the nodes of a policy with an action for each permission and prohibition."""
    own = next((node for node in nodes if node["@id"] == name), {})
    if _ACTION in own:
        return nodes
    bare = set(_ids(own, *_RULES)) - {node["@id"] for node in nodes if _ACTION in node}
    found = {str(node["@id"]): node for node in nodes}
    found.update({item: {"@id": item, **found.get(item, {}), _ACTION: [_ANY]} for item in bare})
    return list(found.values())


def _terms(nodes: Nodes) -> Knowledge:
    operands: dict[str, Operand] = {}
    actions: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        for left in _ids(node, "leftOperand"):
            if left not in OPERANDS:
                kind = _kind(node)
                named = kind is Kind.IDENTITY
                operands[left] = Operand(left, kind, ALLOWED[kind], evidence=named)
    refined = {str(node["@id"]): _names(node[_VALUE]) for node in nodes if _VALUE in node}
    for node in nodes:
        for stated in _ids(node, "action"):
            for action in refined.get(stated) or [stated]:
                if action not in ACTIONS:
                    actions[action] = ()
    return Knowledge(operands=operands, actions=actions)


def _kind(node: Mapping[str, Any]) -> Kind:
    """Return the kind of an undeclared left operand, by what it is compared with."""
    types = {str(v.get("@type", "")) for v in node.get(ODRL + "rightOperand", []) if "@value" in v}
    kinds = {_KINDS.get(item, Kind.IDENTITY) for item in types}
    return kinds.pop() if len(kinds) == 1 else Kind.IDENTITY


def _names(values: Iterable[Mapping[str, Any]]) -> list[str]:
    found: list[str] = []
    stack = list(values)
    while stack:
        value = stack.pop()
        if "@list" in value:
            stack.extend(value["@list"])
        elif "@id" in value:
            found.append(str(value["@id"]))
    return found


def _ids(node: Mapping[str, Any], *properties: str) -> list[str]:
    return [item for name in properties for item in _names(node.get(ODRL + name, []))]


def _types(node: Mapping[str, Any]) -> set[str]:
    types = node.get("@type", [])
    return {types} if isinstance(types, str) else set(types)

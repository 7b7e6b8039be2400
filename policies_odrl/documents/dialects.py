"""Wrappers and dialects of others to the node map of ODRL, by a table (`dialects.json`).

What carries a policy (an EDC definition or request, a protocol message) is left aside. A term that
the table calls by a name of ODRL is read as that; the rest stays, and is not understood.
Source: IDS Information Model, model/contract; EDC management API; Gaia-X OVC profile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from policies_odrl.documents.contexts import IDS, is_absolute
from policies_odrl.documents.graphs import MAX_DEPTH, Node
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import loaded

_RULES: Final = tuple(ODRL + name for name in ("permission", "prohibition", "obligation"))
_PARTIES: Final = {IDS + "provider": ODRL + "assigner", IDS + "consumer": ODRL + "assignee"}
_BOUNDS: Final = {IDS + "contractStart": "gteq", IDS + "contractEnd": "lteq"}
_LATER: Final = IDS + "postDuty"
_OVC: Final = "ovc:"
_DEFINED: Final = "https://w3id.org/edc/v0.0.1/ns/policy"  # bears the name of its definition
_LITERAL: Final = frozenset({"@value", "@language"})


def translated(nodes: list[Node]) -> list[Node]:
    """Return node objects in the words of ODRL."""
    names, wrappers = _table()
    bare = [node for node in nodes if wrappers.isdisjoint(node) or _is_part(node, names)]
    around = [node for node in nodes if _DEFINED in node and not _is_part(node, names)]
    held = [(it.get("@id", ""), node["@id"]) for node in around for it in node[_DEFINED]]
    names = {**names, **{it: name for it, name in held if it.startswith("_:")}}
    return _of_ids(
        [renamed(_claim(_named(node, names)), lambda it: names.get(it, it)) for node in bare]
    )


@cache
def _table() -> tuple[Mapping[str, str], frozenset[str]]:
    """Return (name -> what ODRL calls it), and the properties by which a wrapper holds a policy."""
    data = loaded("documents/dialects.json")

    def full(short: str) -> str:
        prefix, _, name = short.partition(":")
        return str(data["prefixes"][prefix]) + name

    names = {full(name): full(ours) for name, ours in data["names"].items()}
    return names, frozenset(map(full, data["wrappers"]))


def _is_part(node: Node, names: Mapping[str, str]) -> bool:
    """Return whether a node that holds a policy says something of ODRL itself."""
    said = (*node, *node.get("@type", ()))
    return any(names.get(item, item).startswith(ODRL) for item in said)


def renamed(value: Any, rename: Callable[[str], str], depth: int = 0) -> Any:
    """Return a node object, or a part of one, with other names of nodes, classes, properties."""
    if depth > MAX_DEPTH:  # lists in lists: no policy has any
        return value
    if isinstance(value, str):
        return rename(value)
    if isinstance(value, list):
        return [renamed(item, rename, depth + 1) for item in value]
    if not isinstance(value, Mapping):
        return value
    found: Node = {}
    for key, item in value.items():
        ours, new = rename(key), item if key in _LITERAL else renamed(item, rename, depth + 1)
        found[ours] = [*found[ours], *new] if ours in found else new
    return found


def _named(node: Node, names: Mapping[str, str]) -> Node:
    return {
        key: [_as_name(value) for value in values] if key in names else values
        for key, values in node.items()
    }


def _as_name(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an address that is given as text as the name that it is."""
    plain = value.get("@value")
    typed = value.get("@type", XSD + "anyURI") == XSD + "anyURI" and "@language" not in value
    return {"@id": plain} if typed and isinstance(plain, str) and is_absolute(plain) else value


def _claim(node: Node) -> Node:
    """Return a Gaia-X constraint on a claim of a credential with the claim as its left operand."""
    path, subject = _text(node, "leftOperand"), _text(node, "credentialSubjectType")
    if not path:
        return node
    rest = {key: item for key, item in node.items() if not key.startswith(_OVC)}
    return {**rest, ODRL + "leftOperand": [{"@id": f"{_OVC}{subject}{path}".replace(" ", "")}]}


def _text(node: Node, name: str) -> str:
    values = node.get(_OVC + name, ())
    plain = values[0].get("@value") if len(values) == 1 else ""
    return plain if isinstance(plain, str) else ""


def _of_ids(nodes: list[Node]) -> list[Node]:
    """Return contracts of IDS, their terms already those of ODRL, with ODRL's structure."""
    by_name = {node["@id"]: node for node in nodes}
    made: list[Node] = []

    def named(node: Node, name: str) -> list[Node]:
        names = [value.get("@id") for value in node.get(name, ())]
        return [by_name[item] for item in names if item in by_name]

    def constrain(rule: Node, left: str, operator: str, value: Mapping[str, Any]) -> None:
        it = {"@id": f"_:dialect{len(made)}", ODRL + "rightOperand": [value]}
        it[ODRL + "leftOperand"] = [{"@id": ODRL + left}]
        it[ODRL + "operator"] = [{"@id": ODRL + operator}]
        made.append(it)
        rule[ODRL + "constraint"] = [*rule.get(ODRL + "constraint", ()), {"@id": it["@id"]}]

    for node in nodes:
        rules = [rule for name in _RULES for rule in named(node, name)]
        if rules:
            _set_parties(node, rules)
        for name, operator in _BOUNDS.items() if rules else ():
            for value in node.pop(name, ()):
                for rule in named(node, _RULES[0]):
                    constrain(rule, "dateTime", operator, value)
        for duty in named(node, _LATER):
            constrain(duty, "event", "gt", {"@id": ODRL + "policyUsage"})
        if _LATER in node:
            node[ODRL + "duty"] = [*node.get(ODRL + "duty", ()), *node.pop(_LATER)]
    return [*nodes, *made]


def _set_parties(node: Node, rules: list[Node]) -> None:
    """Read the parties of a contract as those of its rules that name none."""
    for name, ours in _PARTIES.items():
        if name not in node or ours in node:
            continue
        named = [_as_name(value) for value in node[name]]
        if any(ours in rule for rule in rules):
            for rule in rules:
                rule.setdefault(ours, named)
        else:
            node[ours] = named
            del node[name]

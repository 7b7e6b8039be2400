"""Wrappers and dialects of others to the node map of ODRL, by a table (`dialects.json`).

Rules: what carries a policy (an EDC policy definition or contract request, a protocol message) is
left aside, and the policy in it is read; a term that the table calls by a name of ODRL is read as
that; the rest stays, and is not understood. IDS contracts: provider and consumer are the parties of
rules that name none; a `postDuty` is due after the use; start and end bound what is permitted.
Source: IDS Information Model, model/contract; EDC management API; Gaia-X OVC profile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from policies_odrl.documents.iri import is_absolute
from policies_odrl.documents.names import IDS
from policies_odrl.model import ODRL, XSD

Node = dict[str, Any]

_RULES: Final = tuple(ODRL + name for name in ("permission", "prohibition", "obligation"))
_PARTIES: Final = {IDS + "provider": ODRL + "assigner", IDS + "consumer": ODRL + "assignee"}
_BOUNDS: Final = {IDS + "contractStart": "gteq", IDS + "contractEnd": "lteq"}
_OVC: Final = "ovc:"


def translated(nodes: list[Node]) -> list[Node]:
    """Return node objects in the words of ODRL; the same list where they are already.

    >>> use = "https://w3id.org/idsa/code/USE"
    >>> translated([{"@id": "_:r", IDS + "action": [{"@id": use}]}])
    [{'@id': '_:r', 'http://www.w3.org/ns/odrl/2/action': [{'@id': \
'http://www.w3.org/ns/odrl/2/use'}]}]

    Args:
        nodes: as `sources.py` makes them.
    """
    names, wrappers = table()
    used = {key for node in nodes for key in node} | set(_names_in(nodes))
    if used.isdisjoint(names.keys() | wrappers | _PARTIES.keys() | {IDS + "postDuty"}):
        return nodes
    bare = [node for node in nodes if wrappers.isdisjoint(node) or _is_part(node, names)]
    return _Ids([_renamed(_claim(node), names) for node in bare]).odrl()


@cache
def table() -> tuple[Mapping[str, str], frozenset[str]]:
    """Return (name -> what ODRL calls it), and the properties by which a wrapper holds a policy."""
    text = files("policies_odrl").joinpath("documents", "dialects.json").read_text("utf-8")
    data = json.loads(text)

    def full(short: str) -> str:
        prefix, _, name = short.partition(":")
        return str(data["prefixes"][prefix]) + name

    names = {full(name): full(ours) for name, ours in data["names"].items()}
    return MappingProxyType(names), frozenset(map(full, data["wrappers"]))


def _names_in(value: Any) -> Iterator[str]:
    """Yield the names that values and classes name."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, Mapping):
            yield from map(
                str, item.get("@type", ()) if isinstance(item.get("@type"), list) else ()
            )
            yield str(item.get("@id", ""))
            stack.extend(part for key, part in item.items() if key not in {"@id", "@type"})


def _is_part(node: Node, names: Mapping[str, str]) -> bool:
    """Return whether a node that holds a policy says something of ODRL itself."""
    said = [*node, *node.get("@type", ())]
    return any(names.get(item, item).startswith(ODRL) for item in said)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, Mapping):
        return value
    found: Node = {}
    for key, item in value.items():
        if key == "@type" and isinstance(item, list):
            found[key] = [names.get(name, name) for name in item]
        elif key == "@id":
            found[key] = names.get(item, item)
        elif key.startswith("@") and key != "@list":
            found[key] = item
        else:
            ours = names.get(key, key)
            new = _renamed(item, names)
            if ours == ODRL + "profile" or (key.startswith(IDS) and ours.startswith(ODRL)):
                new = [_as_name(part) for part in new]
            found[ours] = [*found.get(ours, []), *new] if ours != "@list" else new
    return found


def _as_name(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an address that is given as text as the name that it is."""
    plain = value.get("@value")
    typed = value.get("@type", XSD + "anyURI") == XSD + "anyURI" and "@language" not in value
    return {"@id": plain} if typed and isinstance(plain, str) and is_absolute(plain) else value


def _claim(node: Node) -> Node:
    """Return a Gaia-X constraint on a claim of a credential with the claim as its left operand."""
    path, subject = (
        _text(node.get(_OVC + name)) for name in ("leftOperand", "credentialSubjectType")
    )
    if not path:
        return node
    rest = {key: item for key, item in node.items() if not key.startswith(_OVC)}
    return {**rest, ODRL + "leftOperand": [{"@id": f"{_OVC}{subject}{path}".replace(" ", "")}]}


def _text(values: Any) -> str:
    plain = values[0].get("@value") if isinstance(values, list) and len(values) == 1 else ""
    return plain if isinstance(plain, str) else ""


class _Ids:
    """Contracts of IDS, once their terms are those of ODRL."""

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str)}
        self._all = nodes
        self._made: list[Node] = []

    def odrl(self) -> list[Node]:
        """Return the nodes in the words of ODRL."""
        for node in self._all:
            rules = [rule for name in _RULES for rule in self._of(node, name)]
            if rules:
                self._parties(node, rules)
                self._bounds(node)
            for duty in self._of(node, IDS + "postDuty"):
                self._constrain(duty, "event", "gt", {"@id": ODRL + "policyUsage"})
            later = node.pop(IDS + "postDuty", [])
            if later:
                node[ODRL + "duty"] = [*node.get(ODRL + "duty", []), *later]
        return [*self._all, *self._made]

    def _of(self, node: Node, name: str) -> list[Node]:
        named = [value.get("@id") for value in node.get(name, ()) if isinstance(value, Mapping)]
        return [self._nodes[item] for item in named if item in self._nodes]

    def _parties(self, node: Node, rules: list[Node]) -> None:
        """Read the parties of a contract as those of its rules that name none."""
        for name, ours in _PARTIES.items():
            if name not in node or ours in node:
                continue
            named = [_as_name(value) for value in node[name]]
            if not any(ours in rule for rule in rules):
                node[ours] = named
                del node[name]
            for rule in rules if ours not in node else ():
                rule.setdefault(ours, named)

    def _bounds(self, node: Node) -> None:
        for name, operator in _BOUNDS.items():
            for value in node.pop(name, []):
                for rule in self._of(node, _RULES[0]):
                    self._constrain(rule, "dateTime", operator, value)

    def _constrain(self, rule: Node, left: str, operator: str, value: Mapping[str, Any]) -> None:
        name = f"_:dialect{len(self._made)}"
        self._made.append(
            {
                "@id": name,
                ODRL + "leftOperand": [{"@id": ODRL + left}],
                ODRL + "operator": [{"@id": ODRL + operator}],
                ODRL + "rightOperand": [value],
            }
        )
        rule[ODRL + "constraint"] = [*rule.get(ODRL + "constraint", []), {"@id": name}]

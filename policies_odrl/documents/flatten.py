"""Expanded JSON-LD to a flat list of node objects, in time proportional to its size.

Rules: each node stands once, with all that is said of it, in order of appearance; blank nodes are
named `_:b0`, `_:b1` …; the same value twice is one value, except in a list; a node of which nothing
is said is left out; named graphs and reverse properties are refused, because the node map of one
graph cannot hold them. pyld does the same, but compares every value of a property with every other.
Source: JSON-LD 1.1 API, sections 7.1 and 7.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policies_odrl.errors import IllFormed

_OWN: Final = frozenset({"@id", "@type"})


def flattened(expanded: list[Any]) -> list[dict[str, Any]]:
    """Return the node objects of an expanded document.

    >>> flattened([{"@id": "urn:a", "urn:p": [{"urn:q": [{"@value": 1}]}]}])
    [{'@id': 'urn:a', 'urn:p': [{'@id': '_:b0'}]}, {'@id': '_:b0', 'urn:q': [{'@value': 1}]}]

    Args:
        expanded: what pyld's `expand` gives; nested no deeper than the document was.

    Raises:
        IllFormed: a named graph, a reverse property, or a value that is neither text nor a number.
    """
    graph = _Graph()
    for item in expanded:
        graph.node(item)
    return [node for node in graph.nodes.values() if len(node) > 1]


class _Graph:
    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self._seen: dict[tuple[str, str], set[object]] = {}
        self._blank: dict[str, str] = {}

    def node(self, body: Mapping[str, Any]) -> dict[str, str]:
        """Add a node object; return a reference to it."""
        name = self._name(body.get("@id"))
        node = self.nodes.setdefault(name, {"@id": name})
        for item in body.get("@type", ()):
            self._add(node, "@type", self._name(item) if item.startswith("_:") else item)
        for key, values in body.items():
            if key in _OWN:
                continue
            if key.startswith("@"):
                raise IllFormed("`{name}` is not accepted here", name=key)
            node.setdefault(key, [])
            for value in values:
                self._add(node, key, self._value(value))
        return {"@id": name}

    def _add(self, node: dict[str, Any], key: str, value: Any) -> None:
        known = self._seen.setdefault((node["@id"], key), set())
        mark = _mark(value)
        if mark is None or mark not in known:
            known.add(mark)
            node.setdefault(key, []).append(value)

    def _value(self, value: Mapping[str, Any]) -> dict[str, Any]:
        if "@value" in value:
            if not isinstance(value["@value"], str | int | float):
                raise IllFormed("a value must be text, a number or a truth value")
            return dict(value)
        if "@list" in value:
            return {"@list": [self._value(item) for item in value["@list"]]}
        return self.node(value)

    def _name(self, name: str | None) -> str:
        if name is not None and not name.startswith("_:"):
            return name
        if name is None:
            name = f" {len(self._blank)}"  # no label of a document holds a space
        return self._blank.setdefault(name, f"_:b{len(self._blank)}")


def _mark(value: Any) -> object:
    """Return what two equal values have in common; None for a list, which equals no other."""
    if isinstance(value, str):
        return value
    if "@list" in value:
        return None
    return tuple((key, type(value[key]), value[key]) for key in sorted(value))

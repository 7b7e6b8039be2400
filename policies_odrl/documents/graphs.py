"""Expanded JSON-LD, or triples, to a node map: a flat list of node objects.

Each node stands once, with all that is said of it, in order of appearance; the same value twice is
one value, except in a list. What the node map of one graph cannot hold is refused. pyld is no help:
it compares each value with every other.
Source: JSON-LD 1.1 API, sections 7.1, 7.2 and 8; RDF 1.1 Concepts, section 3; RDF 1.1 Schema, 5.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from policies_odrl.documents.contexts import is_absolute, is_language, meant
from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.model import RDF, RDF_TYPE, XSD_STRING

MAX_TRIPLES: Final = 100_000
MAX_DEPTH: Final = 64  # RDF lists inside lists

_OWN: Final = frozenset({"@id", "@type"})
_CELL: Final = (RDF + "first", RDF + "rest")
_NIL: Final = RDF + "nil"

Node = dict[str, Any]
Nodes = list[Node]
Reading = tuple[str, str, str]  # text that was read as a name: property, text, name


class _Graph:
    """Node objects as they are gathered, and how blank nodes were renamed."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self.nodes: dict[str, Node] = {}
        self._seen: dict[tuple[str, str], set[str]] = {}
        self._blank: dict[str, str] = {}

    def node(self, name: str) -> Node:
        if name not in self.nodes:
            self.nodes[name] = {"@id": name}
        return self.nodes[name]

    def blank(self, label: str | None) -> str:
        if label is None:
            label = f" {len(self._blank)}"  # no label of a document holds a space
        if label not in self._blank:
            self._blank[label] = f"_:b{len(self._blank)}"
        return self._blank[label]

    def add(self, node: Node, key: str, value: Any) -> None:
        held = node.setdefault(key, [])
        if held:
            place = (node["@id"], key)
            if place not in self._seen:  # most properties have one value
                self._seen[place] = set(map(_mark, held))
            known, mark = self._seen[place], _mark(value)
            if mark in known and "@list" not in value:  # a list equals no other value
                return
            known.add(mark)
        held.append(value)

    def refer(self, body: Mapping[str, Any]) -> dict[str, str]:
        """Add a node object; return a reference to it."""
        name = self._name(body["@id"], own=True) if "@id" in body else self.blank(None)
        node = self.node(name)
        for item in body.get("@type", ()):
            self.add(node, "@type", self._name(item))
        for key in [it for it in body if it not in _OWN]:
            if key.startswith("@"):
                raise IllFormed("`{name}` is not accepted here", name=key)
            self._name(key)
            node.setdefault(key, [])
            for value in body[key]:
                self.add(node, key, self._value(value))
        return {"@id": name}

    def _value(self, value: Mapping[str, Any]) -> Node:
        if "@list" in value:
            return {"@list": [self._value(item) for item in value["@list"]]}
        if "@value" not in value:
            return self.refer(value)
        if not isinstance(value["@value"], str | int | float):
            raise IllFormed("a value must be text, a number or a truth value")
        if not is_language(value.get("@language", "en")):
            raise IllFormed("a language tag that is not one")
        if "@type" in value:
            self._name(value["@type"])
        return dict(value)

    def _name(self, name: str, *, own: bool = False) -> str:
        """Return a name as it stands in the node map."""
        if name.startswith("_:"):
            return self.blank(name)
        if is_absolute(name) if self._strict else (name.isprintable() and name) or not own:
            return name
        raise IllFormed("`{name}` is not an absolute name", name=name[:200])


def _mark(value: Any) -> str:
    """Return text that is equal for equal values."""
    return value if isinstance(value, str) else repr(sorted(value.items()))


def flattened(expanded: list[Any], *, strict: bool = False) -> Nodes:
    """Return the node objects of an expanded document.

    Unless `strict`, identifiers need not be absolute: they may be the author's own.

    Raises:
        IllFormed: a named graph, a reverse property, a value that is neither text nor a number, or
            a name or language that is none.
    """
    graph = _Graph(strict=strict)
    for item in expanded:
        graph.refer(item)
    return [node for node in graph.nodes.values() if len(node) > 1]


def node_map(statements: Iterable[Any], *, strict: bool) -> tuple[Nodes, list[Reading]]:
    """Return the node objects of triples, as pyoxigraph gives them, with RDF lists as `@list`.

    Unless `strict`, text is read as the name that it stands for, and what was so is returned, too.

    Raises:
        IllFormed: something that the node map cannot hold.
        LimitExceeded: more triples than are read.
    """
    graph = _Graph(strict=strict)
    seen: set[object] = set()
    readings: list[Reading] = []
    for statement in statements:
        seen.add(statement)
        if len(seen) > MAX_TRIPLES:
            raise LimitExceeded("Turtle of more than {limit} triples", limit=MAX_TRIPLES)
        node = graph.node(_named(statement.subject, graph))
        key = statement.predicate.value
        if key == RDF_TYPE:
            graph.add(node, "@type", _named(statement.object, graph))
            continue
        value = _stated(statement.object, graph)
        text = "" if strict or len(value) > 1 else value.get("@value")
        name = meant(key, text) if text else ""
        if name:
            readings.append((key, value["@value"], name))
        graph.add(node, key, {"@id": name} if name else value)
    return list(_folded(graph.nodes)), readings


def _named(term: Any, graph: _Graph) -> str:
    kind = type(term).__name__
    if kind == "NamedNode":
        return str(term.value)
    if kind != "BlankNode":
        raise IllFormed("a class or subject must be an IRI or a blank node")
    return graph.blank(term.value)


def _stated(term: Any, graph: _Graph) -> dict[str, str]:
    if type(term).__name__ != "Literal":
        return {"@id": _named(term, graph)}
    if term.direction is not None:
        raise IllFormed("text with a base direction is not accepted here")
    if term.language is not None:
        return {"@value": term.value, "@language": term.language.lower()}
    datatype = term.datatype.value
    return {"@value": term.value} | ({} if datatype == XSD_STRING else {"@type": datatype})


def _folded(nodes: dict[str, Node]) -> Iterator[Node]:
    """Yield the nodes with their lists."""
    if _NIL in nodes:
        raise IllFormed("`rdf:nil` with properties of its own")
    cells = {name: node for name, node in nodes.items() if not node.keys().isdisjoint(_CELL)}
    left = dict(cells)

    def fold(value: dict[str, Any], depth: int = 1) -> Node:
        name = value.get("@id", "")
        if name != _NIL and name not in cells:
            return value
        if depth > MAX_DEPTH:
            raise IllFormed("RDF lists nested deeper than {limit}", limit=MAX_DEPTH)
        items = []
        while name != _NIL:
            # INVARIANT: each cell is a blank node that exactly one triple refers to: it is taken
            # once, and what is left in the end is a cycle or hangs loose.
            cell = left.pop(name, {}) if name.startswith("_:") else {}
            first, rest = (cell.get(key, ()) for key in _CELL)
            if (len(cell), len(first), len(rest)) != (3, 1, 1):
                raise IllFormed("an RDF list that is malformed or shared")
            items.append(fold(first[0], depth + 1))
            name = rest[0].get("@id", "")
        return {"@list": items}

    for name, node in nodes.items():
        if name not in cells:
            yield {
                key: values if key in _OWN else [fold(value) for value in values]
                for key, values in node.items()
            }
    if left:
        raise IllFormed("an RDF list that is cyclic, or that nothing refers to")

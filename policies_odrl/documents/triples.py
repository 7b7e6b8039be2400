"""Triples to the node map that JSON-LD flattens to, RDF lists folded into `@list`.

Rules: what the node map cannot hold is refused: triples about triples, a base direction, a list
that is malformed, shared or cyclic. Triples are counted while they are parsed.
Source: RDF 1.1 Concepts, section 3; RDF 1.1 Schema, section 5.2; JSON-LD 1.1 API, section 8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.model import RDF, XSD

MAX_TRIPLES: Final = 100_000
MAX_QUOTES: Final = 256  # marks of a triple about a triple; the parser nests them natively
MAX_DEPTH: Final = 64  # lists inside lists

_FIRST: Final = RDF + "first"
_REST: Final = RDF + "rest"
_NIL: Final = RDF + "nil"

Body = dict[str, list[Any]]


def node_map(statements: Iterable[Any], quotes: int = 0) -> list[dict[str, Any]]:
    """Return the node objects that statements make up, in order of appearance.

    Args:
        statements: as pyoxigraph gives them.
        quotes: how often the text begins a triple about a triple.

    Raises:
        IllFormed: something that the node map cannot hold.
        LimitExceeded: more triples than are read.
    """
    if quotes > MAX_QUOTES:
        raise IllFormed("triples about triples are not accepted here")
    folded = _Lists(_bodies(statements)).folded()
    return [{"@id": name, **body} for name, body in folded.items()]


def _bodies(statements: Iterable[Any]) -> dict[str, Body]:
    """Return subject -> its properties, duplicates left out."""
    terms = _Terms()
    bodies: dict[str, Body] = {}
    seen: set[object] = set()
    for statement in statements:
        if statement in seen:
            continue
        seen.add(statement)
        if len(seen) > MAX_TRIPLES:
            raise LimitExceeded("Turtle of more than {limit} triples", limit=MAX_TRIPLES)
        body = bodies.setdefault(terms.name(statement.subject), {})
        predicate = statement.predicate.value
        if predicate == RDF + "type":
            body.setdefault("@type", []).append(terms.name(statement.object))
        else:
            body.setdefault(predicate, []).append(terms.value(statement.object))
    return bodies


class _Terms:
    """Terms of the parser as JSON-LD has them; remembers how blank nodes were renamed."""

    def __init__(self) -> None:
        self._blank: dict[str, str] = {}

    def name(self, term: Any) -> str:
        kind = type(term).__name__
        if kind == "NamedNode":
            return str(term.value)
        if kind != "BlankNode":
            raise IllFormed("a class or subject must be an IRI or a blank node")
        return self._blank.setdefault(term.value, f"_:b{len(self._blank)}")

    def value(self, term: Any) -> dict[str, str]:
        if type(term).__name__ != "Literal":
            return {"@id": self.name(term)}
        if term.direction is not None:
            raise IllFormed("text with a base direction is not accepted here")
        if term.language is not None:
            return {"@value": term.value, "@language": term.language.lower()}
        datatype = term.datatype.value
        if datatype == XSD + "string":
            return {"@value": term.value}
        return {"@value": term.value, "@type": datatype}


class _Lists:
    """RDF lists of a graph, folded into `@list` (RDF 1.1 Schema, section 5.2).

    # INVARIANT: each cell is a blank node that exactly one triple refers to, so that a walk from
    outside visits it once at most, and what the walk does not visit is a cycle or hangs loose.
    """

    def __init__(self, bodies: dict[str, Body]) -> None:
        self._bodies = bodies
        self._cells = {name for name, body in bodies.items() if _FIRST in body or _REST in body}
        self._visited = 0

    def folded(self) -> dict[str, Body]:
        self._check()
        found = {
            name: {key: self._values(key, values) for key, values in body.items()}
            for name, body in self._bodies.items()
            if name not in self._cells
        }
        if self._visited != len(self._cells):
            raise IllFormed("an RDF list that is cyclic, or that nothing refers to")
        return found

    def _check(self) -> None:
        if _NIL in self._bodies:
            raise IllFormed("`rdf:nil` with properties of its own")
        if not self._cells:
            return
        referred = Counter(
            value["@id"]
            for body in self._bodies.values()
            for key, values in body.items()
            if key != "@type"
            for value in values
            if "@id" in value
        )
        for name in self._cells:
            body = self._bodies[name]
            whole = set(body) == {_FIRST, _REST} and all(len(item) == 1 for item in body.values())
            if not (whole and name.startswith("_:") and referred[name] == 1):
                raise IllFormed("an RDF list that is malformed or shared")

    def _values(self, key: str, values: list[Any]) -> list[Any]:
        return values if key == "@type" else [self._value(item, 1) for item in values]

    def _value(self, value: dict[str, str], depth: int) -> dict[str, Any]:
        name = value.get("@id")
        if name != _NIL and name not in self._cells:
            return value
        if depth > MAX_DEPTH:
            raise IllFormed("RDF lists nested deeper than {limit}", limit=MAX_DEPTH)
        items = []
        while name != _NIL:
            if name not in self._cells:
                raise IllFormed("an RDF list that does not end in `rdf:nil`")
            self._visited += 1
            cell = self._bodies[name]
            items.append(self._value(cell[_FIRST][0], depth + 1))
            name = cell[_REST][0].get("@id")
        return {"@list": items}

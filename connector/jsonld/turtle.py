"""Turtle to the node map that JSON-LD flattens to, and back.

Rules: IRIs are absolute (the document may declare its own `@base`); blank nodes are named `_:b0`,
`_:b1` … in order of appearance; an RDF list becomes `{"@list"}`, and one that is malformed, shared,
cyclic or hangs from nothing is refused; triples about triples and base directions have no place in
the node map and are refused; bytes, triples and nesting are bounded. Literals keep their lexical
form and datatype; language tags come in lower case, as from expanded JSON-LD. Writing gives the
same bytes for the same nodes. pyoxigraph is imported on first use, so that a node that reads no
Turtle does not hold it. What the terms mean is left to `policies_odrl`.
Source: RDF 1.1 Turtle; RDF 1.1 Concepts, section 3; JSON-LD 1.1 API, sections 7 and 8.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from connector.errors import Malformed, MessageTooLarge
from connector.jsonld.canonical import MAX_DEPTH
from connector.jsonld.iri import is_absolute, is_language

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_TRIPLES: Final = 100_000
MAX_QUOTES: Final = 256  # marks of a triple about a triple; the parser nests them natively
MAX_INLINE: Final = 16  # levels of `[ … ]` when writing; deeper nodes are written by label

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
_FIRST: Final = RDF + "first"
_REST: Final = RDF + "rest"
_NIL: Final = RDF + "nil"
_BLANK: Final = re.compile(r"_:[A-Za-z0-9_]+")
_LOCAL: Final = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
_ESCAPES: Final = {
    **{code: f"\\u{code:04X}" for code in (*range(0x20), 0x7F)},
    **{ord(char): "\\" + name for char, name in zip('\\"\n\r\t', '\\"nrt', strict=True)},
}

Body = dict[str, list[Any]]


def turtle_nodes(data: bytes | str, *, limit: int = MAX_BYTES) -> list[dict[str, Any]]:
    """Return the node objects of a Turtle document, in order of appearance.

    >>> turtle_nodes(b'<urn:a> <urn:p> "x" .')
    [{'@id': 'urn:a', 'urn:p': [{'@value': 'x'}]}]

    Args:
        data: the document.
        limit: bytes that are read at most.

    Raises:
        Malformed: not Turtle, a relative IRI, or something that the node map cannot hold.
        MessageTooLarge: more bytes or triples than are read.
    """
    try:
        raw = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError as exc:
        raise Malformed("Turtle that is not Unicode text") from exc
    if len(raw) > limit:
        raise MessageTooLarge(f"Turtle of {len(raw)} bytes is over the limit of {limit}")
    if raw.count(b"<<") > MAX_QUOTES:
        raise Malformed("triples about triples are not accepted here")
    bodies = _bodies(raw)
    folded = _Lists(bodies).folded()
    return [{"@id": name, **body} for name, body in folded.items()]


def _bodies(raw: bytes) -> dict[str, Body]:
    """Return subject -> its properties, duplicates left out."""
    terms = _Terms()
    bodies: dict[str, Body] = {}
    seen: set[object] = set()
    for statement in terms.statements(raw):
        if statement in seen:
            continue
        seen.add(statement)
        if len(seen) > MAX_TRIPLES:
            raise MessageTooLarge(f"Turtle of more than {MAX_TRIPLES} triples")
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
        self._turtle = import_module("pyoxigraph")
        self._blank: dict[str, str] = {}

    def statements(self, raw: bytes) -> Iterator[Any]:
        turtle = self._turtle
        try:
            yield from turtle.parse(raw, format=turtle.RdfFormat.TURTLE)
        except (SyntaxError, ValueError) as exc:
            where = f" in line {exc.lineno}" if isinstance(exc, SyntaxError) else ""
            raise Malformed(f"not well-formed Turtle{where}") from exc

    def name(self, term: Any) -> str:
        if isinstance(term, self._turtle.NamedNode):
            return str(term.value)
        if not isinstance(term, self._turtle.BlankNode):
            raise Malformed("a class or subject must be an IRI or a blank node")
        return self._blank.setdefault(term.value, f"_:b{len(self._blank)}")

    def value(self, term: Any) -> dict[str, str]:
        if not isinstance(term, self._turtle.Literal):
            return {"@id": self.name(term)}
        if term.direction is not None:
            raise Malformed("text with a base direction is not accepted here")
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
            raise Malformed("an RDF list that is cyclic, or that nothing refers to")
        return found

    def _check(self) -> None:
        if _NIL in self._bodies:
            raise Malformed("`rdf:nil` with properties of its own")
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
                raise Malformed("an RDF list that is malformed or shared")

    def _values(self, key: str, values: list[Any]) -> list[Any]:
        return values if key == "@type" else [self._value(item, 1) for item in values]

    def _value(self, value: dict[str, str], depth: int) -> dict[str, Any]:
        name = value.get("@id")
        if name != _NIL and name not in self._cells:
            return value
        if depth > MAX_DEPTH:
            raise Malformed(f"RDF lists nested deeper than {MAX_DEPTH}")
        items = []
        while name != _NIL:
            if name not in self._cells:
                raise Malformed("an RDF list that does not end in `rdf:nil`")
            self._visited += 1
            cell = self._bodies[name]
            items.append(self._value(cell[_FIRST][0], depth + 1))
            name = cell[_REST][0].get("@id")
        return {"@list": items}


def turtle_bytes(nodes: Sequence[Mapping[str, Any]], prefixes: Mapping[str, str]) -> bytes:
    """Return node objects as Turtle: in the order given, one-time blank nodes in place.

    >>> found = turtle_bytes([{"@id": "urn:a", "@type": ["urn:x#T"]}], {"x": "urn:x#"})
    >>> found.decode().splitlines()
    ['@prefix x: <urn:x#> .', '', '<urn:a> a x:T .']

    Args:
        nodes: flattened node objects, each with its own `@id`.
        prefixes: prefix -> namespace; those that are used are declared.

    Raises:
        Malformed: something has no Turtle form.
    """
    writer = _Writer(nodes, prefixes)
    blocks = list(writer.blocks())
    head = "".join(f"@prefix {name}: <{prefixes[name]}> .\n" for name in sorted(writer.used))
    try:
        return "\n".join(part for part in (head, *blocks) if part).encode()
    except UnicodeEncodeError as exc:
        raise Malformed("text that is not Unicode") from exc


class _Writer:
    def __init__(self, nodes: Sequence[Mapping[str, Any]], prefixes: Mapping[str, str]) -> None:
        self._nodes = {str(node.get("@id", "")): node for node in nodes}
        if len(self._nodes) != len(nodes):
            raise Malformed("each node needs its own `@id`")
        self._prefixes = sorted(prefixes.items(), key=lambda item: (-len(item[1]), item[0]))
        self.used: set[str] = set()
        self._referred = referred = Counter(name for node in nodes for name in _referred(node))
        self._inline = {
            name for name in self._nodes if name.startswith("_:") and referred[name] == 1
        }
        self._written: set[str] = set()

    def blocks(self) -> Iterator[str]:
        """Yield what stands on its own first, then what was too deep or lies on a cycle."""
        for name in [item for item in self._nodes if item not in self._inline]:
            yield self._block(name)
        for name in self._nodes:
            if name not in self._written:
                self._inline.discard(name)
                yield self._block(name)

    def _block(self, name: str) -> str:
        self._written.add(name)
        lines = self._lines(self._nodes[name], 1)
        return f"{self._name(name)} {' ;'.join(lines).lstrip()} .\n" if lines else ""

    def _lines(self, node: Mapping[str, Any], depth: int) -> list[str]:
        indent = "\n" + "    " * depth
        lines = []
        types = node.get("@type", [])
        types = [types] if isinstance(types, str) else types
        if types:
            lines.append(f"{indent}a {', '.join(self._name(item) for item in types)}")
        for name, values in node.items():
            if not name.startswith("@") and values:
                objects = ", ".join(self._value(item, depth) for item in values)
                lines.append(f"{indent}{self._name(name)} {objects}")
        return lines

    def _value(self, value: Any, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise Malformed(f"lists nested deeper than {MAX_DEPTH}")
        if not isinstance(value, Mapping):
            raise Malformed("a value must be an object")
        if "@list" in value:
            return f"( {''.join(self._value(item, depth + 1) + ' ' for item in value['@list'])})"
        if "@value" in value:
            return self._literal(value)
        return self._node(str(value.get("@id", "")), depth)

    def _node(self, name: str, depth: int) -> str:
        if name.startswith("_:") and name not in self._nodes and self._referred[name] == 1:
            return "[]"  # nothing is said of it
        if name not in self._inline or name in self._written or depth > MAX_INLINE:
            return self._name(name)
        self._written.add(name)
        lines = self._lines(self._nodes[name], depth + 1)
        return f"[{' ;'.join(lines)}{chr(10)}{'    ' * depth}]" if lines else "[]"

    def _literal(self, value: Mapping[str, Any]) -> str:
        plain, datatype = _native(value)
        text = f'"{plain.translate(_ESCAPES)}"'
        language = value.get("@language")
        if language is not None:
            if not is_language(str(language)):
                raise Malformed("a language tag that is not one")
            return f"{text}@{language}"
        return text if datatype == XSD + "string" else f"{text}^^{self._name(datatype)}"

    def _name(self, name: str) -> str:
        if name.startswith("_:") and _BLANK.fullmatch(name):
            return name
        for prefix, namespace in self._prefixes:
            if name.startswith(namespace) and _LOCAL.fullmatch(name[len(namespace) :]):
                self.used.add(prefix)
                return f"{prefix}:{name[len(namespace) :]}"
        if not is_absolute(name):
            raise Malformed(f"`{name[:200]}` is not an absolute name")
        return f"<{name}>"


def _native(value: Mapping[str, Any]) -> tuple[str, str]:
    """Return the lexical form and the datatype of a value object."""
    plain: Any = value["@value"]
    if isinstance(plain, bool):
        own = "boolean"
    elif isinstance(plain, int | float):
        own = "integer" if isinstance(plain, int) else "double"
    elif isinstance(plain, str):
        own = "string"
    else:
        raise Malformed("a value must be text, a number or a truth value")
    text = str(plain).lower() if own == "boolean" else str(plain)
    return text, str(value.get("@type", XSD + own))


def _referred(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names that a node refers to, as often as it does; classes count too."""
    types = node.get("@type", [])
    yield from [types] if isinstance(types, str) else types
    stack = [item for name, values in node.items() if not name.startswith("@") for item in values]
    while stack:
        value = stack.pop()
        if "@list" in value:
            stack.extend(value["@list"])
        elif "@id" in value:
            yield str(value["@id"])

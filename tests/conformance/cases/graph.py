"""Statements of a document, looked up by the local names of classes and properties.

The files of public suites call the same thing by several names (`ex:sotw`, `sotw:SotW`,
`odrl-fs:currentTime`), and the W3C draft declares its own illustrative. So classes and properties
are found here by what stands after the last `#`, `/` or `:`, whatever comes before; values keep
their whole names. Rules: JSON is read as statements without any context being fetched, names are
completed from the prefixes below and those that the file declares; walking is bounded by what the
document holds and never recursive on its own content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connector.jsonld.canonical import parse
from policies_odrl import Iri, Literal
from policies_odrl.model import ODRL, XSD, Value
from policies_odrl.vocabulary import DCT
from tests.conformance.reports.nodes import REPORT

PREFIXES: Final[Mapping[str, str]] = {
    "odrl": ODRL,
    "xsd": XSD,
    "dct": DCT,
    "dcterms": DCT,
    "report": REPORT,
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "sotw": "https://w3id.org/force/sotw#",
    "odrl-fs": "https://w3id.org/odrl-fs#",
}
_ID: Final = ("@id", "id", "uid")
_TYPE: Final = ("@type", "type")
_LOCAL: Final = re.compile(r"[^#/:]*\Z")
_COMPACT: Final = re.compile(r"([A-Za-z][\w.-]*):(?!//)(.+)", re.ASCII | re.DOTALL)


def local(name: str) -> str:
    """Return what stands after the last `#`, `/` or `:` of a name.

    >>> local("https://w3id.org/force/sotw#currentTime"), local("odrl:read")
    ('currentTime', 'read')
    """
    found = _LOCAL.search(name)
    return found.group() if found else name


@dataclass(slots=True)
class Statements:
    """What is said about one thing.

    Attributes:
        types: names of its classes.
        values: local name of a property -> values, in order.
    """

    types: list[str] = field(default_factory=list)
    values: dict[str, list[Value]] = field(default_factory=dict)


class Graph:
    """The things that a document speaks of, and what it says about them."""

    def __init__(self, things: Mapping[str, Statements]) -> None:
        self.things = things

    @staticmethod
    def of_nodes(nodes: Iterable[Mapping[str, Any]]) -> Graph:
        """Return the graph of flattened node objects."""
        things: dict[str, Statements] = {}
        for node in nodes:
            thing = things.setdefault(str(node["@id"]), Statements())
            types = node.get("@type", [])
            thing.types.extend([types] if isinstance(types, str) else types)
            for name, values in node.items():
                if not name.startswith("@"):
                    thing.values.setdefault(local(name), []).extend(_flat(values))
        return Graph(things)

    @staticmethod
    def of_json(data: bytes) -> Graph:
        """Return the graph of a JSON document, read as statements.

        Raises:
            Malformed: not JSON, or nested too deep.
        """
        return _JsonReader().graph(parse(data))

    def of_class(self, *names: str) -> list[str]:
        """Return the things of a class given by local name, in order."""
        return [
            name
            for name, thing in self.things.items()
            if any(local(item) in names for item in thing.types)
        ]

    def types(self, thing: str) -> list[str]:
        """Return the classes of a thing."""
        return self.things[thing].types if thing in self.things else []

    def values(self, thing: str, *properties: str) -> list[Value]:
        """Return the values of properties given by local names."""
        known = self.things.get(thing)
        return [v for name in properties for v in known.values.get(name, [])] if known else []

    def iris(self, thing: str, *properties: str) -> list[str]:
        """Return names of things among the values; text that reads as a name counts."""
        return [named(value) for value in self.values(thing, *properties)]

    def one(self, thing: str, *properties: str) -> str:
        """Return the first name among the values, or an empty string."""
        return next(iter(self.iris(thing, *properties)), "")

    def reachable(self, start: str) -> set[str]:
        """Return a thing and all that it leads to."""
        seen, stack = {start}, [start]
        while stack:
            thing = self.things.get(stack.pop())
            for value in (v for values in thing.values.values() for v in values) if thing else ():
                if isinstance(value, Iri) and value.value not in seen:
                    seen.add(value.value)
                    stack.append(value.value)
        return seen


def named(value: Value) -> str:
    """Return a value as the name of a thing."""
    return value.value if isinstance(value, Iri) else complete(value.lexical, PREFIXES)


def complete(name: str, prefixes: Mapping[str, str]) -> str:
    """Return a name with its prefix written out, where the prefix is known."""
    found = _COMPACT.fullmatch(name)
    return prefixes[found[1]] + found[2] if found and found[1] in prefixes else name


def _flat(values: Iterable[Mapping[str, Any]]) -> Iterator[Value]:
    stack = list(values)[::-1]
    while stack:
        value = stack.pop()
        if "@list" in value:
            stack.extend(reversed(value["@list"]))
        elif "@id" in value:
            yield Iri(str(value["@id"]))
        else:
            yield _literal(value["@value"], value, {})


def _literal(plain: object, value: Mapping[str, Any], prefixes: Mapping[str, str]) -> Literal:
    if isinstance(plain, bool):
        text, native = str(plain).lower(), "boolean"
    elif isinstance(plain, int | float):
        text, native = str(plain), "integer" if isinstance(plain, int) else "double"
    else:
        text, native = str(plain), "string"
    datatype = complete(str(value.get("@type") or XSD + native), prefixes)
    return Literal(text, datatype, str(value.get("@language") or ""))


class _JsonReader:
    """Turns nested objects into things; objects without a name get a blank one."""

    def __init__(self) -> None:
        self._things: dict[str, Statements] = {}
        self._blank = 0
        self._prefixes: dict[str, str] = {}

    def graph(self, document: Any) -> Graph:
        for value in document if isinstance(document, list) else [document]:
            if isinstance(value, dict):
                self._declare(value.get("@context"))
        self._values(document)
        return Graph(self._things)

    def _declare(self, context: Any) -> None:
        for part in context if isinstance(context, list) else [context]:
            if isinstance(part, dict):
                found = {k: v for k, v in part.items() if isinstance(v, str) and v[-1:] in "#/:"}
                self._prefixes.update(found)
        self._prefixes.update(PREFIXES)

    def _values(self, value: Any) -> list[Value]:
        """Return the values that a JSON value stands for; depth is bounded by the parser."""
        if isinstance(value, list):
            return [found for item in value for found in self._values(item)]
        if not isinstance(value, dict):
            text = complete(value, self._prefixes) if isinstance(value, str) else value
            return [] if value is None else [_literal(text, {}, self._prefixes)]
        if "@value" in value:
            return [_literal(value["@value"], value, self._prefixes)]
        for name in ("@list", "@set", "@graph"):
            if name in value and _first(value, _ID) is None:
                return self._values(value[name])
        return [self._thing(value)]

    def _thing(self, value: Mapping[str, Any]) -> Value:
        name, types = _first(value, _ID), _texts(_first(value, _TYPE))
        classes = [complete(item, self._prefixes) for item in types]
        if name is not None and classes and all(item.startswith(XSD) for item in classes):
            return Literal(str(name), classes[0])  # `{"@id": "1300", "@type": "xsd:integer"}`
        if name is None:
            self._blank += 1
        full = f"_:j{self._blank}" if name is None else complete(str(name), self._prefixes)
        thing = self._things.setdefault(full, Statements())
        thing.types.extend(classes)
        for key, item in value.items():
            if key not in {*_ID, *_TYPE, "@context"}:
                thing.values.setdefault(local(key), []).extend(self._values(item))
        return Iri(full)


def _first(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((value[name] for name in names if name in value), None)


def _texts(value: Any) -> list[str]:
    return [
        item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)
    ]

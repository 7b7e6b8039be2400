"""Node objects of flattened JSON-LD, read property by property.

Rule: a node remembers which of its properties were asked for; what is left over is given back, so
that nothing is dropped. Shapes that flattening never makes are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from policies_odrl.errors import IllFormed
from policies_odrl.model import ODRL, RDF_TYPE, XSD, XSD_STRING, Literal
from policies_odrl.vocabulary import DCT, PREAU

MAX_TYPES: Final = 16  # classes of one node

Values = Sequence[Mapping[str, Any]]
Left = list[tuple[str, Values]]  # (property, values) that nobody asked for

_NAME: Final = re.compile(r"(?!_:)\S+")
_T = TypeVar("_T")


class Node:
    """A node object with the properties that were asked for; the rest must be empty."""

    __slots__ = ("_asked", "_body", "id", "types")

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self._asked = {"@id", "@type"}
        self.id = str(body.get("@id", ""))
        types = body.get("@type", [])
        self.types = [str(item) for item in (types if isinstance(types, list) else [types])]
        if len(self.types) > MAX_TYPES:
            raise IllFormed("more than {limit} classes", limit=MAX_TYPES, node=self.id)

    @property
    def body(self) -> Mapping[str, Any]:
        """The node object as it is."""
        return self._body

    @property
    def iri(self) -> str:
        """Its IRI; empty for a blank node."""
        return "" if self.id.startswith("_:") else self.id

    def name(self) -> str:
        """Return its IRI, or what `odrl:uid` states for a blank node; empty when neither is there.

        JSON-LD reads `uid` as the node's own name; Turtle keeps it as a property.

        Raises:
            IllFormed: the node is called one thing and `uid` says another (IM 2.1: one uid).
        """
        stated = set(self.iris(ODRL + "uid", text=True))
        if stated - {self.iri} and (self.iri or len(stated) > 1):
            raise IllFormed("`uid` differs from the node's own identifier", node=self.id)
        return self.iri or next(iter(stated), "")

    def all(self, name: str) -> list[Mapping[str, Any]]:
        """Return the values of a property.

        Raises:
            IllFormed: they are not a list of objects.
        """
        self._asked.add(name)
        return objects(self._body.get(name, []), name, self.id)

    def ids(self, name: str) -> list[str]:
        """Return the names of the nodes that a property refers to.

        Raises:
            IllFormed: a value is not a node.
        """
        found = [value.get("@id") for value in self.all(name)]
        if not all(isinstance(item, str) for item in found):
            raise IllFormed("`{name}` must name a node", name=short(name), node=self.id)
        return [str(item) for item in found]

    def iris(self, name: str, *, text: bool = False) -> list[str]:
        """Return IRIs, given as such or, as the ODRL context has it for some, as xsd:anyURI.

        Args:
            name: property.
            text: whether plain text will do as well.

        Raises:
            IllFormed: a value is neither.
        """
        kinds = {XSD + "anyURI", XSD_STRING if text else XSD + "anyURI"}
        found = []
        for value in self.all(name):
            item = value.get("@id")
            if item is None and value.get("@type", XSD_STRING) in kinds:
                item = value.get("@value")
            if not isinstance(item, str) or not _NAME.fullmatch(item):
                raise IllFormed("`{name}` must be an IRI", name=short(name), node=self.id)
            found.append(item)
        return found

    def one_id(self, name: str) -> str:
        """Return the one name that a property refers to, or an empty string.

        Raises:
            IllFormed: there are several, or a value is not a node.
        """
        return at_most_one(self.ids(name), name, self.id) or ""

    def one_iri(self, name: str) -> str:
        """Return the one IRI that a property states, or an empty string.

        Raises:
            IllFormed: there are several, or a value is not an IRI.
        """
        return at_most_one(self.iris(name), name, self.id) or ""

    def properties(self) -> set[str]:
        """Return the names of its properties."""
        return set(self._body) - {"@id", "@type"}

    def left(self, types: Sequence[str]) -> Left:
        """Return what nobody asked for: (property, values); a class is a value of `rdf:type`.

        Args:
            types: local names of the ODRL classes that it has.

        Raises:
            IllFormed: the values of a property are not a list of objects.
        """
        known = {ODRL + name for name in types}
        classes: Values = [{"@id": item} for item in self.types if item not in known]
        rest = sorted(self.properties() - self._asked)
        found: Left = [(RDF_TYPE, classes), *((name, self.all(name)) for name in rest)]
        return [(name, values) for name, values in found if values]


def objects(values: object, name: str, node: str) -> list[Mapping[str, Any]]:
    """Return the values of a property or list.

    Raises:
        IllFormed: they are not a list of objects.
    """
    if not isinstance(values, list) or not all(
        type(item) is dict or isinstance(item, Mapping) for item in values
    ):
        raise IllFormed("`{name}` is not in flattened form", name=short(name), node=node)
    return values


def literal(plain: str | float, value: Mapping[str, Any], node: str) -> Literal:
    """Return a value object as a literal; JSON numbers get their native datatype.

    Raises:
        IllFormed: its datatype or language is not text.
    """
    native = "string" if isinstance(plain, str) else "integer"
    if isinstance(plain, float):
        native = "double"
    datatype, language = value.get("@type", XSD + native), value.get("@language", "")
    if not isinstance(datatype, str) or not isinstance(language, str):
        raise IllFormed("a value of no datatype", node=node)
    return Literal(str(plain), datatype, language)


def at_most_one(values: Sequence[_T], name: str, node: str) -> _T | None:
    """Return the only value, or None.

    Raises:
        IllFormed: there are several.
    """
    if len(values) > 1:
        raise IllFormed("`{name}` may be stated once only", name=short(name), node=node)
    return values[0] if values else None


_PREFIXES: Final = ((ODRL, "odrl:"), (PREAU, "preau:"), (DCT, "dct:"))


def short(name: str, prefixes: Sequence[tuple[str, str]] = _PREFIXES) -> str:
    """Return an IRI with its prefix, by default the usual one."""
    for namespace, prefix in prefixes:
        if name.startswith(namespace):
            return prefix + name.removeprefix(namespace)
    return name

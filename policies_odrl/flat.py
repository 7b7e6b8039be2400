"""Node objects of flattened JSON-LD, read property by property.

Rule: a node remembers which of its properties were asked for; what is left over is unknown and is
refused, so that nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from policies_odrl.errors import IllFormed, UnknownTerm
from policies_odrl.model import ODRL, XSD, XSD_STRING, Literal
from policies_odrl.vocabulary import DCT, PREAU

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

    @property
    def iri(self) -> str:
        """Its IRI; empty for a blank node."""
        return "" if self.id.startswith("_:") else self.id

    def all(self, name: str) -> list[Mapping[str, Any]]:
        """Return the values of a property.

        Raises:
            IllFormed: they are not a list of objects.
        """
        self._asked.add(name)
        values = self._body.get(name, [])
        if not isinstance(values, list) or not all(isinstance(v, Mapping) for v in values):
            raise IllFormed(f"`{short(name)}` is not in flattened form", node=self.id)
        return values

    def ids(self, name: str) -> list[str]:
        """Return the names of the nodes that a property refers to.

        Raises:
            IllFormed: a value is not a node.
        """
        found = [value.get("@id") for value in self.all(name)]
        if not all(isinstance(item, str) for item in found):
            raise IllFormed(f"`{short(name)}` must name a node", node=self.id)
        return [str(item) for item in found]

    def references(self, name: str) -> list[str]:
        """Return names given as IRIs or, as the ODRL context has it, as xsd:anyURI.

        Raises:
            IllFormed: a value is neither.
        """
        found = [value.get("@id") or _any_uri(value) for value in self.all(name)]
        if not all(isinstance(item, str) for item in found):
            raise IllFormed(f"`{short(name)}` must be an IRI", node=self.id)
        return [str(item) for item in found]

    def one_id(self, name: str) -> str:
        """Return the one name that a property refers to, or an empty string.

        Raises:
            IllFormed: there are several, or a value is not a node.
        """
        return at_most_one(self.ids(name), name, self.id) or ""

    def properties(self) -> set[str]:
        """Return the names of its properties."""
        return set(self._body) - {"@id", "@type"}

    def only(self, types: Sequence[str]) -> None:
        """Insist that nothing is left over.

        Raises:
            UnknownTerm: a property that nobody asked for, or a class beside `types`.
        """
        rest = sorted(self.properties() - self._asked)
        if rest:
            raise UnknownTerm(f"`{short(rest[0])}` means nothing here", node=self.id)
        strange = [item for item in self.types if item not in {ODRL + name for name in types}]
        if strange:
            raise UnknownTerm(f"class `{short(strange[0])}` means nothing here", node=self.id)


def literal(plain: str | float, value: Mapping[str, Any]) -> Literal:
    """Return a value object as a literal; JSON numbers get their native datatype."""
    datatype = value.get("@type")
    language = str(value.get("@language", ""))
    if isinstance(plain, str):
        return Literal(plain, str(datatype or XSD_STRING), language)
    native = "integer" if isinstance(plain, int) else "double"
    return Literal(str(plain), str(datatype or XSD + native))


def _any_uri(value: Mapping[str, Any]) -> object:
    return value.get("@value") if value.get("@type") == XSD + "anyURI" else None


def at_most_one(values: Sequence[_T], name: str, node: str) -> _T | None:
    """Return the only value, or None.

    Raises:
        IllFormed: there are several.
    """
    if len(values) > 1:
        raise IllFormed(f"`{short(name)}` may be stated once only", node=node)
    return values[0] if values else None


def short(name: str) -> str:
    """Return an IRI with its usual prefix."""
    for namespace, prefix in ((ODRL, "odrl:"), (PREAU, "preau:"), (DCT, "dct:")):
        if name.startswith(namespace):
            return prefix + name.removeprefix(namespace)
    return name

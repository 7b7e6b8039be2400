"""A node of flattened JSON-LD: its properties, their values, and what is wrong with them.

A fault carries the code of its finding (`checking/findings.json`) and its JSON pointer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from policies_odrl.documents.contexts import SPACE
from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.model import ODRL, RDF_JSON, XSD, XSD_STRING, Iri, Literal, Value
from policies_odrl.vocabulary import DCT, PREAU, expanded, loaded

if TYPE_CHECKING:
    from policies_odrl.checking.findings import Term
    from policies_odrl.reading.walk import Walk

MAX_DEPTH: Final = 24  # logical constraints, refinements, duties below one another
MAX_TEXT: Final = 64 * 1024  # characters of one literal
MAX_BITS: Final = 1024  # of a number that JSON gives as one

REFERENCE: Final = ODRL + "rightOperandReference"
WRITTEN: Final = ((ODRL, "odrl:"), (XSD, "xsd:"), (DCT, "dct:"))  # prefixes of the written form
_PREFIXES: Final = ((ODRL, "odrl:"), (PREAU, "preau:"), (DCT, "dct:"))
_NAME: Final = re.compile(r"(?!_:)\S+")
_OWN: Final = frozenset({"@id", "@type"})
# Use of terms of policies -> the terms.
TERMS: Final = {
    use: tuple(map(expanded, names.split())) for use, names in loaded("reading/terms.json").items()
}
_UNPREFIXED: Final = frozenset(TERMS["written without prefix"])
_SINGLE: Final = frozenset(TERMS["written as an array only if several"])
_T = TypeVar("_T")
Body = Mapping[str, Any]


class Count(Enum):
    """What is counted, as often as it is used, and how many there may be."""

    RULES = 12_000
    CONSTRAINTS = 40_000
    VALUES = 100_000
    NOTES = 20_000
    __hash__ = object.__hash__  # members are single objects; the hash by name is slower


class Node:
    """A node object with the properties that were asked for, and its JSON pointer."""

    __slots__ = ("asked", "body", "id", "path", "types", "walk")

    def __init__(self, body: Body, walk: Walk, path: str = "") -> None:
        self.body = body
        self.walk = walk
        self.path = path
        self.id = str(body.get("@id", ""))
        self.types = types_of(body)
        self.asked = set(_OWN)

    @property
    def iri(self) -> str:
        """Its IRI; empty for a blank node."""
        return "" if self.id.startswith("_:") else self.id

    def name(self) -> str:
        """Return its IRI, or what `odrl:uid` states for a blank node, as in Turtle; or nothing."""
        stated = set(self.iris(ODRL + "uid", text=True))
        others = stated - {self.iri}
        if others and (self.iri or len(stated) > 1):  # IM 2.1: one uid
            terms = ("uid-differs", max(others), self.id)
            self.refuse("`uid` differs from the node's own identifier", *terms)
        return self.iri or next(iter(stated), "")

    def refuse(
        self, template: str, code: str = "unreadable", *terms: Term, at: str = "", **slots: str
    ) -> None:
        """End the reading by a fault of this node, or report it."""
        error = IllFormed(template, node=self.id, **slots)
        self.walk.refuse(error, code, *terms, path=at or self.path)

    def note(self, code: str, *terms: Term, at: str = "") -> None:
        """Report what is read all the same."""
        if self.walk.report is not None:
            self.walk.report.note(at or self.path, code, *terms)

    def term(self, kind: str, term: str, at: str = "") -> None:
        """Report a term of a kind, unless it is known."""
        if self.walk.report is not None and term:
            self.walk.report.term(at or self.path, kind, term)

    def at(self, name: str, index: int | None = None) -> str:
        """Return the JSON pointer of a property, or of one of its values, for a report."""
        if self.walk.report is None:
            return ""
        path = f"{self.path}/{member(name).replace('~', '~0').replace('/', '~1')}"
        return path if index is None else f"{path}/{index}"

    def excused(self, name: str) -> bool:
        """Return whether a property is stated, if with faults, which were reported."""
        return self.walk.report is not None and bool(self.body.get(name))

    def properties(self) -> set[str]:
        """Return the names of its properties."""
        return set(self.body) - _OWN

    def all(self, name: str) -> list[Body]:
        """Return the values of a property."""
        self.asked.add(name)
        return self.objects(self.body[name], name) if name in self.body else []

    def objects(self, values: object, name: str) -> list[Body]:
        """Return the values of a property or of a list, which are objects."""
        listed = values if isinstance(values, list) else []
        found = [item for item in listed if isinstance(item, Mapping)]
        if listed is not values or len(found) != len(listed):
            self.refuse("`{name}` is not in flattened form", name=short(name))
        return found

    def entries(self, name: str) -> Iterator[tuple[str | None, str, Body]]:
        """Yield (name of the node or None, JSON pointer, value) of a property."""
        values = self.all(name)
        alone = len(values) == 1 and name in _SINGLE
        for index, value in enumerate(values):
            item = value.get("@id")
            path = self.at(name, None if alone else index)
            yield item if isinstance(item, str) else None, path, value

    def places(self, name: str) -> list[tuple[str, str]]:
        """Return (name, JSON pointer) of the nodes that a property refers to."""
        found = []
        for item, path, value in self.entries(name):
            if item is None:
                error = IllFormed("`{name}` must name a node", name=short(name), node=self.id)
                self._no_name(error, name, value)
            else:
                found.append((item, path))
        return found

    def ids(self, name: str) -> list[str]:
        """Return the names of the nodes that a property refers to."""
        return [item for item, _ in self.places(name)]

    def each(self, name: str, build: Callable[[Node], _T], *what: Count) -> tuple[_T, ...]:
        """Return what `build` makes of each node that a property of ODRL refers to."""
        places = self.places(ODRL + name)
        for count in what if self.walk.report is None else ():  # a report reads each node once
            self.walk.afford(count, len(places))
        return self.walk.each(places, build)

    def iris(self, name: str, *, text: bool = False) -> list[str]:
        """Return IRIs, given as such, as xsd:anyURI (ODRL context), or if `text`, as plain text."""
        kinds = (XSD + "anyURI", XSD_STRING if text else XSD + "anyURI")
        found = []
        for value in self.all(name):
            item = value.get("@id")
            if item is None and value.get("@type", XSD_STRING) in kinds:
                item = value.get("@value")
            if isinstance(item, str) and _NAME.fullmatch(item):
                found.append(item)
                continue
            error = IllFormed("`{name}` must be an IRI", name=short(name), node=self.id)
            if isinstance(item, str):
                self.walk.refuse(error, "unreadable", path=self.path)
            else:
                self._no_name(error, name, value)
        return found

    def _no_name(self, error: IllFormed, name: str, value: Body) -> None:
        text, report = str(value.get("@value", "")), self.walk.report
        terms = (short(name), text, short(report.meant(name, text)) if report else "")
        at = self.path if name == REFERENCE else self.at(name)
        self.walk.refuse(error, "text-for-term", *terms, path=at)

    def one_id(self, name: str) -> str:
        """Return the one name that a property refers to, or an empty string."""
        return self.at_most_one(self.ids(name), name) or ""

    def one_iri(self, name: str) -> str:
        """Return the one IRI that a property states, or an empty string."""
        return self.at_most_one(self.iris(name), name) or ""

    def at_most_one(
        self, values: Sequence[_T], name: str, code: str = "stated-twice", *terms: Term
    ) -> _T | None:
        """Return the only value of a property, or None."""
        if len(values) > 1:
            term = short(name)
            self.refuse("`{name}` may be stated once only", code, *terms or (term,), name=term)
        return values[0] if values else None

    def value(self, value: Body) -> Value:
        """Return an IRI or literal; JSON numbers get their native datatype."""
        self.walk.pay(Count.VALUES)
        name, plain, native = value.get("@id"), value.get("@value"), "string"
        if structured(value):
            return self.whole(value)
        if isinstance(name, str):
            return Iri(name)
        if isinstance(plain, bool):
            return Literal(json.dumps(plain), XSD + "boolean")
        if isinstance(plain, float):
            native = "double"
            if not math.isfinite(plain):
                self.refuse("a number must be finite")
        elif isinstance(plain, int):
            native = "integer"
            if plain.bit_length() > MAX_BITS:
                raise LimitExceeded(
                    "a number of more than {limit} bits", limit=MAX_BITS, node=self.id
                )
        elif not isinstance(plain, str):
            self.refuse("a value must be an IRI, text or a number")
        datatype, language = value.get("@type", XSD + native), value.get("@language", "")
        if not isinstance(datatype, str) or not isinstance(language, str):
            self.refuse("a value of no datatype")
        return Literal(self._bounded(str(plain)), str(datatype), str(language))

    def _bounded(self, text: str) -> str:
        if len(text) > MAX_TEXT:
            raise LimitExceeded(
                "text of more than {limit} characters", limit=MAX_TEXT, node=self.id
            )
        return text

    def whole(self, value: Body) -> Literal:
        """Return a value that is a node, with all that is said of it, as JSON."""
        if value.get("@type") == RDF_JSON and isinstance(value.get("@value"), str):
            text = str(value["@value"])  # it was kept before, and written
        else:
            text = json.dumps(self._tree(value), sort_keys=True, ensure_ascii=False)
        return Literal(self._bounded(text), RDF_JSON)

    def _tree(self, value: Any, depth: int = 0) -> Any:
        self.walk.pay(Count.VALUES)
        if depth > MAX_DEPTH:
            raise LimitExceeded("nested deeper than {limit}", limit=MAX_DEPTH, node=self.id)
        if isinstance(value, list):
            return [self._tree(item, depth + 1) for item in value]
        if not isinstance(value, Mapping):
            return value
        name = value.get("@id")
        if isinstance(name, str) and name.startswith("_:"):
            self.walk.used.add(name)
            body = self.walk.nodes.get(name, {})
            value = {key: item for key, item in body.items() if key != "@id"}
        return {key: self._tree(item, depth + 1) for key, item in value.items()}


def types_of(body: Body) -> list[str]:
    """Return the classes of a node."""
    types = body.get("@type", [])
    return [str(item) for item in (types if isinstance(types, list) else [types])]


def is_part(body: Body) -> bool:
    """Return whether a node says more than what something is, and so has to belong to a policy."""
    said = (set(body) - _OWN).union(types_of(body))
    return any(
        SPACE in item.casefold()
        for item in said.difference(TERMS["said of what belongs to no policy"])
    )


def structured(value: Body) -> bool:
    """Return whether a value is a node of its own or a list, and neither an IRI nor a literal."""
    return "@list" in value or ("@id" in value and str(value["@id"]).startswith("_:"))


def member(name: str) -> str:
    """Return how a property is written under the contexts of the Dataspace Protocol."""
    return name.removeprefix(ODRL) if name in _UNPREFIXED else short(name, WRITTEN)


def short(name: str, prefixes: Sequence[tuple[str, str]] = _PREFIXES) -> str:
    """Return an IRI with its prefix, by default the usual one."""
    for namespace, prefix in prefixes:
        if name.startswith(namespace):
            return prefix + name.removeprefix(namespace)
    return name

"""Nodes of a document looked at once each, and what is wrong with them noted.

Rules: a node is entered once for each thing it stands for, never below itself, and not deeper than
the reader goes; what a property holds is read as far as it can be, and the rest noted. What the
properties mean is left to `structure.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies_odrl.checking.findings import Finding, Say, Term, unknown_term
from policies_odrl.checking.mending import pointer
from policies_odrl.checking.shapes import Shape, known, known_class, member
from policies_odrl.checking.spelling import Speller
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, RDF_TYPE, XSD
from policies_odrl.reading.flat import short
from policies_odrl.reading.walk import MAX_DEPTH
from policies_odrl.vocabulary import PROFILES

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A node and where it stands.

    Attributes:
        name: its `@id`.
        path: JSON pointer.
        body: the node object.
    """

    name: str
    path: str
    body: Body


class Visits:
    """A node map, what of it was looked at, and what was found.

    Attributes:
        findings: what was found, in order.
        strange: names of what is not understood, which the reader keeps and nobody decides.
    """

    def __init__(self, nodes: Sequence[Body], knowledge: Knowledge, say: Say) -> None:
        self.findings: list[Finding] = []
        self.strange: set[str] = set()
        self._say = say
        self._knowledge = knowledge
        self._speller = Speller(knowledge)
        self._nodes: dict[str, Body] = {}
        self._profiles: tuple[str, ...] = ()  # of the policy being looked at
        self._seen: set[tuple[str, Shape]] = set()
        self._used: set[str] = set()
        self._stack: list[str] = []
        for body in nodes:
            name = body.get("@id")
            if not isinstance(name, str) or name in self._nodes:
                self._note("", "node-twice", str(name or ""))
                continue
            self._nodes[name] = body

    def _note(self, path: str, code: str, *terms: Term) -> None:
        self.findings.append(self._say(path, code, *terms))

    def _unknown(self, path: str, code: str, name: str, near: str) -> None:
        """Note a term that is not known, which a profile not known here may define."""
        strange = set(self._profiles) - PROFILES - self._knowledge.profiles
        self.findings.append(unknown_term(path, code, name, near, strange, self._say))

    def _enter(self, name: str, path: str, shape: Shape, look: Callable[[Place], None]) -> None:
        self._used.add(name)
        if name in self._stack:
            self._note(path, "cycle", name)
            return
        if len(self._stack) >= MAX_DEPTH:
            limit = (f"more than {MAX_DEPTH} levels", f"plus de {MAX_DEPTH} niveaux")
            self._note(path, "over-the-limit", limit)
            return
        if (name, shape) in self._seen:
            return
        self._seen.add((name, shape))
        self._stack.append(name)
        place = Place(name, path, self._nodes.get(name, {"@id": name}))
        look(place)
        self._stack.pop()

    def _only(self, place: Place, shape: Shape) -> None:
        """Note properties and classes that mean nothing in a node of this shape."""
        for name in sorted(place.body):
            if known(name, shape):
                continue
            self._reach(place.body[name])
            self.strange.add(name)
            near = short(self._speller.other("property", name))
            self._unknown(place.path, "unknown-property", short(name), near)
        for name in types_of(place.body):
            if not known_class(name, shape):
                self.strange.add(RDF_TYPE)
                near = short(self._speller.other("class", name))
                self._note(place.path, "unknown-class", short(name), near)

    def _reach(self, values: Any) -> None:
        """Count nodes as used that only an unknown property leads to: they are not loose."""
        stack = [values]
        while stack:
            value = stack.pop()
            if isinstance(value, list):
                stack.extend(value)
            elif isinstance(value, Mapping) and "@list" in value:
                stack.append(value["@list"])
            elif isinstance(value, Mapping) and isinstance(value.get("@id"), str):
                name = str(value["@id"])
                if name in self._nodes and name not in self._used:
                    self._used.add(name)
                    stack.extend(self._nodes[name].values())

    def _values(self, place: Place, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield (JSON pointer, value) of a property."""
        values = place.body.get(name, [])
        if not isinstance(values, list):
            self._note(place.path, "unreadable", f"{short(name)}: {values!r}")
            return
        for index, value in enumerate(values):
            if isinstance(value, Mapping):
                yield f"{pointer(place.path, member(name))}/{index}", value

    def _names(
        self, place: Place, name: str, near: Callable[[str], str] | None = None
    ) -> list[tuple[str, str]]:
        """Return (JSON pointer, IRI) of a property whose values are names; note the others."""
        found: list[tuple[str, str]] = []
        for path, value in self._values(place, name):
            iri = value.get("@id")
            if iri is None and value.get("@type") == XSD + "anyURI":
                iri = value.get("@value")
            if isinstance(iri, str):
                found.append((path, iri))
                continue
            text = str(value.get("@value", ""))
            meant = near(text) if near and text else ""
            where = path.rpartition("/")[0]
            self._note(where, "text-for-term", short(name), text, short(meant))
        return found

    def _one(self, place: Place, name: str, near: Callable[[str], str] | None = None) -> str | None:
        found = self._names(place, name, near)
        if len(found) > 1:
            self._note(place.path, "stated-twice", short(name))
        return found[0][1] if found else None

    def _uid(self, place: Place) -> str:
        """Return the name of a node, which a blank node may state as `uid`."""
        named = not place.name.startswith("_:")
        stated = [
            str(value.get("@id", value.get("@value")))
            for _, value in self._values(place, ODRL + "uid")
        ]
        for item in stated if named else ():
            if item != place.name:
                self._note(place.path, "uid-differs", item, place.name)
        return place.name if named else "".join(stated[:1])


def types_of(body: Body) -> list[str]:
    """Return the classes of a node."""
    types = body.get("@type", [])
    return [str(item) for item in (types if isinstance(types, list) else [types])]

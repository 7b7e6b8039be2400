"""What in a node map is not as the Recommendation has it: all of it, not only the first fault.

A node is looked at once for each thing it stands for, never below itself, and not deeper than the
reader goes, so that shared nodes and cycles cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from policies_odrl.checking import shapes
from policies_odrl.checking.findings import Report
from policies_odrl.checking.shapes import CONNECTIVES, THINGS, Holds, Shape, member
from policies_odrl.checking.written import parts, pointer
from policies_odrl.model import ODRL, RDF_TYPE, RDF_VALUE, XSD, Connective
from policies_odrl.reading.nodes import MAX_DEPTH, is_part, short
from policies_odrl.reading.parts import COMPARISON
from policies_odrl.vocabulary import DCT, IMPLIES, same_action

Body = Mapping[str, Any]

# What a policy has to have one of: rules, or a way to some.
_CONTENT: Final = (
    *(ODRL + name for name in ("permission", "prohibition", "obligation", "inheritFrom")),
    DCT + "isReplacedBy",
)
# Shape of a rule -> what a duty below it breaks by a consequence of its own (IM 2.6.3, 2.6.7).
_LAST: Final = {
    Shape.PROHIBITION: "remedy-with-consequence",
    Shape.DUTY: "consequence-of-consequence",
}
_LEFT, _OPERATOR = ODRL + "leftOperand", ODRL + "operator"
_RIGHT, _REFERENCE = ODRL + "rightOperand", ODRL + "rightOperandReference"
_SEVERAL: Final = frozenset({_REFERENCE, *CONNECTIVES})  # text among these is the node's fault
_LISTS: Final = frozenset({_RIGHT, ODRL + "status", *CONNECTIVES})


class Place(NamedTuple):
    """A node and where it stands."""

    name: str
    path: str
    body: Body


class Structure:
    """Walks a node map and notes what is wrong with it.

    Attributes:
        strange: names of what is not understood, which the reader keeps and nobody decides.
    """

    def __init__(self, nodes: Sequence[Body], report: Report) -> None:
        self.strange: set[str] = set()
        self._report = report
        self._note = report.note
        self._nodes: dict[str, Body] = {}
        self._seen: set[tuple[str, Shape]] = set()
        self._stack: list[tuple[str, Shape]] = []
        self._ticket = self._shared = False  # of the policy being looked at
        self._looks = {
            Shape.POLICY: self._policy,
            Shape.ACTION: self._action,
            Shape.ASSET: self._thing,
            Shape.PARTY: self._thing,
            Shape.CONSTRAINT: self._condition,
        }
        for body in nodes:
            name = body.get("@id")
            if not isinstance(name, str) or name in self._nodes:
                self._note("", "node-twice", str(name or ""))
            else:
                self._nodes[name] = body

    def walk(self) -> None:
        """Look at all policies, and at what belongs to none."""
        classes = set(shapes.CLASSES[Shape.POLICY])
        found = [name for name, body in self._nodes.items() if classes & set(types_of(body))]
        if not found:
            self._note("", "no-policy")
            return
        for name in found:
            self._report.policy = name if len(found) > 1 else ""
            self._enter(name, "", Shape.POLICY)
        self._report.policy = ""
        held = (
            it for body in self._nodes.values() for values in body.values() for it in parts(values)
        )
        named = {str(it.get("@id")) for it in held if isinstance(it, Mapping)}.union(found)
        for name, body in self._nodes.items():
            if name not in named and is_part(body):
                self._note("", "loose-node", name)

    def _enter(self, name: str, path: str, shape: Shape) -> None:
        if any(name == above for above, _ in self._stack):
            self._note(path, "cycle", name)
        elif len(self._stack) >= MAX_DEPTH:
            limit = (f"more than {MAX_DEPTH} levels", f"plus de {MAX_DEPTH} niveaux")
            self._note(path, "over-the-limit", limit)
        elif (name, shape) not in self._seen:
            self._seen.add((name, shape))
            self._stack.append((name, shape))
            place = Place(name, path, self._nodes.get(name, {"@id": name}))
            self._looks.get(shape, self._rule)(place, shape)
            self._stack.pop()

    def _all(self, place: Place, shape: Shape) -> None:
        """Note what means nothing in a node of a shape, and look at all that it names."""
        self._strangers(place, shape)
        for name in shapes.PROPERTIES[shape]:
            values = place.body.get(name, [])
            if not isinstance(values, list):
                self._note(place.path, "unreadable", f"{short(name)}: {values!r}")
            elif values and name in shapes.HOLDS:
                self._named(place, name, shapes.HOLDS[name])
        if self._ticket and place.body.get(ODRL + "assignee"):
            self._note(place.path, "ticket-with-assignee")
        for item in _iris(place, ODRL + "uid", text=True):
            if item != place.name and not place.name.startswith("_:"):
                self._note(place.path, "uid-differs", item, place.name)

    def _strangers(self, place: Place, shape: Shape) -> None:
        for name in sorted(place.body):
            if not shapes.known(name, shape):
                self.strange.add(name)
                self._report.unknown(place.path, "property", name)
        for name in types_of(place.body):
            if not shapes.known_class(name, shape):
                self.strange.add(RDF_TYPE)
                near = short(self._report.near("class", name))
                self._note(place.path, "unknown-class", short(name), near)

    def _named(self, place: Place, name: str, holds: Holds) -> None:
        """Look at what a property names, and note what is no name or not known."""
        found: list[tuple[str, str]] = []
        property_ = pointer(place.path, member(name))
        for path, value in _values(place, name):
            iri = value.get("@id") if holds.shape in THINGS else _iri(value)
            if isinstance(iri, str):
                found.append((path, iri))
            elif holds.shape in THINGS:
                kind = THINGS[Shape(holds.shape)]
                self._note(property_, "reference-without-identifier", kind)
            else:
                text = str(value.get("@value", ""))
                meant = self._report.near(holds.near, text) if holds.near and text else ""
                where = place.path if name in _SEVERAL else property_
                self._note(where, "text-for-term", short(name), text, short(meant))
        if holds.one and len(found) > 1:
            self._note(place.path, "stated-twice", short(name))
        for path, iri in found[:1] if holds.one else found:
            alone = place.path if name == RDF_VALUE else property_
            if holds.shape:
                where = alone if holds.bare and len(found) == 1 else path
                self._enter(iri, where, Shape(holds.shape))
            elif holds.near and not self._report.knows(holds.near, iri):
                if holds.near != "operand":  # which the reader reads
                    self.strange.add(iri)
                where = property_ if holds.near == "strategy" else place.path
                self._report.unknown(where, holds.near, iri)

    def _policy(self, place: Place, shape: Shape) -> None:
        types = set(types_of(place.body))
        self._ticket = ODRL + "Ticket" in types
        self._shared = bool(place.body.get(ODRL + "action"))
        classes = sorted(shapes.POLICY_CLASSES & types)
        if len(classes) > 1:
            self._note("", "two-classes", ", ".join(short(item) for item in classes))
        self._report.profiles = tuple(_iris(place, ODRL + "profile"))
        for profile in self._report.profiles:
            if profile not in self._report.known_profiles:
                self._note("/profile", "unknown-profile", profile)
        if not any(place.body.get(name) for name in _CONTENT):
            self._note("", "no-rule")
        self._all(place, shape)

    def _rule(self, place: Place, shape: Shape) -> None:
        top = self._stack[-2][1] is Shape.POLICY
        if not (top and self._shared) and not place.body.get(ODRL + "action"):
            self._note(place.path, "missing-action")
        last = _LAST.get(self._stack[-2][1])
        if last and place.body.get(ODRL + "consequence"):
            self._note(place.path, last)
        self._all(place, shape)

    def _action(self, place: Place, shape: Shape) -> None:
        if ODRL + "action" in place.body:
            self._note(place.path, "wrapped-action")
            return
        self._all(place, shape)
        if place.body.get(RDF_VALUE):
            return
        name, knowledge = _name(place), self._report.knowledge
        if not name:
            self._note(place.path, "action-without-name")
            return
        implied, wider = IMPLIES.get(same_action(name), ()), knowledge.wider_actions(name)
        stated = [it for it in _iris(place, ODRL + "includedIn") if same_action(it) not in wider]
        stated += [it for it in _iris(place, ODRL + "implies") if it not in implied]
        for item in stated:
            self._note(place.path, "action-restated", short(name), short(item))
        if not knowledge.known_action(name):
            self._report.unknown(place.path, "action", name)
        self._report.undeclared(place.path, name)

    def _thing(self, place: Place, shape: Shape) -> None:
        name, source = _name(place), _iris(place, ODRL + "source")
        if place.body.get(ODRL + "refinement") and not source:
            term = name or THINGS[shape]
            code = "uid-with-refinement" if name else "refined-without-source"
            self._note(place.path, code, term)
        elif not name and not source:
            self._note(place.path, "reference-without-identifier", THINGS[shape])
        self._all(place, shape)

    def _condition(self, place: Place, shape: Shape) -> None:
        if not place.name.startswith("_:") and len(place.body) <= 1:
            self.strange.add(place.name)
            self._note(place.path, "condition-elsewhere", place.name)
            return
        joined = sorted(set(place.body) & set(CONNECTIVES))
        if not joined:
            self._constraint(place, shape)
            return
        if len(joined) > 1:
            self._note(place.path, "two-connectives", ", ".join(short(item) for item in joined))
        if {_LEFT, _OPERATOR, _RIGHT} & set(place.body):
            self._note(place.path, "mixed-constraint", short(joined[0]))
            for name in joined:
                self._named(place, name, shapes.HOLDS[name])
        else:
            self._all(place, Shape.LOGICAL)
        for name in joined:
            ordered = CONNECTIVES[name] is Connective.AND_SEQUENCE
            if ordered and not _is_list(place.body[name]):
                self._note(place.path, "unordered-sequence")
            names = _iris(place, name)
            if len(set(names)) < len(names):
                self._note(place.path, "operand-twice", short(name))
            if not any(True for _ in _values(place, name)):
                self._note(place.path, "empty-connective", short(name))

    def _constraint(self, place: Place, shape: Shape) -> None:
        self._all(place, shape)
        body = place.body
        if not COMPARISON & set(body) and not all(shapes.known(name, shape) for name in body):
            return  # joined by a connective that is not ODRL's, and said so
        if not body.get(_LEFT):
            self._note(place.path, "missing-left-operand")
        if not body.get(_OPERATOR):
            self._note(place.path, "missing-operator")
        for left in _iris(place, _LEFT)[:1]:
            self._report.undeclared(place.path, left)
        if shapes.MISSPELLED in _iris(place, _OPERATOR):
            self._note(place.path, "operator-misspelled")
        self._right(place)

    def _right(self, place: Place) -> None:
        body = place.body
        if body.get(_RIGHT) and body.get(_REFERENCE):
            self._note(place.path, "two-right-operands")
        elif not body.get(_RIGHT) and not body.get(_REFERENCE):
            self._note(place.path, "missing-right-operand")
        for name in (_RIGHT, ODRL + "status"):
            for iri in _iris(place, name):
                if iri.startswith("_:") or len(self._nodes.get(iri, {})) > 1:
                    self._note(place.path, "structured-value", short(name))


def types_of(body: Body) -> list[str]:
    """Return the classes of a node."""
    types = body.get("@type", [])
    return [str(item) for item in (types if isinstance(types, list) else [types])]


def _is_list(values: Any) -> bool:
    first = values[0] if isinstance(values, list) and len(values) == 1 else None
    return isinstance(first, Mapping) and "@list" in first


def _values(place: Place, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (JSON pointer, value) of a property, lists of conditions and of values taken apart."""
    base, values = pointer(place.path, member(name)), place.body.get(name, [])
    if CONNECTIVES.get(name) is Connective.AND_SEQUENCE:
        base += "/@list"
    values = values if isinstance(values, list) else []
    if name in _LISTS:
        listed = [it.get("@list", [it]) for it in values if isinstance(it, Mapping)]
        values = [it for part in listed if isinstance(part, list) for it in part]
    for index, value in enumerate(values):
        if isinstance(value, Mapping) or name in CONNECTIVES:
            yield f"{base}/{index}", value if isinstance(value, Mapping) else {}


def _iri(value: Mapping[str, Any], *, text: bool = False) -> str | None:
    """Return the name that a value is, as such or as xsd:anyURI; None where it is none."""
    iri = value.get("@id")
    if iri is None and (text or value.get("@type") == XSD + "anyURI"):
        iri = value.get("@value")
    return iri if isinstance(iri, str) else None


def _iris(place: Place, name: str, *, text: bool = False) -> list[str]:
    found = (_iri(value, text=text) for _, value in _values(place, name))
    return [iri for iri in found if iri is not None]


def _name(place: Place) -> str:
    """Return the name of a node, which a blank node may state as `uid`."""
    stated = _iris(place, ODRL + "uid", text=True) if place.name.startswith("_:") else [place.name]
    return "".join(stated[:1])

"""What in a node map is not as the Recommendation has it: all of it, not only the first fault.

Input: as for `reader.py`. Rules: each node is looked at once for each thing it stands for, so that
shared nodes and cycles cost nothing; a fault in one part does not hide those in others. Some faults
keep the document from being read, others only what they belong to from being decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from policies_odrl.checking.datatypes import of_term
from policies_odrl.checking.findings import Finding, Say, Term
from policies_odrl.checking.shapes import (
    CLASSES,
    CONNECTIVES,
    MISSPELLED,
    OPERATORS,
    POLICY_CLASSES,
    Shape,
    known,
    member,
)
from policies_odrl.checking.visits import Body, Place, Visits, types_of
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, RDF_VALUE, XSD, Conflict, Connective
from policies_odrl.reading.constraints import COMPARISON
from policies_odrl.reading.flat import short
from policies_odrl.reading.parts import INFERRED
from policies_odrl.reading.walk import is_part
from policies_odrl.vocabulary import DCT, FUNCTIONS, IMPLIES, PROFILES, same_action

_STRATEGIES: Final = frozenset(ODRL + item.value for item in Conflict)
_REFERENCES: Final = (
    ("target", Shape.ASSET),
    ("assigner", Shape.PARTY),
    ("assignee", Shape.PARTY),
    ("output", Shape.ASSET),
)
_KINDS: Final[Mapping[Shape, Term]] = {
    Shape.ASSET: ("asset", "ressource"),
    Shape.PARTY: ("party", "partie"),
}
_UNSOURCED: Final = {shape: ("refined-without-source", kind) for shape, kind in _KINDS.items()}
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
_OPERAND, _OPERATOR = ODRL + "leftOperand", ODRL + "operator"
_RIGHT, _REFERENCE = ODRL + "rightOperand", ODRL + "rightOperandReference"


class Structure(Visits):
    """Walks a node map and remembers what is wrong with it."""

    def __init__(self, nodes: Sequence[Body], knowledge: Knowledge, say: Say) -> None:
        super().__init__(nodes, knowledge, say)
        self._ticket = False
        self._last = ""  # what a duty here breaks by a consequence of its own

    def walk(self) -> None:
        """Look at all policies, and at what belongs to none."""
        found = [
            name
            for name, body in self._nodes.items()
            if CLASSES[Shape.POLICY] & set(types_of(body))
        ]
        if not found:
            self._note("", "no-policy")
            return
        for name in found:
            first = len(self.findings)
            self._enter(name, "", Shape.POLICY, self._policy)
            if len(found) > 1:
                named = [_of(item, name) for item in self.findings[first:]]
                self.findings[first:] = named
        for name, body in self._nodes.items():
            if name not in self._used and is_part(body):
                self._note("", "loose-node", name)

    # -- policy -----------------------------------------------------------------------------

    def _policy(self, place: Place) -> None:
        self._ticket = ODRL + "Ticket" in types_of(place.body)
        classes = sorted(POLICY_CLASSES & set(types_of(place.body)))
        if len(classes) > 1:
            self._note("", "two-classes", ", ".join(short(item) for item in classes))
        self._profiles = tuple(name for _, name in self._names(place, ODRL + "profile"))
        self._only(place, Shape.POLICY)
        for profile in self._profiles:
            self._used.add(profile)
            if profile not in PROFILES | self._knowledge.profiles:
                self._note("/profile", "unknown-profile", profile)
        if not any(place.body.get(name) for name in _CONTENT):
            self._note("", "no-rule")
        self._uid(place)
        strategy = self._one(place, ODRL + "conflict", partial(self._speller.other, "strategy"))
        if strategy and strategy not in _STRATEGIES:
            near = short(self._speller.other("strategy", strategy))
            self.strange.add(ODRL + "conflict")
            self._unknown("/odrl:conflict", "unknown-strategy", short(strategy), near)
        self._names(place, ODRL + "inheritFrom")
        self._one(place, DCT + "isReplacedBy")
        self._actions(place)
        self._references(place)
        shared = bool(place.body.get(ODRL + "action"))
        self._rules(place, "permission", Shape.PERMISSION, shared=shared)
        self._rules(place, "prohibition", Shape.PROHIBITION, shared=shared)
        self._rules(place, "obligation", Shape.DUTY, shared=shared)

    def _rules(self, place: Place, name: str, shape: Shape, *, shared: bool = False) -> None:
        for path, iri in self._names(place, ODRL + name):
            self._enter(iri, path, shape, lambda rule: self._rule(rule, shape, shared=shared))

    def _rule(self, place: Place, shape: Shape, *, shared: bool) -> None:
        self._only(place, shape)
        if not shared and not place.body.get(ODRL + "action"):
            self._note(place.path, "missing-action")
        self._actions(place)
        self._references(place)
        self._conditions(place, "constraint")
        self._uid(place)
        below = {Shape.PERMISSION: "duty", Shape.PROHIBITION: "remedy", Shape.DUTY: "consequence"}
        if self._last and place.body.get(ODRL + "consequence"):
            self._note(place.path, self._last)
        outer = self._last
        self._last = _LAST.get(shape, "")
        self._rules(place, below[shape], Shape.DUTY)
        self._last = outer

    # -- actions, assets, parties -----------------------------------------------------------

    def _actions(self, place: Place) -> None:
        names = self._names(place, ODRL + "action", self._speller.action)
        for path, iri in names:
            where = path if len(names) > 1 else path.rpartition("/")[0]
            self._enter(iri, where, Shape.ACTION, self._action)

    def _action(self, place: Place) -> None:
        if ODRL + "action" in place.body:
            self._note(place.path, "wrapped-action")
            return
        self._only(place, Shape.ACTION)
        self._conditions(place, "refinement")
        if place.body.get(RDF_VALUE):
            inner = self._one(place, RDF_VALUE, self._speller.action)
            if inner is not None:
                self._enter(inner, place.path, Shape.ACTION, self._action)
            return
        name = self._uid(place)
        if not name:
            self._note(place.path, "action-without-name")
            return
        self._restated(place, name)
        if not self._knowledge.known_action(name):
            near = short(self._speller.action(name))
            self._unknown(place.path, "unknown-action", short(name), near)
        self.findings.extend(of_term(place.path, name, self._profiles, self._say))

    def _restated(self, place: Place, name: str) -> None:
        wider = self._knowledge.wider_actions(name)
        new = [
            item
            for _, item in self._names(place, ODRL + "includedIn")
            if same_action(item) not in wider
        ]
        implied = IMPLIES.get(same_action(name), ())
        new += [item for _, item in self._names(place, ODRL + "implies") if item not in implied]
        for item in new:
            self._note(place.path, "action-restated", short(name), short(item))

    def _references(self, place: Place) -> None:
        if self._ticket and place.body.get(ODRL + "assignee"):
            self._note(place.path, "ticket-with-assignee")
        functions = ((name.removeprefix(ODRL), Shape.PARTY) for name in sorted(FUNCTIONS))
        for name, shape in (*_REFERENCES, *functions):
            found = self._things(place, name, shape) if ODRL + name in place.body else []
            single = len(found) == 1 and (name, shape) in _REFERENCES  # as the written form has it
            for path, iri in found:
                where = path.rpartition("/")[0] if single else path
                self._enter(iri, where, shape, partial(self._named, shape=shape))

    def _things(self, place: Place, name: str, shape: Shape) -> list[tuple[str, str]]:
        """Return (JSON pointer, name) of assets or parties; note those given as text."""
        found: list[tuple[str, str]] = []
        for path, value in self._values(place, ODRL + name):
            if isinstance(value.get("@id"), str):
                found.append((path, value["@id"]))
            else:
                where = path.rpartition("/")[0]
                self._note(where, "reference-without-identifier", _KINDS[shape])
        return found

    def _named(self, place: Place, shape: Shape) -> None:
        self._only(place, shape)
        source = self._one(place, ODRL + "source")
        name = self._uid(place)
        refined = bool(place.body.get(ODRL + "refinement"))
        if refined and not source:
            code, term = ("uid-with-refinement", name) if name else _UNSOURCED[shape]
            self._note(place.path, code, term)
        elif not name and not source:
            self._note(place.path, "reference-without-identifier", _KINDS[shape])
        for stated in INFERRED:
            self._names(place, ODRL + stated)
        self._conditions(place, "refinement")

    # -- conditions -------------------------------------------------------------------------

    def _conditions(self, place: Place, name: str) -> None:
        for path, iri in self._names(place, ODRL + name):
            self._enter(iri, path, Shape.CONSTRAINT, self._condition)

    def _condition(self, place: Place) -> None:
        if not place.name.startswith("_:") and len(place.body) <= 1:
            self.strange.add(place.name)
            self._note(place.path, "condition-elsewhere", place.name)
            return
        joined = sorted(set(place.body) & set(CONNECTIVES))
        if not joined:
            self._constraint(place)
            return
        shown = short(joined[0])
        if len(joined) > 1:
            self._note(place.path, "two-connectives", ", ".join(short(item) for item in joined))
        if {_OPERAND, _OPERATOR, _RIGHT} & set(place.body):
            self._note(place.path, "mixed-constraint", shown)
        else:
            self._only(place, Shape.LOGICAL)
        for name in joined:
            self._operands(place, name)

    def _operands(self, place: Place, name: str) -> None:
        ordered = CONNECTIVES[name] is Connective.AND_SEQUENCE
        values = list(self._values(place, name))
        if ordered and not (len(values) == 1 and "@list" in values[0][1]):
            self._note(place.path, "unordered-sequence")
        count = 0
        once: set[str] = set()
        base = f"{place.path}/{member(name)}" + ("/@list" if ordered else "")
        for _, value in values:
            listed = value.get("@list", [value])
            for item in listed if isinstance(listed, list) else ():
                iri = item.get("@id") if isinstance(item, Mapping) else None
                if isinstance(iri, str):
                    if iri in once:
                        self._note(place.path, "operand-twice", short(name))
                    once.add(iri)
                    path = f"{base}/{count}"
                    self._enter(iri, path, Shape.CONSTRAINT, self._condition)
                else:
                    shown = str(item.get("@value", "")) if isinstance(item, Mapping) else ""
                    self._note(place.path, "text-for-term", short(name), shown, "")
                count += 1
        if not count:
            self._note(place.path, "empty-connective", short(name))

    def _constraint(self, place: Place) -> None:
        self._only(place, Shape.CONSTRAINT)
        stated = set(place.body)
        if not stated & COMPARISON and not all(known(name, Shape.CONSTRAINT) for name in stated):
            return  # joined by a connective that is not ODRL's, and said so
        self._left(place)
        self._operator(place)
        right, reference = place.body.get(_RIGHT), place.body.get(_REFERENCE)
        if right and reference:
            self._note(place.path, "two-right-operands")
        elif not right and not reference:
            self._note(place.path, "missing-right-operand")
        for name in ("unit", "dataType"):
            self._one(place, ODRL + name)
        for name in (_RIGHT, ODRL + "status"):
            self._plain(place, name)
        for _, value in self._values(place, _REFERENCE):
            if "@id" not in value and value.get("@type") != XSD + "anyURI":
                text = str(value.get("@value", ""))
                self._note(place.path, "text-for-term", short(_REFERENCE), text, "")

    def _left(self, place: Place) -> None:
        left = self._one(place, _OPERAND, self._speller.operand)
        if not place.body.get(_OPERAND):
            self._note(place.path, "missing-left-operand")
        if left is None:
            return
        if self._knowledge.operand(left) is None:
            near = short(self._speller.operand(left))
            self._unknown(place.path, "unknown-operand", short(left), near)
        self.findings.extend(of_term(place.path, left, self._profiles, self._say))

    def _operator(self, place: Place) -> None:
        operator = self._one(place, _OPERATOR, partial(self._speller.other, "operator"))
        if not place.body.get(_OPERATOR):
            self._note(place.path, "missing-operator")
        elif operator == MISSPELLED:
            self._note(place.path, "operator-misspelled")
        elif operator and operator not in OPERATORS:
            near = short(self._speller.other("operator", operator))
            self.strange.add(operator)
            self._unknown(place.path, "unknown-operator", short(operator), near)

    def _plain(self, place: Place, name: str) -> None:
        for _, value in self._values(place, name):
            listed = value.get("@list", [value])
            for item in listed if isinstance(listed, list) else ():
                iri = item.get("@id") if isinstance(item, Mapping) else None
                if isinstance(iri, str) and (
                    iri.startswith("_:") or len(self._nodes.get(iri, {})) > 1
                ):
                    self._used.add(iri)
                    self._note(place.path, "structured-value", short(name))


def _of(item: Finding, policy: str) -> Finding:
    return item if item.policy else replace(item, policy=policy)

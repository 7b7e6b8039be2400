"""Random policies of the whole information model, in the form that reading gives them.

They make no sense on purpose: every class, operator, connective, property and place of a refinement
turns up, whatever it would mean. For policies that meet requests, see `policy_strategies.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
)
from policies_odrl.model import ODRL, RDF_TYPE, XSD, Condition, Notes, Value
from policies_odrl.vocabulary import (
    DCT,
    FUNCTIONS,
    INCLUDED_IN,
    OPERANDS,
    PROFILE,
    SAME_ACTION,
)

Draw = Callable[[st.SearchStrategy[Any]], Any]

RDFS = "http://www.w3.org/2000/01/rdf-schema#"
PARTIES = ["http://xmlns.com/foaf/0.1/Agent", "http://www.w3.org/2006/vcard/ns#Organization"]
ASSETS = ["http://www.w3.org/ns/dcat#Dataset", "http://www.w3.org/ns/dcat#Distribution"]
ACTIONS = sorted({*INCLUDED_IN, *SAME_ACTION})
LEFT = sorted(OPERANDS)
TYPES = ["decimal", "integer", "dateTime", "date", "duration", "boolean", "anyURI"]

texts = st.text(st.characters(codec="utf-8"), max_size=12)
iris = st.sampled_from(
    ["urn:example:x", "https://example.org/é?q=1#f", "did:web:a.example", "https://w3id.org/dpv#X"]
)
values: st.SearchStrategy[Value] = st.one_of(
    iris.map(Iri),
    texts.map(Literal),
    st.builds(lambda kind, text: Literal(text, XSD + kind), st.sampled_from(TYPES), texts),
    st.builds(
        lambda text, tag: Literal(text, language=tag), texts, st.sampled_from(["fr", "de-ch"])
    ),
)
value_lists = st.lists(values, min_size=1, max_size=3, unique=True).map(tuple)
labels: st.SearchStrategy[Notes] = st.lists(
    st.tuples(st.sampled_from([DCT + "description", DCT + "title", RDFS + "label"]), values),
    max_size=2,
    unique=True,
).map(lambda items: tuple(sorted(items, key=lambda item: item[0])))


class Namer:
    """Gives each part its own IRI, or none."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._count = 0

    def fresh(self) -> str:
        self._count += 1
        return f"urn:example:part-{self._count}"

    def maybe(self) -> str:
        return self.fresh() if self._draw(st.booleans()) else ""


def _constraint(draw: Draw, namer: Namer) -> Constraint:
    referring = draw(st.booleans())
    return Constraint(
        left=draw(st.sampled_from(LEFT)),
        operator=draw(st.sampled_from(Operator)),
        right=() if referring else draw(value_lists),
        unit=draw(st.sampled_from(["", "urn:example:euro"])),
        datatype=draw(st.sampled_from(["", XSD + "decimal"])),
        reference=("urn:example:list", "urn:example:other") if referring else (),
        status=draw(st.none() | values),
        id=namer.maybe(),
        notes=draw(labels),
    )


def condition(draw: Draw, namer: Namer, depth: int = 2) -> Condition:
    if not depth or draw(st.integers(0, 2)):
        return _constraint(draw, namer)
    count = draw(st.integers(1, 3))
    return LogicalConstraint(
        connective=draw(st.sampled_from(Connective)),
        operands=tuple(condition(draw, namer, depth - 1) for _ in range(count)),
        id=namer.maybe(),
        notes=draw(labels),
    )


def _conditions(draw: Draw, namer: Namer, most: int = 2) -> tuple[Condition, ...]:
    return tuple(condition(draw, namer) for _ in range(draw(st.integers(0, most))))


def _action(draw: Draw, namer: Namer) -> Action:
    name = draw(st.sampled_from(ACTIONS))
    if draw(st.booleans()):
        return Action(name)
    return Action(name, _conditions(draw, namer), node=namer.maybe(), notes=draw(labels))


def _reference(draw: Draw, namer: Namer, build: Any) -> Any:
    if draw(st.booleans()):
        return build(draw(iris))
    source = draw(st.sampled_from(["", "urn:example:collection"]))
    classes = PARTIES if build is PartyRef else ASSETS
    types = draw(st.lists(st.sampled_from(classes), max_size=1))
    return build(
        id=namer.maybe() if source else namer.fresh(),
        collection=draw(st.booleans()),
        source=source,
        refinements=_conditions(draw, namer, 1) if source else (),
        notes=(*((RDF_TYPE, Iri(item)) for item in types), *draw(labels)),
    )


def _maybe(draw: Draw, namer: Namer, build: Any) -> Any:
    return _reference(draw, namer, build) if draw(st.booleans()) else None


def _functions(draw: Draw, namer: Namer) -> tuple[tuple[str, PartyRef], ...]:
    names = draw(st.lists(st.sampled_from(sorted(FUNCTIONS)), max_size=2, unique=True))
    return tuple((name, _reference(draw, namer, PartyRef)) for name in sorted(names))


def _duties(draw: Draw, namer: Namer, places: dict[str, bool], *, deep: bool) -> tuple[Duty, ...]:
    count = draw(st.sampled_from([0, 0, 1, 2]))
    return tuple(
        Duty(
            **_parts(draw, namer, places),
            consequences=_duties(draw, namer, places, deep=False) if deep else (),
        )
        for _ in range(count)
    )


def _parts(draw: Draw, namer: Namer, places: dict[str, bool]) -> dict[str, Any]:
    return {
        "action": _action(draw, namer),
        "target": _maybe(draw, namer, AssetRef) if places["target"] else None,
        "assigner": _maybe(draw, namer, PartyRef) if places["assigner"] else None,
        "assignee": _maybe(draw, namer, PartyRef) if places["assignee"] else None,
        "constraints": _conditions(draw, namer),
        "output": _maybe(draw, namer, AssetRef),
        "functions": _functions(draw, namer),
        "id": namer.maybe(),
        "notes": draw(labels),
    }


@st.composite
def whole_policies(draw: Draw) -> Policy:
    """A policy of any class; its target and parties stand on it or in its rules, never in both."""
    namer = Namer(draw)
    kind = draw(st.sampled_from(PolicyKind))
    places = {name: draw(st.booleans()) for name in ("target", "assigner", "assignee")}
    if kind is PolicyKind.TICKET:
        places["assignee"] = False
    below = {**places, "assignee": False} if kind is PolicyKind.TICKET else places
    permissions = tuple(
        Permission(**_parts(draw, namer, places), duties=_duties(draw, namer, below, deep=True))
        for _ in range(draw(st.integers(0, 2)))
    )
    prohibitions = tuple(
        Prohibition(**_parts(draw, namer, places), remedies=_duties(draw, namer, below, deep=False))
        for _ in range(draw(st.integers(0, 1)))
    )
    obligations = _duties(draw, namer, places, deep=True)
    inherits = draw(st.lists(st.sampled_from(["urn:example:p1", "urn:example:p2"]), unique=True))
    if not (permissions or prohibitions or obligations):
        inherits = ["urn:example:p1"]
    ticket = kind is PolicyKind.TICKET
    return Policy(
        kind=kind,
        id="urn:example:policy",
        permissions=permissions,
        prohibitions=prohibitions,
        obligations=obligations,
        profiles=(PROFILE, *draw(st.sampled_from([(), (ODRL + "core",)]))),
        conflict=draw(st.none() | st.sampled_from(Conflict)),
        target=None if places["target"] else _maybe(draw, namer, AssetRef),
        assigner=None if places["assigner"] else _maybe(draw, namer, PartyRef),
        assignee=None if places["assignee"] or ticket else _maybe(draw, namer, PartyRef),
        inherits=tuple(inherits),
        replaced_by=draw(st.sampled_from(["", "urn:example:next"])),
        timestamp=draw(st.sampled_from(["", "2026-11-24T15:00:00Z"])),
        metadata=draw(labels),
    )

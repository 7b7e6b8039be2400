"""Random policies of the whole information model, in the form that reading gives them.

They make no sense on purpose: every class, operator, connective, property and place of a refinement
turns up, whatever it would mean. For policies that meet requests, see `policy_strategies.py`.
"""

from __future__ import annotations

from typing import Any

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
from tests.support.choices import Choices, Make, any_text, chosen

RDFS = "http://www.w3.org/2000/01/rdf-schema#"
PARTIES = ["http://xmlns.com/foaf/0.1/Agent", "http://www.w3.org/2006/vcard/ns#Organization"]
ASSETS = ["http://www.w3.org/ns/dcat#Dataset", "http://www.w3.org/ns/dcat#Distribution"]
ACTIONS = sorted({*INCLUDED_IN, *SAME_ACTION})
LEFT = sorted(OPERANDS)
_ONE, _TWO = "urn:example:p1", "urn:example:p2"
_PARENTS = ((), (_ONE,), (_TWO,), (_ONE, _TWO), (_TWO, _ONE))
TYPES = ["decimal", "integer", "dateTime", "date", "duration", "boolean", "anyURI"]

IRIS = [
    "urn:example:x",
    "https://example.org/é?q=1#f",
    "did:web:a.example",
    "https://w3id.org/dpv#X",
]
_VALUES: list[Make[Value]] = [
    lambda pick: Iri(pick.one(IRIS)),
    lambda pick: Literal(any_text(pick, 4)),
    lambda pick: Literal(any_text(pick, 4), XSD + pick.one(TYPES)),
    lambda pick: Literal(any_text(pick, 4), language=pick.one(["fr", "de-ch"])),
]
_LABELS = [DCT + "description", DCT + "title", RDFS + "label"]


def value(pick: Choices) -> Value:
    return pick.one(_VALUES)(pick)


def labels(pick: Choices) -> Notes:
    found = pick.some(lambda it: (it.one(_LABELS), value(it)), (0, 1, 2))
    return tuple(sorted(dict.fromkeys(found), key=lambda item: item[0]))


class Namer:
    """Gives each part its own IRI, or none."""

    def __init__(self, pick: Choices) -> None:
        self._pick = pick
        self._count = 0

    def fresh(self) -> str:
        self._count += 1
        return f"urn:example:part-{self._count}"

    def maybe(self) -> str:
        return self.fresh() if self._pick.yes() else ""


def _constraint(pick: Choices, namer: Namer) -> Constraint:
    referring = pick.yes()
    return Constraint(
        left=pick.one(LEFT),
        operator=pick.one(list(Operator)),
        right=() if referring else tuple(dict.fromkeys(pick.some(value, (1, 2, 3)))),
        unit=pick.one(["", "urn:example:euro"]),
        datatype=pick.one(["", XSD + "decimal"]),
        reference=("urn:example:list", "urn:example:other") if referring else (),
        status=value(pick) if pick.yes() else None,
        id=namer.maybe(),
        notes=labels(pick),
    )


def condition(pick: Choices, namer: Namer, depth: int = 2) -> Condition:
    if not depth or pick.below(3):
        return _constraint(pick, namer)
    count = pick.one((1, 2, 3))
    return LogicalConstraint(
        connective=pick.one(list(Connective)),
        operands=tuple(condition(pick, namer, depth - 1) for _ in range(count)),
        id=namer.maybe(),
        notes=labels(pick),
    )


def _conditions(pick: Choices, namer: Namer, most: int = 2) -> tuple[Condition, ...]:
    return tuple(condition(pick, namer) for _ in range(pick.below(most + 1)))


def _action(pick: Choices, namer: Namer) -> Action:
    name = pick.one(ACTIONS)
    if pick.yes():
        return Action(name)
    return Action(name, _conditions(pick, namer), node=namer.maybe(), notes=labels(pick))


def _reference(pick: Choices, namer: Namer, build: Any) -> Any:
    if pick.yes():
        return build(pick.one(IRIS))
    source = pick.one(["", "urn:example:collection"])
    classes = PARTIES if build is PartyRef else ASSETS
    types = pick.several(classes, (0, 1))
    return build(
        id=namer.maybe() if source else namer.fresh(),
        collection=pick.yes(),
        source=source,
        refinements=_conditions(pick, namer, 1) if source else (),
        notes=(*((RDF_TYPE, Iri(item)) for item in types), *labels(pick)),
    )


def _maybe(pick: Choices, namer: Namer, build: Any) -> Any:
    return _reference(pick, namer, build) if pick.yes() else None


def _functions(pick: Choices, namer: Namer) -> tuple[tuple[str, PartyRef], ...]:
    names = set(pick.several(sorted(FUNCTIONS), (0, 1, 2)))
    return tuple((name, _reference(pick, namer, PartyRef)) for name in sorted(names))


def _duties(
    pick: Choices, namer: Namer, places: dict[str, bool], *, deep: bool
) -> tuple[Duty, ...]:
    count = pick.one((0, 0, 1, 2))
    return tuple(
        Duty(
            **_parts(pick, namer, places),
            consequences=_duties(pick, namer, places, deep=False) if deep else (),
        )
        for _ in range(count)
    )


def _parts(pick: Choices, namer: Namer, places: dict[str, bool]) -> dict[str, Any]:
    return {
        "action": _action(pick, namer),
        "target": _maybe(pick, namer, AssetRef) if places["target"] else None,
        "assigner": _maybe(pick, namer, PartyRef) if places["assigner"] else None,
        "assignee": _maybe(pick, namer, PartyRef) if places["assignee"] else None,
        "constraints": _conditions(pick, namer),
        "output": _maybe(pick, namer, AssetRef),
        "functions": _functions(pick, namer),
        "id": namer.maybe(),
        "notes": labels(pick),
    }


def whole_policy(pick: Choices) -> Policy:
    """A policy of any class; its target and parties stand on it or in its rules, never in both."""
    namer = Namer(pick)
    kind = pick.one(list(PolicyKind))
    places = {name: pick.yes() for name in ("target", "assigner", "assignee")}
    if kind is PolicyKind.TICKET:
        places["assignee"] = False
    below = {**places, "assignee": False} if kind is PolicyKind.TICKET else places
    permissions = tuple(
        Permission(**_parts(pick, namer, places), duties=_duties(pick, namer, below, deep=True))
        for _ in range(pick.below(3))
    )
    prohibitions = tuple(
        Prohibition(**_parts(pick, namer, places), remedies=_duties(pick, namer, below, deep=False))
        for _ in range(pick.below(2))
    )
    obligations = _duties(pick, namer, places, deep=True)
    inherits = pick.one(_PARENTS)
    if not (permissions or prohibitions or obligations):
        inherits = _PARENTS[1]
    ticket = kind is PolicyKind.TICKET
    return Policy(
        kind=kind,
        id="urn:example:policy",
        permissions=permissions,
        prohibitions=prohibitions,
        obligations=obligations,
        profiles=(PROFILE, *pick.one([(), (ODRL + "core",)])),
        conflict=pick.one([None, *Conflict]),
        target=None if places["target"] else _maybe(pick, namer, AssetRef),
        assigner=None if places["assigner"] else _maybe(pick, namer, PartyRef),
        assignee=None if places["assignee"] or ticket else _maybe(pick, namer, PartyRef),
        inherits=inherits,
        replaced_by=pick.one(["", "urn:example:next"]),
        timestamp=pick.one(["", "2026-11-24T15:00:00Z"]),
        metadata=labels(pick),
    )


whole_policies = chosen(whole_policy, 1024)

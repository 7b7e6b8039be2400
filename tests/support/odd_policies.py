"""Random policies of every shape that the model allows, sensible or not.

`policy_strategies.py` makes policies that decide something; these only have to be said and read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

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
from policies_odrl.concepts import hierarchy
from policies_odrl.model import ODRL, XSD, XSD_STRING, Condition, Notes, Value
from policies_odrl.vocabulary import (
    DCT,
    FUNCTIONS,
    INCLUDED_IN,
    LEVELS,
    OPERANDS,
    PROFILE,
    SAME_ACTION,
)
from tests.support.choices import Choices, Make, any_text, chosen

T = TypeVar("T")
_ODD = [
    "urn:example:not",
    "urn:example:exactly",
    "urn:x:or",
    "urn:uuid:0b7f9b8e-6f0d-4d1c-9a52-1f1f1f1f1f1f",
    "https://example.org/with space",
    'https://example.org/quote"d/«x»',
    "did:web:lycée.example",
    "https://example.org/rule [5]).",
    "nothing",
    "urn:line\nbreak",
    "urn:x:5",
    "[1]",
    ODRL + "noSuchTerm",
    ODRL + "read",
    "http://qudt.org/vocab/currency/EUR",
    XSD + "decimal",
]
_CONCEPTS = [
    *sorted(hierarchy("purposes"))[:40],
    *(step for steps in LEVELS.values() for step in steps),
]
_TEXTS = [
    "5",
    "a, b or c",
    '" (number)',
    " (condition [1]).",
    "“x”",
    "« y »",
    "\u2028",
    "\x00",
    "\ud800",
]
_TYPES = [XSD_STRING, XSD + "integer", XSD + "date", "urn:example:type"]
_LENGTHS = [
    "P1D",
    "P01D",
    "PT1M",
    "P1M",
    "-P1Y2M3DT4H5M6.70S",
    "P0D",
    "PT36H",
    "P1Y",
    "PT0.5S",
    "P",
]
_LEFTS = [*sorted(OPERANDS), "urn:example:operand", ODRL + "noSuchOperand"]
_ACTIONS = [*sorted(INCLUDED_IN), *sorted(SAME_ACTION)]
_NAMES = ["la DEPP", "le labo", "les écoles", "the data", "not", "the members of not"]
_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
_FIRST = datetime(1, 1, 1)  # noqa: DTZ001 - the zone is written behind it


def text(pick: Choices) -> str:
    return any_text(pick, 4) if pick.yes() else pick.one(_TEXTS)


def maybe_iri(pick: Choices) -> str:
    return pick.one(_ODD) if pick.yes() else ""


def moment(pick: Choices) -> str:
    at = _FIRST + timedelta(pick.below(3_652_059), pick.below(86_400), pick.below(1_000_000))
    return at.isoformat() + pick.one(["", "Z", "+02:00", "-11:30"])


_VALUES: list[Make[Value]] = [
    lambda pick: Iri(pick.one(_ODD)),
    lambda pick: Iri(pick.one(_CONCEPTS)),
    lambda pick: Literal(text(pick), pick.one(_TYPES), pick.one(["", "", "fr", 'x"y'])),
    lambda pick: Literal(f"{Decimal(pick.below(2_000_001)) / 1000 - 1000}", XSD + "decimal"),
    lambda pick: Literal(moment(pick)[:10], XSD + "date"),
    lambda pick: Literal(moment(pick), XSD + "dateTime"),
    lambda pick: Literal(pick.one(_LENGTHS), XSD + "duration"),
]


def value(pick: Choices) -> Value:
    return pick.one(_VALUES)(pick)


def _described(pick: Choices) -> tuple[str, Value]:
    if pick.yes():
        return pick.one([*_ODD, _LABEL]), value(pick)
    return _LABEL, Literal(pick.one(_NAMES), XSD_STRING, pick.one(["", "fr", "en-GB"]))


def notes(pick: Choices) -> Notes:
    return pick.some(_described, (0, 0, 0, 1))


def constraint(pick: Choices) -> Constraint:
    return Constraint(
        left=pick.one(_LEFTS),
        operator=pick.one(list(Operator)),
        right=pick.some(value, (0, 1, 2, 3)),
        unit=maybe_iri(pick),
        datatype=pick.one(["", "", "", "", *_TYPES]),
        reference=pick.several(_ODD, (0, 0, 0, 1, 2)),
        status=value(pick) if pick.yes() else None,
        id=maybe_iri(pick),
        notes=notes(pick),
    )


def plain_constraint(pick: Choices) -> Constraint:
    return Constraint(pick.one(_LEFTS), pick.one(list(Operator)), (value(pick),))


def condition(pick: Choices, least: int, deep: int = 2) -> Condition:
    """Return a condition; its choices have at least so many parts."""
    if not deep or pick.below(4):
        return constraint(pick) if pick.yes() else plain_constraint(pick)
    return LogicalConstraint(
        pick.one(list(Connective)),
        pick.some(lambda it: condition(it, least, deep - 1), (least, 1, 2, 3)),
        maybe_iri(pick),
        notes(pick),
    )


def _few(pick: Choices) -> tuple[Condition, ...]:
    return pick.some(plain_constraint, (0, 1))


def _referred(pick: Choices, kind: type[T]) -> T:
    return kind(maybe_iri(pick), pick.yes(), maybe_iri(pick), _few(pick), notes(pick))


def _maybe(pick: Choices, kind: type[T]) -> T | None:
    return _referred(pick, kind) if pick.yes() else None


def _function(pick: Choices) -> tuple[str, PartyRef]:
    return pick.one([*sorted(FUNCTIONS), *_ODD]), _referred(pick, PartyRef)


def _parts(pick: Choices) -> dict[str, Any]:
    name = pick.one(_ACTIONS if pick.yes() else _ODD)
    return {
        "action": Action(name, _few(pick), maybe_iri(pick), notes(pick)),
        "target": _maybe(pick, AssetRef),
        "assigner": _maybe(pick, PartyRef),
        "assignee": _maybe(pick, PartyRef),
        "output": _maybe(pick, AssetRef),
        "functions": pick.some(_function, (0, 0, 1)),
        "id": maybe_iri(pick),
        "notes": notes(pick),
    }


def duty(pick: Choices, deep: int = 1) -> Duty:
    below = pick.some(lambda it: duty(it, deep - 1), (0, 0, 1, 2)) if deep else ()
    return Duty(constraints=_few(pick), consequences=below, **_parts(pick))


def odd_policy(pick: Choices, least: int = 0) -> Policy:
    """Return a policy; each of its choices has at least so many parts."""
    return Policy(
        kind=pick.one(list(PolicyKind)),
        id=maybe_iri(pick),
        permissions=pick.some(
            lambda it: Permission(
                constraints=it.some(lambda each: condition(each, least), (0, 1, 2)),
                duties=it.some(duty, (0, 1)),
                **_parts(it),
            ),
            (0, 1, 2),
        ),
        prohibitions=pick.some(
            lambda it: Prohibition(
                constraints=_few(it), remedies=it.some(duty, (0, 1)), **_parts(it)
            ),
            (0, 1),
        ),
        obligations=pick.some(duty, (0, 1)),
        profiles=pick.several([PROFILE, *_ODD], (0, 1, 2)),
        conflict=pick.one([None, *Conflict]),
        target=_maybe(pick, AssetRef),
        assigner=_maybe(pick, PartyRef),
        assignee=_maybe(pick, PartyRef),
        inherits=pick.several(_ODD, (0, 1, 2)),
        replaced_by=maybe_iri(pick),
        timestamp=(pick.one(["", text(pick), moment(pick)])),
        metadata=pick.some(
            lambda it: (it.one([DCT + "title", DCT + "creator", *_ODD]), value(it)), (0, 1, 2)
        ),
    )


odd_policies = chosen(odd_policy, 384)

"""Random policies, requests and facts over a small world, so that they meet often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import permutations, product
from typing import Any

from hypothesis import strategies as st

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Facts,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Performed,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
)
from policies_odrl.algebra.domain import Fact
from policies_odrl.model import ODRL, XSD, Condition, Value
from policies_odrl.vocabulary import DPV, PREAU, PROFILE

PURPOSES = [
    DPV + name
    for name in (
        "Purpose",
        "ResearchAndDevelopment",
        "AcademicResearch",
        "CommercialResearch",
        "CommercialPurpose",
        "Marketing",
        "Advertising",
    )
] + ["https://w3id.org/dpv/sector/education#ResearchManagement", "urn:example:unknown"]
ACTIONS = [ODRL + name for name in ("use", "read", "play", "display", "sell", "transfer")] + [
    PREAU + "federatedTraining"
]
PARTIES = ["urn:example:alice", "urn:example:bob"]
ASSETS = ["urn:example:a", "urn:example:b"]
START = datetime(2026, 1, 1, tzinfo=UTC)

_NUMBERS = tuple(Decimal(value) for value in ("0.5", "1", "2", "3", "5"))
_INSTANTS = tuple(START + timedelta(days=days, hours=12) for days in range(7))
_SINGLE = (Operator.IS_A, Operator.EQ, Operator.NEQ)
_LISTS = (Operator.IS_ANY_OF, Operator.IS_NONE_OF)
_ORDER = (Operator.LT, Operator.LTEQ, Operator.GT, Operator.GTEQ, Operator.EQ, Operator.NEQ)
numbers = st.sampled_from(_NUMBERS)
instants = st.sampled_from(_INSTANTS)


def literal(kind: str, lexical: str) -> Literal:
    return Literal(lexical, XSD + kind)


# Constraints are drawn whole from tables of all that there are: one draw each.
def _every(
    lefts: Sequence[str], operators: Iterable[Operator], rights: Iterable[Sequence[Value]]
) -> st.SearchStrategy[Constraint]:
    asked = product(lefts, operators, map(tuple, rights))
    return st.sampled_from([Constraint(*parts) for parts in asked])


def _some_of(values: Sequence[Value]) -> list[tuple[Value, ...]]:
    """Up to three of some values, in each order."""
    return [some for most in (1, 2, 3) for some in permutations(values, most)]


def _one_of(kind: str, values: Iterable[object]) -> list[tuple[Value, ...]]:
    return [(literal(kind, str(value)),) for value in values]


_purposes = [Iri(purpose) for purpose in PURPOSES]
order = st.sampled_from(_ORDER)
purpose_constraints = st.one_of(
    _every([ODRL + "purpose"], _SINGLE, [(purpose,) for purpose in _purposes]),
    _every([ODRL + "purpose"], (*_LISTS, Operator.IS_ALL_OF), _some_of(_purposes)),
)
number_constraints = _every(
    [PREAU + "epsilon", ODRL + "percentage", ODRL + "count"], _ORDER, _one_of("decimal", _NUMBERS)
)
time_constraints = _every(
    [ODRL + "dateTime"], _ORDER, _one_of("dateTime", (at.isoformat() for at in _INSTANTS))
)
atoms = st.one_of(
    purpose_constraints,
    number_constraints,
    _every(
        [ODRL + "percentage"],
        _LISTS,
        _some_of([literal("decimal", str(value)) for value in _NUMBERS]),
    ),
    time_constraints,
    _every([ODRL + "dateTime"], _ORDER, _one_of("date", (at.date() for at in _INSTANTS))),
    _every(
        [ODRL + "elapsedTime"],
        _ORDER,
        _one_of("duration", ["P1D", "P28D", "P30D", "P31D", "P1M", "P2M", "P1Y"]),
    ),
    _every(
        [PREAU + "membership"],
        (Operator.EQ, Operator.NEQ, *_LISTS),
        [(Iri("urn:example:space"),), (Iri("urn:example:other"),)],
    ),
)


# -- choices --------------------------------------------------------------------------------------

Shape = tuple[Any, ...]  # the parts of a choice; one without parts is a leaf


@cache
def _shapes(leaves: int, levels: int = 3) -> list[Shape]:
    """All trees with so many leaves: one to three parts on each of a few levels."""
    found: list[Shape] = [()] if leaves == 1 else []
    for count in (1, 2, 3) if levels else ():
        for sizes in product(range(1, leaves + 1), repeat=count):
            if sum(sizes) == leaves:
                found += product(*(_shapes(size, levels - 1) for size in sizes))
    return found


@st.composite
def _filled(
    draw: st.DrawFn,
    groups: Sequence[Sequence[Shape]],
    parts: st.SearchStrategy[Condition],
    connectives: st.SearchStrategy[Connective],
) -> Condition:
    def fill(shape: Shape) -> Condition:
        if not shape:
            return draw(parts)
        return LogicalConstraint(draw(connectives), tuple(map(fill, shape)))

    return fill(draw(st.sampled_from(draw(st.sampled_from(groups)))))


def joined(
    parts: st.SearchStrategy[Condition],
    connectives: Sequence[Connective] = tuple(Connective),
    most: int = 4,
) -> st.SearchStrategy[Condition]:
    """Return a part, or a choice of up to so many, whose shape is drawn whole; few are large."""
    one, two, three, *more = [list(filter(None, _shapes(n))) for n in range(1, most + 1)]
    groups = ([()], [()], one, one, two, two, three, [shape for each in more for shape in each])
    return _filled(groups, parts, st.sampled_from(connectives))


# -- policies -------------------------------------------------------------------------------------

conditions = joined(atoms)
condition_lists = st.lists(conditions, max_size=4).map(tuple)
actions = st.builds(Action, st.sampled_from(ACTIONS), st.lists(atoms, max_size=1).map(tuple))
parties = st.sampled_from([None, *map(PartyRef, PARTIES)])
assets = st.sampled_from([None, *map(AssetRef, ASSETS)])
_OWED = (ODRL + "compensate", ODRL + "delete")
duties = st.builds(
    Duty,
    action=st.sampled_from([Action(name) for name in _OWED]),
    constraints=st.lists(time_constraints, max_size=1).map(tuple),
)
permissions = st.builds(
    Permission,
    action=actions,
    target=assets,
    assignee=parties,
    constraints=condition_lists,
    duties=st.lists(duties, max_size=1).map(tuple),
)
prohibitions = st.builds(
    Prohibition,
    action=actions,
    target=assets,
    assignee=parties,
    constraints=condition_lists,
)


def aimed(policy: Policy) -> Policy:
    """Return a policy whose rules that name no target are about the first asset."""
    first = AssetRef(ASSETS[0])
    permissions = tuple(replace(it, target=it.target or first) for it in policy.permissions)
    bans = tuple(replace(it, target=it.target or first) for it in policy.prohibitions)
    return replace(policy, permissions=permissions, prohibitions=bans)


policies = st.builds(
    Policy,
    kind=st.just(PolicyKind.SET),
    id=st.just("urn:example:policy"),
    permissions=st.lists(permissions, min_size=1, max_size=3).map(tuple),
    prohibitions=st.lists(prohibitions, max_size=2).map(tuple),
    obligations=st.lists(duties, max_size=1).map(tuple),
    profiles=st.just((PROFILE,)),
    conflict=st.sampled_from([None, *Conflict]),
).map(aimed)


def _up_to_two(values: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from([some for most in (1, 2) for some in product(values, repeat=most)])


_number = st.sampled_from([(value,) for value in _NUMBERS])
_values: st.SearchStrategy[dict[str, tuple[Fact, ...]]] = st.fixed_dictionaries(
    {},
    optional={
        ODRL + "purpose": _up_to_two(PURPOSES),
        PREAU + "epsilon": _number,
        ODRL + "percentage": _number,
        ODRL + "count": _number,
        ODRL + "elapsedTime": st.sampled_from([("P1D",), ("P29D",), ("P1M",), ("P3M",)]),
        PREAU + "membership": _up_to_two(["urn:example:space", "urn:example:other"]),
    },
)
requests = st.builds(
    Request,
    action=st.sampled_from(ACTIONS),
    assignee=st.sampled_from(["", *PARTIES]),
    target=st.sampled_from([None, *ASSETS]),
    facts=_values,
)
acts = st.sampled_from([Performed(*parts) for parts in product(_OWED, _INSTANTS, ("", *PARTIES))])
facts = st.builds(
    Facts, now=st.sampled_from([None, *_INSTANTS]), performed=st.lists(acts, max_size=2).map(tuple)
)

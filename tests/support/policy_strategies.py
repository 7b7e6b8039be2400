"""Random policies, requests and facts over a small world, so that they meet often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import permutations, product
from typing import Any, TypeVar

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
from policies_odrl.algebra.extent import Reading
from policies_odrl.comparison.witness import Near
from policies_odrl.evaluation.request import imagined
from policies_odrl.knowledge import NOTHING_MORE
from policies_odrl.model import ODRL, XSD, Condition, Value, conditions
from policies_odrl.vocabulary import DPV, PREAU, PROFILE
from tests.support.choices import Choices, Make, chosen

T = TypeVar("T", Permission, Prohibition)
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

NUMBERS = tuple(Decimal(value) for value in ("0.5", "1", "2", "3", "5"))
_INSTANTS = tuple(START + timedelta(days=days, hours=12) for days in range(7))
_SINGLE = (Operator.IS_A, Operator.EQ, Operator.NEQ)
_LISTS = (Operator.IS_ANY_OF, Operator.IS_NONE_OF)
ORDER = (Operator.LT, Operator.LTEQ, Operator.GT, Operator.GTEQ, Operator.EQ, Operator.NEQ)


def literal(kind: str, lexical: str) -> Literal:
    return Literal(lexical, XSD + kind)


# Constraints are chosen whole from tables of all that there are.
def every(
    lefts: Sequence[str], operators: Iterable[Operator], rights: Iterable[Sequence[Value]]
) -> list[Constraint]:
    """Return all constraints on some operands."""
    asked = product(lefts, operators, map(tuple, rights))
    return [Constraint(*parts) for parts in asked]


def _some_of(values: Sequence[Value]) -> list[tuple[Value, ...]]:
    """Up to three of some values, in each order."""
    return [some for most in (1, 2, 3) for some in permutations(values, most)]


def _one_of(kind: str, values: Iterable[object]) -> list[tuple[Value, ...]]:
    return [(literal(kind, str(value)),) for value in values]


_purposes = [Iri(purpose) for purpose in PURPOSES]
NUMBER_CONSTRAINTS = every(
    [PREAU + "epsilon", ODRL + "percentage", ODRL + "count"], ORDER, _one_of("decimal", NUMBERS)
)
_TIME_CONSTRAINTS = every(
    [ODRL + "dateTime"], ORDER, _one_of("dateTime", (at.isoformat() for at in _INSTANTS))
)
ATOMS = [
    every([ODRL + "purpose"], _SINGLE, [(purpose,) for purpose in _purposes]),
    every([ODRL + "purpose"], (*_LISTS, Operator.IS_ALL_OF), _some_of(_purposes)),
    NUMBER_CONSTRAINTS,
    every(
        [ODRL + "percentage"],
        _LISTS,
        _some_of([literal("decimal", str(value)) for value in NUMBERS]),
    ),
    _TIME_CONSTRAINTS,
    every([ODRL + "dateTime"], ORDER, _one_of("date", (at.date() for at in _INSTANTS))),
    every(
        [ODRL + "elapsedTime"],
        ORDER,
        _one_of("duration", ["P1D", "P28D", "P30D", "P31D", "P1M", "P2M", "P1Y"]),
    ),
    every(
        [PREAU + "membership"],
        (Operator.EQ, Operator.NEQ, *_LISTS),
        [(Iri("urn:example:space"),), (Iri("urn:example:other"),)],
    ),
]


def atom(pick: Choices) -> Constraint:
    return pick.one(pick.one(ATOMS))


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


def joined(
    part: Make[Condition], connectives: Sequence[Connective] = tuple(Connective), most: int = 4
) -> Make[Condition]:
    """Return what makes a part, or a choice of up to so many; few are large."""
    one, two, three, *more = [list(filter(None, _shapes(n))) for n in range(1, most + 1)]
    groups = ([()], [()], one, one, two, two, three, [shape for each in more for shape in each])

    def fill(shape: Shape, pick: Choices) -> Condition:
        if not shape:
            return part(pick)
        joint = pick.one(connectives)
        return LogicalConstraint(joint, tuple([fill(each, pick) for each in shape]))

    return lambda pick: fill(pick.one(pick.one(groups)), pick)


# -- policies -------------------------------------------------------------------------------------

condition = joined(atom)
PARTY_REFS = [None, *map(PartyRef, PARTIES)]
ASSET_REFS = [None, *map(AssetRef, ASSETS)]
_OWED = (ODRL + "compensate", ODRL + "delete")


def duty(pick: Choices) -> Duty:
    limits = pick.several(_TIME_CONSTRAINTS, (0, 1))
    return Duty(action=Action(pick.one(_OWED)), constraints=limits)


def _parts(pick: Choices) -> dict[str, Any]:
    """What each rule says; one that names no target is about the first asset."""
    return {
        "action": Action(pick.one(ACTIONS), pick.some(atom, (0, 1))),
        "target": pick.one([ASSET_REFS[1], *ASSET_REFS[1:]]),
        "assignee": pick.one(PARTY_REFS),
        "constraints": pick.some(condition, (0, 1, 1, 2, 3, 4)),
    }


def permission(pick: Choices) -> Permission:
    return Permission(**_parts(pick), duties=pick.some(duty, (0, 1)))


def prohibition(pick: Choices) -> Prohibition:
    return Prohibition(**_parts(pick))


def policy(pick: Choices) -> Policy:
    return Policy(
        kind=PolicyKind.SET,
        id="urn:example:policy",
        permissions=pick.some(permission, (1, 1, 2, 3)),
        prohibitions=pick.some(prohibition, (0, 0, 1, 2)),
        obligations=pick.some(duty, (0, 1)),
        profiles=(PROFILE,),
        conflict=pick.one([None, *Conflict]),
    )


def beside(first: Policy, pick: Choices) -> Policy:
    """Return any policy, or one that has much in common with another."""
    second = policy(pick)
    if not pick.yes():
        return second
    extra = pick.some(condition, (0, 1, 2))
    rules = (replace(it, constraints=(*it.constraints[:1], *extra)) for it in first.permissions)
    return replace(
        first,
        permissions=tuple(rules),
        prohibitions=second.prohibitions,
        conflict=second.conflict,
    )


# -- two small policies, of which one varies what the other says -----------------------------------

_FEW = [
    every([ODRL + "purpose"], (*_LISTS, Operator.IS_A), [(purpose,) for purpose in _purposes[1:5]]),
    every([ODRL + "purpose"], _LISTS, permutations(_purposes[1:5], 2)),
    every([ODRL + "percentage"], ORDER[:4], _one_of("decimal", NUMBERS[1:4])),
    every([ODRL + "elapsedTime"], ORDER[:4], _one_of("duration", ["P30D", "P31D", "P1M"])),
]
_DOABLE = ACTIONS[:4]


def _few(pick: Choices) -> Condition:
    one, two = (pick.one(pick.one(_FEW)) for _ in range(2))
    either = LogicalConstraint(pick.one((Connective.OR, Connective.XONE)), (one, two))
    return one if pick.below(4) else either


def _small(kind: type[T], pick: Choices, **more: Any) -> T:
    return kind(
        action=Action(pick.one(_DOABLE), pick.some(_few, (0, 0, 0, 1))),
        target=ASSET_REFS[1],
        constraints=pick.some(_few, (0, 1, 1, 2)),
        **more,
    )


def _varied(rule: T, pick: Choices) -> T:
    """Return a rule of which one thing is said otherwise, or none."""
    items: Any = rule
    changed: list[dict[str, Any]] = [
        {},
        {"constraints": items.constraints[1:]},
        {"constraints": (*items.constraints, _few(pick))},
        {"constraints": (_few(pick),)},
        {"action": replace(items.action, refinements=pick.some(_few, (0, 1)))},
        {"action": replace(items.action, id=pick.one(_DOABLE))},
        {"duties": pick.some(duty, (0, 1))} if isinstance(rule, Permission) else {},
    ]
    found: T = replace(items, **pick.one(changed))
    return found


def varied(pick: Choices) -> tuple[Policy, Policy]:
    """Return two small policies of which one varies what the other says."""
    rules = pick.some(lambda it: _small(Permission, it, duties=it.some(duty, (0, 0, 1))), (1, 2))
    bans = pick.some(lambda it: _small(Prohibition, it), (0, 1, 2))
    first = replace(
        policy(Choices(b"")),
        permissions=rules,
        prohibitions=bans,
        conflict=pick.one([Conflict.PROHIBIT, *Conflict, None]),
    )
    others = tuple([_varied(it, pick) for it in pick.several(bans, (0, 1, 2))] if bans else ())
    second = replace(
        first,
        permissions=tuple([_varied(it, pick) for it in pick.several(rules, (1, 2))]),
        prohibitions=pick.one((bans, others)),
        conflict=pick.one([first.conflict, first.conflict, *Conflict]),
    )
    return first, second


def _up_to_two(values: Sequence[str]) -> list[tuple[str, ...]]:
    return [some for most in (1, 2) for some in product(values, repeat=most)]


_number = [(value,) for value in NUMBERS]
_VALUES: dict[str, Sequence[tuple[Fact, ...]]] = {
    ODRL + "purpose": _up_to_two(PURPOSES),
    PREAU + "epsilon": _number,
    ODRL + "percentage": _number,
    ODRL + "count": _number,
    ODRL + "elapsedTime": [("P1D",), ("P29D",), ("P1M",), ("P3M",)],
    PREAU + "membership": _up_to_two(["urn:example:space", "urn:example:other"]),
}
_ACTS = [Performed(*parts) for parts in product(_OWED, _INSTANTS, ("", *PARTIES))]


def stated(pick: Choices, values: dict[str, Sequence[tuple[Fact, ...]]]) -> dict[str, Any]:
    """Return a value of each of some operands."""
    return {left: pick.one(known) for left, known in values.items() if pick.yes()}


def request(pick: Choices) -> Request:
    return Request(
        action=pick.one(ACTIONS),
        assignee=pick.one(["", *PARTIES]),
        target=pick.one([None, *ASSETS]),
        facts=stated(pick, _VALUES),
    )


def request_for(item: Policy) -> Make[Request]:
    """Return what makes requests for a rule of a policy, with values that its conditions name."""

    def make(pick: Choices) -> Request:
        asked, rule = request(pick), pick.one((*item.permissions, *item.prohibitions))
        named = (part for _, part in conditions((*rule.constraints, *rule.action.refinements), ""))
        values = {part.left: part.right[:1] for part in named if isinstance(part, Constraint)}
        target, party = item.target_of(rule), item.assignee_of(rule)
        return replace(
            asked,
            action=rule.action.id,
            target=target.id if target else asked.target,
            assignee=party.id if party else asked.assignee,
            facts={**values, **asked.facts} if pick.yes() else values,
        )

    return make


def asked_of(item: Policy, pick: Choices) -> Request:
    """Return a request of any kind, one for a rule of a policy, or one that it is to grant."""
    kind = pick.below(8)
    if kind < 5:
        alone = replace(item, permissions=(pick.one(item.permissions),))
        return next(Near(item, Reading(NOTHING_MORE)).requests(alone))
    return (request if kind == 5 else request_for(item))(pick)


def facts(pick: Choices) -> Facts:
    return Facts(now=pick.one([None, *_INSTANTS]), performed=pick.several(_ACTS, (0, 1, 2)))


def facts_of(asked: Request, pick: Choices) -> Facts:
    """Return any facts, or those of a world in which all holds that a request states."""
    found = facts(pick)
    return imagined(asked, found) if pick.below(4) else found


policies = chosen(policy, 192)
requests = chosen(request, 16)

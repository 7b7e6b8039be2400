"""Laws of conflict analysis: a verdict never disagrees with what evaluation says of any request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import combinations, product
from random import Random
from typing import Final

import policies_odrl
from policies_odrl import (
    Action,
    Conflict,
    Connective,
    Constraint,
    Facts,
    Iri,
    LogicalConstraint,
    Operator,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    compile_policy,
    evaluate,
)
from policies_odrl.algebra.domain import Fact
from policies_odrl.conflicts.compatibility import Compatibility, ConflictVerdict
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, Condition
from tests.support.choices import Choices, Make
from tests.support.conflicts import KNOWN, NAMES, condition, conflict_between
from tests.support.distilled import distilled
from tests.support.policy_strategies import joined

ORDERED = ("eq", "neq", "lt", "lteq", "gt", "gteq")
AXES = ("width", "height")
PURPOSES = ("Research", "Basic", "Market", "Trade", "Sales", "Care", "Nursing", "Purpose")
PLACES = ("Town", "Village", "Port", "North", "South", "Land", "Coast", "Isle")
TAGS = ("urn:tag:a", "urn:tag:b", "urn:tag:c", "urn:other:a", "urn:other:b")
DAY = datetime(2026, 1, 1, tzinfo=UTC)
NAMED: Final = {
    "purpose": (PURPOSES, ("eq", "neq", "isA", "isAnyOf", "isNoneOf", "isAllOf")),
    "spatial": (
        PLACES,
        ("eq", "neq", "isA", "isPartOf", "hasPart", "isAnyOf", "isNoneOf", "isAllOf"),
    ),
    "language": (TAGS, ("eq", "neq", "isPartOf", "hasPart", "isAnyOf", "isNoneOf", "isAllOf")),
}
SETS = {"isAnyOf", "isNoneOf", "isAllOf"}
CLOCKS = ("elapsedTime", "meteredTime", "delayPeriod")


def atoms(left: str, operators: Iterable[str], values: Iterable[str]) -> list[Condition]:
    return [condition(f"{left} {name} {value}") for name, value in product(operators, values)]


def listed(values: Iterable[str], most: int) -> list[str]:
    """Up to so many values at once."""
    sizes = range(1, most + 1)
    return [" ".join(some) for size in sizes for some in combinations(values, size)]


# Chosen whole, from tables of all that there are.
_DAYS = ("2026-01-01", "2026-01-02", "2026-01-02T00:00:00Z", "2026-01-02T12:00:00Z")
_LENGTHS = ("P1D", "P2D", "P28D", "P30D", "P31D", "P1M", "P2M")
NUMBERS = [[item for axis in AXES for item in atoms(axis, ORDERED, "123")]]
MOMENTS = atoms("dateTime", ORDERED, _DAYS)
LENGTHS = [item for left in CLOCKS for item in atoms(left, ORDERED, _LENGTHS)]
NAMES_HELD = [
    atoms(left, [name], listed(values, 3 if name in SETS else 1))
    for left, (values, operators) in NAMED.items()
    for name in operators
]
KINDS = (NUMBERS, [MOMENTS], [LENGTHS], NAMES_HELD, NAMES_HELD)  # names twice: they are many
CHOICES = (Connective.AND, Connective.OR, Connective.XONE)
USE = Action(ODRL + "use")


def policies(tables: list[list[Condition]]) -> Make[Policy]:
    """Return what makes offers under conditions of some tables."""
    part = joined(lambda pick: pick.one(pick.one(tables)), CHOICES, most=5)

    def limits(pick: Choices) -> tuple[Condition, ...]:
        return pick.some(part, (0, 0, 1, 1, 1, 2, 2, 3))

    def make(pick: Choices) -> Policy:
        return Policy(
            kind=PolicyKind.OFFER,
            permissions=pick.some(
                lambda it: Permission(action=USE, constraints=limits(it)), (1, 2)
            ),
            prohibitions=pick.some(
                lambda it: Prohibition(action=USE, constraints=limits(it)), (0, 1)
            ),
            conflict=Conflict.PROHIBIT,
        )

    return make


def pair(pick: Choices) -> tuple[Policy, Policy]:
    """Return two policies under few conditions, so that they often speak of the same."""
    tables = [pick.one(kind) for kind in pick.several(KINDS, (1, 2, 3, 4))]
    side = policies([[pick.one(table) for table in tables for _ in range(2)]])
    return side(pick), side(pick)


PLAIN = policies(NUMBERS)


def granted(policy: Policy, request: Request, facts: Facts) -> bool:
    return evaluate(policy, request, facts, tentative=True).granted


def facts_of(**stated: Fact) -> dict[str, tuple[Fact, ...]]:
    return {(NAMES if key in AXES else ODRL) + key: (value,) for key, value in stated.items()}


HALVES = [Decimal(value) / 2 for value in range(1, 8)]
GRID = [facts_of(width=x, height=y) for x, y in product(HALVES, HALVES)]


@distilled(lambda pick: (PLAIN(pick), PLAIN(pick)), fresh=40)
def test_on_plain_axes_the_verdict_is_exact(drawn: tuple[Policy, Policy]) -> None:
    left, right = drawn
    asked = [Request(ODRL + "use", facts=facts) for facts in GRID]
    mine, theirs = (compile_policy(it, KNOWN, tentative=True).permits for it in (left, right))
    world = Facts(knowledge=KNOWN)
    common = any(mine(it, world) and theirs(it, world) for it in asked)
    verdict = conflict_between(left, right, KNOWN)
    wanted = Compatibility.COMPATIBLE if common else Compatibility.CONFLICT
    assert verdict.answer is wanted


def world_of(chance: Random) -> dict[str, tuple[Fact, ...]]:
    found = facts_of(
        width=chance.choice(HALVES),
        height=chance.choice(HALVES),
        dateTime=DAY + timedelta(hours=chance.randint(-30, 60)),
    )
    metered, delay, elapsed = sorted(chance.randint(0, 70) for _ in range(3))
    if chance.random() < 0.5:
        metered, delay = delay, metered
    for left, days in zip(CLOCKS, (elapsed, metered, delay), strict=True):
        found[ODRL + left] = (timedelta(days=days),)
    for left, (values, _) in NAMED.items():
        chosen = chance.sample(values, chance.randint(1, 2))
        found[ODRL + left] = tuple(Iri(it if ":" in it else NAMES + it) for it in chosen)
    return found


WORLDS = [world_of(Random(seed)) for seed in range(1000)]  # noqa: S311 - worlds, not secrets


@distilled(lambda pick: (*pair(pick), pick.below(1000)), fresh=25)
def test_sides_and_order_mean_nothing(drawn: tuple[Policy, Policy, int]) -> None:
    """The reading of the public tables may stop at an example that evaluation does not confirm."""
    left, right, seed = drawn
    asked = policies_odrl.conflict_between
    wanted = asked(left, right, KNOWN).answer
    assert asked(right, left, KNOWN).answer is wanted
    assert asked(shuffled(left, seed), right, KNOWN).answer is wanted


def shuffled(policy: Policy, seed: int) -> Policy:
    chance = Random(seed)  # noqa: S311 - an order, no secret

    def mixed(items: tuple[Condition, ...]) -> tuple[Condition, ...]:
        found = [
            replace(item, operands=mixed(item.operands))
            if isinstance(item, LogicalConstraint)
            else item
            for item in items
        ]
        chance.shuffle(found)
        return tuple(found)

    rules = [replace(rule, constraints=mixed(rule.constraints)) for rule in policy.permissions]
    chance.shuffle(rules)
    return replace(policy, permissions=tuple(rules))


@dataclass(frozen=True)
class Drawn:
    """Two policies and what their verdict is; and what else the laws ask with."""

    left: Policy
    right: Policy
    tried: Sequence[dict[str, tuple[Fact, ...]]]
    more: Condition

    @cached_property
    def verdict(self) -> ConflictVerdict:
        return conflict_between(self.left, self.right, KNOWN)

    @property
    def requests(self) -> list[tuple[Request, Facts]]:
        """Requests that stand for all others."""
        world = Facts(knowledge=KNOWN)
        return [(Request(ODRL + "use", facts=facts), world) for facts in self.tried]


def a_witness_is_granted_by_both(it: Drawn) -> None:
    verdict = it.verdict
    assert (verdict.witness is not None) is (verdict.answer is Compatibility.COMPATIBLE)
    if verdict.witness is not None:
        request, facts = verdict.witness.request, verdict.witness.facts
        assert granted(it.left, request, facts)
        assert granted(it.right, request, facts)


def no_request_satisfies_both_of_a_conflict(it: Drawn) -> None:
    if it.verdict.answer is not Compatibility.CONFLICT:
        return
    for request, world in it.requests:
        assert not (granted(it.left, request, world) and granted(it.right, request, world))


def nothing_that_one_permits_is_prohibited_by_a_compatible_other(it: Drawn) -> None:
    banning = replace(it.right, permissions=())
    verdict, requests = conflict_between(it.left, banning, KNOWN), it.requests
    if verdict.answer is Compatibility.CONFLICT:
        assert verdict.witness is not None
        requests = [(verdict.witness.request, verdict.witness.facts)]
    met = [
        granted(it.left, *asked)
        and any(
            rule.applies is Truth.TRUE for rule in evaluate(banning, *asked, tentative=True).rules
        )
        for asked in requests
    ]
    assert any(met) is (verdict.answer is Compatibility.CONFLICT) or (
        verdict.answer is Compatibility.UNKNOWN
    )


def a_further_condition_never_ends_a_conflict(it: Drawn) -> None:
    if it.verdict.answer is Compatibility.CONFLICT:
        rules = tuple(
            replace(rule, constraints=(*rule.constraints, it.more)) for rule in it.left.permissions
        )
        narrower = replace(it.left, permissions=rules)
        found = conflict_between(narrower, it.right, KNOWN).answer
        assert found is not Compatibility.COMPATIBLE


def _drawn(pick: Choices) -> Drawn:
    more, tried = pick.one(pick.one(NAMES_HELD)), pick.several(WORLDS, range(5, 16))
    return Drawn(*pair(pick), tried, more)


@distilled(_drawn, 160, fresh=50)
def test_a_verdict_agrees_with_evaluation(it: Drawn) -> None:
    for law in (
        a_witness_is_granted_by_both,
        no_request_satisfies_both_of_a_conflict,
        nothing_that_one_permits_is_prohibited_by_a_compatible_other,
        a_further_condition_never_ends_a_conflict,
    ):
        law(it)


PAIRS = (("Sales", "Basic"), ("Nursing", "Sales"), ("Isle", "Town"))


@distilled(
    lambda pick: (
        pick.one(PAIRS),
        pick.some(lambda it: it.one(it.one(NAMES_HELD)), (1, 2, 3, 4)),
    ),
    16,
    fresh=40,
)
def test_more_knowledge_never_turns_a_verdict_round(
    drawn: tuple[tuple[str, str], tuple[Condition, ...]],
) -> None:
    pair, conditions = drawn
    rule = Permission(action=USE, constraints=conditions)
    policy = Policy(kind=PolicyKind.OFFER, permissions=(rule,))
    more = replace(KNOWN, disjoint=(*KNOWN.disjoint, frozenset({NAMES + pair[0], NAMES + pair[1]})))
    nothing = Policy(kind=PolicyKind.OFFER, permissions=(replace(rule, constraints=()),))
    before = conflict_between(policy, nothing, KNOWN).answer
    after = conflict_between(policy, nothing, more).answer
    assert {before, after} != {Compatibility.CONFLICT, Compatibility.COMPATIBLE}


def test_the_grid_can_tell_a_hole_from_nothing() -> None:
    """The oracle itself: half steps see what lies between two whole numbers."""
    between = [
        Constraint(NAMES + "width", Operator(op), condition(f"width eq {n}").right)  # type: ignore[union-attr] # an atom
        for op, n in (("gt", 1), ("lt", 2))
    ]
    rule = Permission(action=Action(ODRL + "use"), constraints=tuple(between))
    policy = Policy(kind=PolicyKind.OFFER, permissions=(rule,))
    world = Facts(knowledge=KNOWN)
    assert any(granted(policy, Request(ODRL + "use", facts=facts), world) for facts in GRID)

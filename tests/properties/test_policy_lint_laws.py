"""What the lint claims holds when policies are evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations, product, starmap

from connector.jsonld.mending import mended
from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Decision,
    Facts,
    Finding,
    Iri,
    Literal,
    Operator,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    evaluate,
    model,
    validate,
)
from policies_odrl.evaluation.request import imagined
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.reading.reader import load
from policies_odrl.reading.writer import write
from policies_odrl.values import FactValue
from policies_odrl.vocabulary import DPV
from tests.support.choices import Choices, Make
from tests.support.distilled import distilled
from tests.support.policy_strategies import every, joined, stated

SCALAR = [Operator.EQ, Operator.NEQ, Operator.LT, Operator.LTEQ, Operator.GT, Operator.GTEQ]
SINGLE = [Operator.EQ, Operator.NEQ, Operator.IS_A]
LISTS = [Operator.IS_ANY_OF, Operator.IS_NONE_OF]
PURPOSES = [Iri(DPV + name) for name in ("Marketing", "Advertising", "AcademicResearch")]
LANGUAGES = [Iri(f"urn:{name}") for name in ("fr", "en", "de")]
DAYS = [f"2026-0{month}-01" for month in (1, 2, 3)]


def decimal(value: int) -> Literal:
    return Literal(str(value), XSD + "decimal")


def day(value: str, kind: str) -> Literal:
    return Literal(value if kind == "date" else value + "T00:00:00Z", XSD + kind)


def listed(left: str, values: list[Iri]) -> list[Constraint]:
    single = product(SINGLE, permutations(values, 1))
    several = product(LISTS, [some for most in (1, 2) for some in permutations(values, most)])
    return [Constraint(ODRL + left, *parts) for parts in (*single, *several)]


def ordered(left: str, values: Iterable[Literal]) -> list[Constraint]:
    return every([ODRL + left], SCALAR, [(value,) for value in values])


ATOMS = [
    ordered("percentage", map(decimal, [0, 20, 50, 100, 120])),
    ordered("count", map(decimal, [0, 1, 2, 3])),
    ordered("dateTime", starmap(day, product(DAYS, ["date", "dateTime"]))),
    listed("purpose", PURPOSES),
    listed("language", LANGUAGES),
]
CHOICES = (Connective.AND, Connective.OR, Connective.XONE)
ACTIONS = [ODRL + name for name in ("use", "read", "print")]


def atom(pick: Choices) -> Condition:
    return pick.one(pick.one(ATOMS))


condition = joined(atom, CHOICES)


def permission(pick: Choices) -> Permission:
    limits = pick.some(condition, (0, 1, 1, 2, 3, 4))
    twice = limits[: pick.one((0, 0, 0, 1))]
    return Permission(action=Action(pick.one(ACTIONS)), constraints=(*limits, *twice))


def ban(pick: Choices) -> Prohibition:
    limits = pick.some(condition, (0, 1, 2))
    return Prohibition(action=Action(pick.one(ACTIONS)), constraints=limits)


def policy(
    permissions: Sequence[Permission], bans: Sequence[Prohibition], conflict: Conflict | None = None
) -> Policy:
    return Policy(
        kind=PolicyKind.SET,
        id="urn:p",
        target=AssetRef("urn:t"),
        permissions=tuple(permissions),
        prohibitions=tuple(bans),
        conflict=conflict,
    )


def known(values: list[Iri]) -> list[tuple[FactValue, ...]]:
    return [some for most in (1, 2) for some in permutations(values, most)]


FACTS: dict[str, Sequence[tuple[FactValue, ...]]] = {
    ODRL + "percentage": [(decimal(value),) for value in (0, 20, 30, 50, 100)],
    ODRL + "count": [(decimal(value),) for value in (0, 1, 2, 3)],
    ODRL + "dateTime": [(day(text, "dateTime"),) for text in (*DAYS, "2026-02-02")],
    ODRL + "purpose": known([*PURPOSES, Iri(DPV + "PersonalisedAdvertising")]),
    ODRL + "language": known(LANGUAGES),
}


def asking(rules: Sequence[Permission | Prohibition]) -> Make[Request]:
    """Return what makes requests: of any kind, or for a rule, with values that it names."""

    def make(pick: Choices) -> Request:
        facts, action = stated(pick, FACTS), pick.one(ACTIONS)
        if pick.below(4):
            rule = pick.one(rules)
            named = (it for _, it in model.conditions(rule.constraints, ""))
            facts |= {it.left: it.right[:1] for it in named if isinstance(it, Constraint)}
            action = rule.action.id
        if pick.yes():
            facts |= stated(pick, FACTS)
        return Request(action, target="urn:t", facts=facts)

    return make


def decided(item: Policy, request: Request) -> Decision:
    """Decide where all that a request states is so, also what only the node may state."""
    return evaluate(item, request, imagined(request, Facts()))


def at_rule(found: str, path: str) -> int:
    group, _, index = path[1:].partition("/")
    assert group == found
    return int(index.split("/")[0])


@dataclass(frozen=True)
class Drawn:
    """Rules to be checked, one condition of its own, and requests that are asked of them."""

    rules: Sequence[Permission]
    bans: Sequence[Prohibition]
    item: Condition
    requests: Sequence[Request]

    @property
    def bare(self) -> Policy:
        """The permissions without the bans."""
        return policy(self.rules, [])

    @property
    def whole(self) -> Policy:
        return policy(self.rules, self.bans, Conflict.PROHIBIT)


@lru_cache(maxsize=16)  # several laws ask for the same policy
def findings(checked: Policy) -> tuple[Finding, ...]:
    return validate(checked)


def codes(checked: Policy, code: str) -> list[str]:
    """Return where a check finds something."""
    return [found.path for found in findings(checked) if found.code == code]


def what_can_never_hold_never_grants(it: Drawn) -> None:
    found = (*codes(it.bare, "unsatisfiable"), *codes(it.bare, "never-true"))
    for place in {at_rule("permission", path) for path in found}:
        alone = policy([it.rules[place]], [])
        assert not any(decided(alone, request).granted for request in it.requests)


def what_is_redundant_may_go(it: Drawn) -> None:
    gone = codes(it.bare, "redundant")
    for place in {at_rule("permission", path) for path in gone}:
        rule, start = it.rules[place], f"/permission/{place}/constraint/"
        kept = [part for at, part in enumerate(rule.constraints) if f"{start}{at}" not in gone]
        less = policy([replace(rule, constraints=tuple(kept))], [])
        decide_alike(policy([rule], []), less, it.requests)


def what_always_holds_holds_for_each_known_value(it: Drawn) -> None:
    with_it = policy([Permission(action=Action(ODRL + "use"), constraints=(it.item,))], [])
    if "/permission/0/constraint/0" not in codes(with_it, "always-true"):
        return
    for request in it.requests:
        if isinstance(it.item, Constraint) and it.item.left in request.facts:
            assert decided(with_it, replace(request, action=ODRL + "read")).granted


def what_is_shadowed_may_go(it: Drawn) -> None:
    gone = {at_rule("permission", path) for path in codes(it.bare, "shadowed")}
    left = [rule for place, rule in enumerate(it.rules) if place not in gone]
    if gone:
        decide_alike(it.bare, policy(left, []), it.requests)


def what_is_never_usable_never_grants(it: Drawn) -> None:
    for rules, bans in ((it.rules, it.bans), (it.rules[:1], it.bans[:1])):
        item = policy(rules, bans, Conflict.PROHIBIT)
        for place in {at_rule("permission", path) for path in codes(item, "never-usable")}:
            alone = policy([rules[place]], bans, Conflict.PROHIBIT)
            assert not any(decided(alone, request).granted for request in it.requests)


def a_prohibition_that_is_shadowed_may_go(it: Drawn) -> None:
    anything = Permission(action=Action(ODRL + "use"))
    item = policy([anything], it.bans, Conflict.PROHIBIT)
    gone = {at_rule("prohibition", path) for path in codes(item, "ban-shadowed")}
    left = [ban for place, ban in enumerate(it.bans) if place not in gone]
    if gone:
        decide_alike(item, policy([anything], left, Conflict.PROHIBIT), it.requests)


def what_a_fix_changes_decides_as_before(it: Drawn) -> None:
    edits = [found for found in findings(it.whole) if found.mechanical]
    if edits:
        decide_alike(it.whole, load(mended(write(it.whole), edits)), it.requests)


def decide_alike(one: Policy, other: Policy, requests: Sequence[Request]) -> None:
    for request in requests:
        assert decided(one, request).granted is decided(other, request).granted


def _drawn(pick: Choices) -> Drawn:
    item = atom(pick) if pick.yes() else condition(pick)
    rules, bans = pick.some(permission, (2, 3)), pick.some(ban, (2, 3))
    return Drawn(rules, bans, item, pick.some(asking((*rules, *bans)), range(1, 9)))


@distilled(_drawn, 288, fresh=15)
def test_what_a_check_finds_holds_for_each_request(it: Drawn) -> None:
    for law in (
        what_can_never_hold_never_grants,
        what_is_redundant_may_go,
        what_always_holds_holds_for_each_known_value,
        what_is_shadowed_may_go,
        what_is_never_usable_never_grants,
        a_prohibition_that_is_shadowed_may_go,
        what_a_fix_changes_decides_as_before,
    ):
        law(it)

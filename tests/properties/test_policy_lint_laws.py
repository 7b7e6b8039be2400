"""What the lint claims holds when policies are evaluated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations, product, starmap

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.cli.policy.mending import mended
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
    validate,
)
from policies_odrl.evaluation.request import imagined
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.reading.reader import load
from policies_odrl.reading.writer import write
from policies_odrl.values import FactValue
from policies_odrl.vocabulary import DPV
from tests.support.policy_strategies import joined

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


def listed(left: str, values: list[Iri]) -> st.SearchStrategy[Constraint]:
    single = product(SINGLE, permutations(values, 1))
    several = product(LISTS, [some for most in (1, 2) for some in permutations(values, most)])
    return st.sampled_from([Constraint(ODRL + left, *parts) for parts in (*single, *several)])


def ordered(left: str, values: Iterable[Literal]) -> st.SearchStrategy[Constraint]:
    asked = product(SCALAR, [(value,) for value in values])
    return st.sampled_from([Constraint(ODRL + left, *parts) for parts in asked])


ATOMS = st.one_of(
    ordered("percentage", map(decimal, [0, 20, 50, 100, 120])),
    ordered("count", map(decimal, [0, 1, 2, 3])),
    ordered("dateTime", starmap(day, product(DAYS, ["date", "dateTime"]))),
    listed("purpose", PURPOSES),
    listed("language", LANGUAGES),
)
CHOICES = (Connective.AND, Connective.OR, Connective.XONE)
CONDITIONS = joined(ATOMS, CHOICES)
ACTIONS = st.sampled_from([ODRL + name for name in ("use", "read", "print")])
PERMISSIONS = st.builds(
    lambda action, items: Permission(action=Action(action), constraints=tuple(items)),
    ACTIONS,
    st.lists(CONDITIONS, max_size=4),
)
BANS = st.builds(
    lambda action, items: Prohibition(action=Action(action), constraints=tuple(items)),
    ACTIONS,
    st.lists(CONDITIONS, max_size=2),
)


def policy(
    permissions: list[Permission], bans: list[Prohibition], conflict: Conflict | None = None
) -> Policy:
    return Policy(
        kind=PolicyKind.SET,
        id="urn:p",
        target=AssetRef("urn:t"),
        permissions=tuple(permissions),
        prohibitions=tuple(bans),
        conflict=conflict,
    )


def known(values: list[Iri]) -> st.SearchStrategy[tuple[FactValue, ...]]:
    return st.sampled_from([some for most in (1, 2) for some in permutations(values, most)])


def one_of(values: Iterable[Literal]) -> st.SearchStrategy[tuple[FactValue, ...]]:
    return st.sampled_from([(value,) for value in values])


FACTS = {
    ODRL + "percentage": one_of(map(decimal, [0, 20, 30, 50, 100])),
    ODRL + "count": one_of(map(decimal, [0, 1, 2, 3])),
    ODRL + "dateTime": one_of(day(text, "dateTime") for text in (*DAYS, "2026-02-02")),
    ODRL + "purpose": known([*PURPOSES, Iri(DPV + "PersonalisedAdvertising")]),
    ODRL + "language": known(LANGUAGES),
}
REQUESTS = st.builds(
    lambda action, facts: Request(action, target="urn:t", facts=facts),
    ACTIONS,
    st.fixed_dictionaries({}, optional=FACTS),
)


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

    rules: list[Permission]
    bans: list[Prohibition]
    item: Condition
    requests: list[Request]


@lru_cache(maxsize=16)  # several laws ask for the same policy
def findings(checked: Policy) -> tuple[Finding, ...]:
    return validate(checked)


def codes(checked: Policy, code: str) -> list[str]:
    """Return where a check finds something."""
    return [found.path for found in findings(checked) if found.code == code]


def what_can_never_hold_never_grants(it: Drawn) -> None:
    for rule in it.rules:
        item = policy([rule], [])
        if codes(item, "unsatisfiable") or codes(item, "never-true"):
            assert not any(decided(item, request).granted for request in it.requests)


def what_is_redundant_may_go(it: Drawn) -> None:
    rule = it.rules[0]
    item = policy([rule], [])
    gone = {int(path.rpartition("/")[2]) for path in codes(item, "redundant")}
    kept = tuple(part for place, part in enumerate(rule.constraints) if place not in gone)
    if gone:
        decide_alike(item, policy([replace(rule, constraints=kept)], []), it.requests)


def what_always_holds_holds_for_each_known_value(it: Drawn) -> None:
    with_it = policy([Permission(action=Action(ODRL + "use"), constraints=(it.item,))], [])
    if "/permission/0/constraint/0" not in codes(with_it, "always-true"):
        return
    for request in it.requests:
        if isinstance(it.item, Constraint) and it.item.left in request.facts:
            assert decided(with_it, replace(request, action=ODRL + "read")).granted


def what_is_shadowed_may_go(it: Drawn) -> None:
    item = policy(it.rules, [])
    gone = {at_rule("permission", path) for path in codes(item, "shadowed")}
    left = [rule for place, rule in enumerate(it.rules) if place not in gone]
    if gone:
        decide_alike(item, policy(left, []), it.requests)


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
    item = policy(it.rules, it.bans[:1], Conflict.PROHIBIT)
    edits = [found for found in findings(item) if found.mechanical]
    if edits:
        decide_alike(item, load(mended(write(item), edits)), it.requests)


def decide_alike(one: Policy, other: Policy, requests: list[Request]) -> None:
    for request in requests:
        assert decided(one, request).granted is decided(other, request).granted


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        Drawn,
        st.lists(PERMISSIONS, min_size=2, max_size=3),
        st.lists(BANS, min_size=2, max_size=3),
        ATOMS | CONDITIONS,
        st.lists(REQUESTS, min_size=1, max_size=8),
    )
)
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

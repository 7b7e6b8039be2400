"""What the lint claims holds when policies are evaluated."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from policies_odrl import (
    Action,
    Conflict,
    Connective,
    Constraint,
    Decision,
    Facts,
    Iri,
    Literal,
    LogicalConstraint,
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
from policies_odrl.values import FactValue
from policies_odrl.vocabulary import DPV

SCALAR = [Operator.EQ, Operator.NEQ, Operator.LT, Operator.LTEQ, Operator.GT, Operator.GTEQ]
LISTS = [Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.EQ, Operator.NEQ, Operator.IS_A]
PURPOSES = [Iri(DPV + name) for name in ("Marketing", "Advertising", "AcademicResearch")]
LANGUAGES = [Iri(f"urn:{name}") for name in ("fr", "en", "de")]
DAYS = [f"2026-0{month}-01" for month in (1, 2, 3)]


def decimal(value: int) -> Literal:
    return Literal(str(value), XSD + "decimal")


def day(value: str, kind: str) -> Literal:
    return Literal(value if kind == "date" else value + "T00:00:00Z", XSD + kind)


def listed(left: str, values: list[Iri]) -> st.SearchStrategy[Constraint]:
    def build(operator: Operator, chosen: list[Iri]) -> Constraint:
        many = operator in {Operator.IS_ANY_OF, Operator.IS_NONE_OF}
        return Constraint(ODRL + left, operator, tuple(chosen if many else chosen[:1]))

    some = st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)
    return st.builds(build, st.sampled_from(LISTS), some)


def ordered(left: str, values: st.SearchStrategy[Literal]) -> st.SearchStrategy[Constraint]:
    return st.builds(
        lambda operator, value: Constraint(ODRL + left, operator, (value,)),
        st.sampled_from(SCALAR),
        values,
    )


ATOMS = st.one_of(
    ordered("percentage", st.sampled_from([0, 20, 50, 100, 120]).map(decimal)),
    ordered("count", st.sampled_from([0, 1, 2, 3]).map(decimal)),
    ordered(
        "dateTime", st.builds(day, st.sampled_from(DAYS), st.sampled_from(["date", "dateTime"]))
    ),
    listed("purpose", PURPOSES),
    listed("language", LANGUAGES),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.builds(
        lambda connective, parts: LogicalConstraint(connective, tuple(parts)),
        st.sampled_from([Connective.AND, Connective.OR, Connective.XONE]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)
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
        permissions=tuple(permissions),
        prohibitions=tuple(bans),
        conflict=conflict,
    )


def known(values: list[FactValue]) -> st.SearchStrategy[tuple[FactValue, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(tuple)


FACTS = {
    ODRL + "percentage": st.sampled_from([0, 20, 30, 50, 100]).map(lambda n: (decimal(n),)),
    ODRL + "count": st.sampled_from([0, 1, 2, 3]).map(lambda n: (decimal(n),)),
    ODRL + "dateTime": st.sampled_from([*DAYS, "2026-02-02"]).map(
        lambda text: (day(text, "dateTime"),)
    ),
    ODRL + "purpose": known([*PURPOSES, Iri(DPV + "PersonalisedAdvertising")]),
    ODRL + "language": known(list(LANGUAGES)),
}
REQUESTS = st.builds(
    lambda action, facts: Request(action, facts=facts),
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


@settings(max_examples=150, deadline=None)
@given(PERMISSIONS, st.lists(REQUESTS, min_size=1, max_size=8))
def test_what_can_never_hold_never_grants(rule: Permission, requests: list[Request]) -> None:
    item = policy([rule], [])
    if {found.code for found in validate(item)} & {"unsatisfiable", "never-true"}:
        assert not any(decided(item, request).granted for request in requests)


@settings(max_examples=150, deadline=None)
@given(PERMISSIONS, st.lists(REQUESTS, min_size=1, max_size=8))
def test_what_is_redundant_may_go(rule: Permission, requests: list[Request]) -> None:
    item = policy([rule], [])
    gone = {
        int(found.path.rpartition("/")[2]) for found in validate(item) if found.code == "redundant"
    }
    kept = tuple(part for place, part in enumerate(rule.constraints) if place not in gone)
    less = policy([replace(rule, constraints=kept)], [])
    for request in requests:
        assert decided(item, request).granted is decided(less, request).granted


@settings(max_examples=150, deadline=None)
@given(ATOMS | CONDITIONS, st.lists(REQUESTS, min_size=1, max_size=8))
def test_what_always_holds_holds_for_each_known_value(
    item: Condition, requests: list[Request]
) -> None:
    with_it = policy([Permission(action=Action(ODRL + "use"), constraints=(item,))], [])
    found = {(i.code, i.path) for i in validate(with_it)}
    if ("always-true", "/permission/0/constraint/0") not in found:
        return
    stated = _lefts(item)
    for request in requests:
        if all(left in request.facts for left in stated) and isinstance(item, Constraint):
            assert decided(with_it, replace(request, action=ODRL + "read")).granted


def _lefts(item: Condition) -> set[str]:
    if isinstance(item, Constraint):
        return {item.left}
    return set().union(*(_lefts(part) for part in item.operands))


@settings(max_examples=150, deadline=None)
@given(st.lists(PERMISSIONS, min_size=2, max_size=3), st.lists(REQUESTS, min_size=1, max_size=8))
def test_what_is_shadowed_may_go(rules: list[Permission], requests: list[Request]) -> None:
    item = policy(rules, [])
    gone = {
        at_rule("permission", found.path) for found in validate(item) if found.code == "shadowed"
    }
    less = policy([rule for place, rule in enumerate(rules) if place not in gone], [])
    for request in requests:
        assert decided(item, request).granted is decided(less, request).granted


@settings(max_examples=150, deadline=None)
@given(
    st.lists(PERMISSIONS, min_size=1, max_size=2),
    st.lists(BANS, min_size=1, max_size=2),
    st.lists(REQUESTS, min_size=1, max_size=8),
)
def test_what_is_never_usable_never_grants(
    rules: list[Permission], bans: list[Prohibition], requests: list[Request]
) -> None:
    item = policy(rules, bans, Conflict.PROHIBIT)
    lost = {
        at_rule("permission", found.path)
        for found in validate(item)
        if found.code == "never-usable"
    }
    for place in lost:
        alone = policy([rules[place]], bans, Conflict.PROHIBIT)
        assert not any(decided(alone, request).granted for request in requests)


@settings(max_examples=150, deadline=None)
@given(st.lists(BANS, min_size=2, max_size=3), st.lists(REQUESTS, min_size=1, max_size=8))
def test_a_prohibition_that_is_shadowed_may_go(
    bans: list[Prohibition], requests: list[Request]
) -> None:
    anything = Permission(action=Action(ODRL + "use"))
    item = policy([anything], bans, Conflict.PROHIBIT)
    gone = {
        at_rule("prohibition", found.path)
        for found in validate(item)
        if found.code == "ban-shadowed"
    }
    left = [ban for place, ban in enumerate(bans) if place not in gone]
    less = policy([anything], left, Conflict.PROHIBIT)
    for request in requests:
        assert decided(item, request).granted is decided(less, request).granted

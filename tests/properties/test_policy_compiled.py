"""A prepared policy answers as a whole evaluation does, whatever is asked, and when asked again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies_odrl import Facts, Mode, Policy, Request, compile_policy, evaluate
from tests.support import policy_strategies as some

PROFILE = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@PROFILE
@given(
    some.policies,
    st.lists(st.tuples(some.requests, some.facts), min_size=1, max_size=4),
    st.fixed_dictionaries({"mode": st.sampled_from(list(Mode)), "tentative": st.booleans()}),
)
def test_the_same_answers(
    policy: Policy, asked: list[tuple[Request, Facts]], options: dict[str, Any]
) -> None:
    compiled = compile_policy(policy, **options)
    for request, facts in (*asked, *asked):
        whole = evaluate(policy, request, facts, **options)
        assert compiled.permits(request, facts) is whole.granted


@PROFILE
@given(some.policies, some.requests, some.facts, st.sampled_from(some.PARTIES))
def test_the_same_answers_where_members_are_known(
    policy: Policy, request: Request, facts: Facts, holder: str
) -> None:
    known = replace(facts, members={holder: frozenset(some.PARTIES), "urn:c": frozenset()})
    compiled = compile_policy(policy)
    assert compiled.permits(request, known) is evaluate(policy, request, known).granted


@PROFILE
@given(some.policies, some.requests, some.facts)
def test_the_same_answers_without_names(policy: Policy, request: Request, facts: Facts) -> None:
    compiled = compile_policy(policy)
    for asked in (
        replace(request, target=None),
        replace(request, assignee=""),
        replace(request, action="urn:example:act"),
    ):
        assert compiled.permits(asked, facts) is evaluate(policy, asked, facts).granted

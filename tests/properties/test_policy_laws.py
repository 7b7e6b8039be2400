"""Laws of the policy engine, on random policies, requests and facts."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from connector.jsonld.policy import policy_bytes, read_policy
from policies_odrl import (
    Answer,
    Constraint,
    Facts,
    Mode,
    Policy,
    Request,
    compile_policy,
    contains,
    evaluate,
    explain,
    same_meaning,
    validate,
)
from policies_odrl.comparison.meet import meet
from policies_odrl.evaluation.request import imagined
from tests.support import policy_strategies as some

PROFILE = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@PROFILE
@given(some.policies, some.requests, some.facts, st.integers(0, 999))
def test_order_of_rules_and_constraints_never_matters(
    policy: Policy, request: Request, facts: Facts, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - an order, no secret

    def shuffled(items: tuple) -> tuple:
        return tuple(chance.sample(items, len(items)))

    other = replace(
        policy,
        permissions=shuffled(
            tuple(replace(r, constraints=shuffled(r.constraints)) for r in policy.permissions)
        ),
        prohibitions=shuffled(
            tuple(replace(r, constraints=shuffled(r.constraints)) for r in policy.prohibitions)
        ),
    )
    mine, theirs = evaluate(policy, request, facts), evaluate(other, request, facts)
    assert (mine.granted, mine.void, mine.missing) == (theirs.granted, theirs.void, theirs.missing)


@PROFILE
@given(some.policies, some.requests, some.facts, st.data())
def test_taking_a_fact_away_never_grants(
    policy: Policy, request: Request, facts: Facts, data: st.DataObject
) -> None:
    if not request.facts:
        return
    gone = data.draw(st.sampled_from(sorted(request.facts)))
    less = replace(request, facts={k: v for k, v in request.facts.items() if k != gone})
    if evaluate(policy, less, facts).granted:
        assert evaluate(policy, request, facts).granted


@PROFILE
@given(some.policies, some.requests, some.facts)
def test_a_decision_says_why_and_a_permission_whose_every_part_is_true_grants(
    policy: Policy, request: Request, facts: Facts
) -> None:
    decision = evaluate(policy, request, facts)
    assert decision.reasons
    assert all(reason and "\n" not in reason for reason in decision.reasons)
    if decision.granted:
        granting = [r for r in decision.rules if r.effect.value == "grants"]
        assert granting
        assert all(not list(r.failures()) for r in granting)


@PROFILE
@given(some.policies, some.policies, some.requests, some.facts)
def test_containment_agrees_with_evaluation(
    offer: Policy, wish: Policy, request: Request, facts: Facts
) -> None:
    found = contains(offer, wish)
    event(found.answer.value)
    if found.answer is Answer.YES:
        assert not found.gaps
        for mode in Mode:
            if evaluate(wish, request, facts, mode=mode).granted:
                assert evaluate(offer, request, facts, mode=mode).granted
    if found.answer is Answer.NO:
        assert found.witness is not None
        assert found.gaps
        then = imagined(found.witness, Facts())
        modes = [
            mode
            for mode in Mode
            if evaluate(wish, found.witness, then, mode=mode).granted
            and not evaluate(offer, found.witness, then, mode=mode).granted
        ]
        assert modes


@PROFILE
@given(some.policies, some.atoms, some.atoms, some.requests, some.facts, st.data())
def test_containment_agrees_with_evaluation_for_near_terms(
    offer: Policy,
    mine: Constraint,
    other: Constraint,
    request: Request,
    facts: Facts,
    data: st.DataObject,
) -> None:
    """Two policies that differ in one constraint on one operand: here Yes and No are frequent."""
    other = replace(other, left=mine.left, right=data.draw(st.sampled_from([other, mine])).right)
    rule = replace(offer.permissions[0], duties=())
    offer = replace(offer, obligations=(), prohibitions=())
    left = replace(offer, permissions=(replace(rule, constraints=(*rule.constraints, mine)),))
    right = replace(offer, permissions=(replace(rule, constraints=(*rule.constraints, other)),))
    found = contains(left, right)
    event(found.answer.value)
    if found.answer is Answer.YES and evaluate(right, request, facts).granted:
        assert evaluate(left, request, facts).granted


@PROFILE
@given(some.policies, some.policies, some.requests, some.facts)
def test_the_common_policy_never_permits_more_than_either(
    offer: Policy, wish: Policy, request: Request, facts: Facts
) -> None:
    common = meet(offer, wish)
    event("met" if common else "apart")
    if common is not None and evaluate(common, request, facts, tentative=True).granted:
        assert evaluate(offer, request, facts).granted
        assert evaluate(wish, request, facts).granted


@PROFILE
@given(some.policies, some.conditions, some.requests, some.facts)
def test_a_narrower_wish_is_contained_and_narrowing_it_gives_just_that(
    offer: Policy, extra: object, request: Request, facts: Facts
) -> None:
    offer = replace(offer, permissions=offer.permissions[:1])
    rule = offer.permissions[0]
    wish = replace(offer, permissions=(replace(rule, constraints=(*rule.constraints, extra)),))
    assert contains(offer, wish).answer is Answer.YES
    agreed = meet(offer, wish)
    if agreed is None:
        assert not evaluate(wish, request, facts).granted
    else:
        assert (
            evaluate(agreed, request, facts, tentative=True).granted
            == evaluate(wish, request, facts).granted
        )


@PROFILE
@given(some.policies)
def test_a_policy_contains_and_means_itself(policy: Policy) -> None:
    assert contains(policy, policy).answer is Answer.YES
    assert same_meaning(policy, policy)


@PROFILE
@given(some.policies, some.policies, some.requests, some.facts)
def test_policies_of_one_meaning_decide_alike(
    left: Policy, right: Policy, request: Request, facts: Facts
) -> None:
    if same_meaning(left, right):
        assert evaluate(left, request, facts).granted == evaluate(right, request, facts).granted


@settings(PROFILE, max_examples=40)
@given(some.policies)
def test_reader_and_writer_round_trip(policy: Policy) -> None:
    data = policy_bytes(policy)
    assert read_policy(data) == policy
    assert policy_bytes(read_policy(data)) == data


@PROFILE
@given(some.policies, st.sampled_from(["en", "fr"]))
def test_every_policy_can_be_explained_and_checked(policy: Policy, lang: str) -> None:
    sentences = explain(policy, lang)
    assert len(sentences) == len(set(sentences))
    assert all(
        "{" not in line and (line.endswith((".", ":")) or line.startswith("["))
        for line in sentences
    )
    for finding in validate(policy, lang):
        assert "{" not in finding.sentence + finding.fix


# -- a prepared policy answers as a whole evaluation does, also when asked again ------------------


@settings(PROFILE, max_examples=150)
@given(
    some.policies,
    st.lists(st.tuples(some.requests, some.facts), min_size=1, max_size=4),
    st.fixed_dictionaries({"mode": st.sampled_from(list(Mode)), "tentative": st.booleans()}),
    st.sampled_from(some.PARTIES),
)
def test_a_compiled_policy_answers_alike(
    policy: Policy, asked: list[tuple[Request, Facts]], options: dict[str, Any], holder: str
) -> None:
    compiled, plain = compile_policy(policy, **options), compile_policy(policy)
    for request, facts in (*asked, *asked):
        granted = evaluate(policy, request, facts, **options).granted
        assert compiled.permits(request, facts) is granted
    request, facts = asked[0]
    members = {holder: frozenset(some.PARTIES), "urn:c": frozenset()}
    for changes, known in (
        ({}, replace(facts, members=members)),
        ({"target": None}, facts),
        ({"assignee": ""}, facts),
        ({"action": "urn:example:act"}, facts),
    ):
        other = replace(request, **changes)
        assert plain.permits(other, known) is evaluate(policy, other, known).granted

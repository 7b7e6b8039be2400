"""Laws of the policy engine, on random policies, requests and facts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from connector.jsonld.policy import policy_bytes, read_policy
from policies_odrl import (
    Answer,
    Constraint,
    Facts,
    Mode,
    Permission,
    Policy,
    PolicyKind,
    Request,
    compile_policy,
    contains,
    evaluate,
    explain,
    same_meaning,
    simulate,
    validate,
)
from policies_odrl.checking.findings import Severity
from policies_odrl.comparison.meet import meet
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.request import Behaviour, imagined
from policies_odrl.model import Condition, incomplete
from tests.support import policy_strategies as some
from tests.support.choices import Choices
from tests.support.distilled import distilled


@dataclass(frozen=True)
class Drawn:
    """A policy, what is asked of it, and what it is compared or changed with."""

    policy: Policy
    other: Policy
    request: Request
    facts: Facts
    extra: Condition
    atoms: tuple[Constraint, Constraint]
    seed: int

    def grants(self, policy: Policy, **options: Any) -> bool:
        """Return whether a policy grants the request."""
        return evaluate(policy, self.request, self.facts, **options).granted

    def chance(self) -> random.Random:
        """Return the same chance each time."""
        return random.Random(self.seed)  # noqa: S311 - an order or a choice, no secret


def _drawn(pick: Choices) -> Drawn:
    policy = some.policy(pick)
    other = some.beside(policy, pick)
    request = some.asked_of(pick.one((policy, policy, policy, other)), pick)
    return Drawn(
        policy,
        other,
        request,
        some.facts_of(request, pick),
        some.condition(pick),
        (some.atom(pick), some.atom(pick)),
        pick.below(1000),
    )


def order_of_rules_and_constraints_never_matters(it: Drawn) -> None:
    policy, chance = it.policy, it.chance()

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
    mine, theirs = (evaluate(each, it.request, it.facts) for each in (policy, other))
    assert (mine.granted, mine.void, mine.missing) == (theirs.granted, theirs.void, theirs.missing)


def taking_a_fact_away_never_grants(it: Drawn) -> None:
    request = it.request
    if not request.facts:
        return
    gone = it.chance().choice(sorted(request.facts))
    less = replace(request, facts={k: v for k, v in request.facts.items() if k != gone})
    if evaluate(it.policy, less, it.facts).granted:
        assert it.grants(it.policy)


def a_decision_says_why_and_a_permission_whose_every_part_is_true_grants(it: Drawn) -> None:
    decision = evaluate(it.policy, it.request, it.facts)
    assert decision.reasons
    assert all(reason and "\n" not in reason for reason in decision.reasons)
    if decision.granted:
        granting = [r for r in decision.rules if r.effect.value == "grants"]
        assert granting
        assert all(not list(r.failures()) for r in granting)


def every_policy_can_be_explained_and_checked(it: Drawn) -> None:
    lang = it.chance().choice(["en", "fr"])
    sentences = explain(it.policy, lang)
    assert len(sentences) == len(set(sentences))
    assert all(
        "{" not in line and (line.endswith((".", ":")) or line.startswith("["))
        for line in sentences
    )
    for finding in validate(it.policy, lang):
        assert "{" not in finding.sentence + finding.fix


def containment_agrees_with_evaluation(it: Drawn) -> None:
    offer, wish = it.policy, it.other
    found = contains(offer, wish)
    if found.answer is Answer.YES:
        assert not found.gaps
        for mode in Mode:
            if it.grants(wish, mode=mode):
                assert it.grants(offer, mode=mode)
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


def containment_agrees_with_evaluation_for_near_terms(it: Drawn) -> None:
    """Two policies that differ in one constraint on one operand: here Yes and No are frequent."""
    mine, other = it.atoms
    other = replace(other, left=mine.left, right=it.chance().choice([other, mine]).right)
    rule = replace(it.policy.permissions[0], duties=())
    offer = replace(it.policy, obligations=(), prohibitions=())
    left = replace(offer, permissions=(replace(rule, constraints=(*rule.constraints, mine)),))
    right = replace(offer, permissions=(replace(rule, constraints=(*rule.constraints, other)),))
    found = contains(left, right)
    if found.answer is Answer.YES and it.grants(right):
        assert it.grants(left)


def the_common_policy_never_permits_more_than_either(it: Drawn) -> None:
    common = meet(it.policy, it.other)
    if common is not None and it.grants(common, tentative=True):
        assert it.grants(it.policy)
        assert it.grants(it.other)


def a_narrower_wish_is_contained_and_narrowing_it_gives_just_that(it: Drawn) -> None:
    offer = replace(it.policy, permissions=it.policy.permissions[:1])
    rule = offer.permissions[0]
    wish = replace(offer, permissions=(replace(rule, constraints=(*rule.constraints, it.extra)),))
    assert contains(offer, wish).answer is Answer.YES
    agreed = meet(offer, wish)
    assert it.grants(wish) is (agreed is not None and it.grants(agreed, tentative=True))


def a_policy_contains_and_means_itself(it: Drawn) -> None:
    assert contains(it.policy, it.policy).answer is Answer.YES
    assert same_meaning(it.policy, it.policy)


def policies_of_one_meaning_decide_alike(it: Drawn) -> None:
    if same_meaning(it.policy, it.other):
        assert it.grants(it.policy) == it.grants(it.other)


@distilled(_drawn, 384, fresh=15)
def test_a_decision_follows_from_what_is_stated(it: Drawn) -> None:
    for law in (
        order_of_rules_and_constraints_never_matters,
        taking_a_fact_away_never_grants,
        a_decision_says_why_and_a_permission_whose_every_part_is_true_grants,
        every_policy_can_be_explained_and_checked,
        a_policy_contains_and_means_itself,
        a_narrower_wish_is_contained_and_narrowing_it_gives_just_that,
    ):
        law(it)


def _two(pick: Choices) -> Drawn:
    it = _drawn(pick)
    if not pick.below(8):
        return it
    one, two = some.varied(pick)
    request = some.asked_of(pick.one((one, two)), pick)
    return replace(it, policy=one, other=two, request=request, facts=some.facts_of(request, pick))


@distilled(_two, 512)
def test_what_is_said_of_two_policies_holds_for_each_request(it: Drawn) -> None:
    for law in (
        containment_agrees_with_evaluation,
        containment_agrees_with_evaluation_for_near_terms,
        the_common_policy_never_permits_more_than_either,
        policies_of_one_meaning_decide_alike,
    ):
        law(it)


@distilled(some.policy, 192)
def test_reader_and_writer_round_trip(policy: Policy) -> None:
    data = policy_bytes(policy)
    assert read_policy(data) == policy
    assert policy_bytes(read_policy(data)) == data


# -- a prepared policy answers as a whole evaluation does, also when asked again ------------------


_Prepared = tuple[Policy, Sequence[tuple[Request, Facts]], dict[str, Any], str]


def _prepared(pick: Choices) -> _Prepared:
    policy = some.policy(pick)
    requests = [some.asked_of(policy, pick) for _ in range(1 + pick.below(8))]
    asked = [(request, some.facts_of(request, pick)) for request in requests]
    options = {"mode": pick.one(list(Mode)), "tentative": pick.yes()}
    return policy, asked, options, pick.one(some.PARTIES)


@distilled(_prepared, 320, fresh=30)
def test_a_compiled_policy_answers_alike(drawn: _Prepared) -> None:
    policy, asked, options, holder = drawn
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


# -- what the check calls an error ---------------------------------------------------------------


def _bare(policy: Policy, kind: PolicyKind, lacking: str) -> Policy:
    """Return a policy of a class without one thing that some classes need."""
    changed: dict[str, Any] = {"kind": kind}
    if lacking == "id":
        changed["id"] = ""
    elif lacking == "rules":
        changed.update(permissions=(), prohibitions=(), obligations=())
    elif lacking == "target":
        first, *others = policy.permissions
        changed["permissions"] = (replace(first, target=None), *others)
    return replace(policy, **changed)


def _asked(pick: Choices) -> tuple[Policy, Request, Facts]:
    lacking = ["", "id", "rules", "target"]
    whole = some.policy(pick)
    policy = _bare(whole, pick.one(list(PolicyKind)), pick.one(lacking))
    request = some.asked_of(whole, pick)
    return policy, request, some.facts_of(request, pick)


@distilled(_asked, 224, fresh=20)
def test_what_the_check_calls_an_error_is_not_evaluated(
    asked: tuple[Policy, Request, Facts],
) -> None:
    """An error of the whole policy: nothing is granted, by whichever verb; of a part: not by it."""
    policy, request, facts = asked
    errors = {(it.code, it.path) for it in validate(policy) if it.severity is Severity.ERROR}
    decision = evaluate(policy, request, facts, tentative=True)
    lacking = [(code, path) for path, code in incomplete(policy)]
    assert errors.issuperset(lacking)
    if lacking:
        assert not decision.granted
        assert not decision.rules
        assert not compile_policy(policy, tentative=True).permits(request, facts)
        assert not evaluate(policy, request, facts, behaviour=Behaviour.OPEN).granted
        assert not simulate(policy, request, facts).changes
        assert meet(policy, policy) is None
    places = {path for _, path in errors}
    for result in decision.rules:
        for part in (result, *result.conditions):
            if isinstance(result.rule, Permission) and part.path in places:
                assert result.effect is Effect.NOTHING

"""Laws of what a policy means: more information never turns an answer round, and the like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from policies_odrl import (
    Action,
    AssetRef,
    Constraint,
    Decision,
    Facts,
    Iri,
    Literal,
    Mode,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    Truth,
    evaluate,
)
from policies_odrl.evaluation.conditions import condition
from policies_odrl.evaluation.deontic import DutyState, Effect
from policies_odrl.evaluation.duties import blocks
from policies_odrl.evaluation.request import Behaviour, Case, Usage
from policies_odrl.model import ODRL, XSD, Condition
from tests.support import policy_strategies as some
from tests.support.choices import Choices
from tests.support.distilled import distilled
from tests.support.uses import released, reserve_use

START = datetime(2026, 1, 1, tzinfo=UTC)
PLACES = [
    "https://w3id.org/dpv/loc#FR",
    "https://w3id.org/dpv/loc#EU",
    "https://w3id.org/dpv/loc#US",
    "http://id.insee.fr/geo/departement/75",
    "urn:example:atlantis",
]
SPATIAL = some.every(
    [ODRL + "spatial"],
    [Operator.IS_PART_OF, Operator.EQ, Operator.NEQ, Operator.HAS_PART, Operator.IS_NONE_OF],
    [(Iri(place),) for place in PLACES],
)
CLOCKS = some.every(
    [ODRL + "delayPeriod", ODRL + "meteredTime"],
    some.ORDER,
    [(some.literal("duration", f"P{days}D"),) for days in range(5)],
)
ATOMS = [*some.ATOMS, SPATIAL, CLOCKS]
condition_of = some.joined(lambda pick: pick.one(pick.one(ATOMS)), most=5)
MOMENTS = [START + timedelta(days=days) for days in range(6)]
VALUES = {
    ODRL + "purpose": some.PURPOSES,
    ODRL + "spatial": PLACES,
    ODRL + "percentage": some.NUMBERS,
    ODRL + "count": some.NUMBERS,
    ODRL + "elapsedTime": ["P1D", "P29D", "P1M"],
    ODRL + "meteredTime": ["P1D", "PT1H"],
}
SINCES = [ODRL + name for name in ("purpose", "spatial", "percentage", "count")]


def some_of(whole: dict[str, Any], pick: Choices) -> dict[str, Any]:
    return {key: value for key, value in whole.items() if pick.yes()}


def _known(pick: Choices) -> tuple[Condition, Facts, Facts]:
    """A condition, all that is known, and a part of it."""
    item, now = condition_of(pick), START + timedelta(days=5)
    values = {left: (pick.one(known),) for left, known in VALUES.items()}
    since = {left: pick.one(MOMENTS) for left in SINCES}
    part = Facts(
        now=pick.one([None, now]), values=some_of(values, pick), since=some_of(since, pick)
    )
    return item, Facts(now=now, values=values, since=since), part


@distilled(_known, 64, fresh=60)
def test_more_information_never_turns_an_answer_round(
    known: tuple[Condition, Facts, Facts],
) -> None:
    item, full, part = known
    policy = Policy(kind=PolicyKind.SET, id="urn:example:p", timestamp=START.isoformat())
    request = Request(ODRL + "read")
    less = condition(item, "", Case.of(policy, request, part)).truth
    more = condition(item, "", Case.of(policy, request, full)).truth
    assert less in {Truth.UNDETERMINED, more}


@dataclass(frozen=True)
class Drawn:
    """A policy, what is asked of it, and what is added to it."""

    policy: Policy
    request: Request
    facts: Facts
    ban: Prohibition
    extra: Condition
    members: frozenset[str]

    def decided(self, policy: Policy, **options: Any) -> Decision:
        """Return what a policy says of the request."""
        return evaluate(policy, self.request, self.facts, **options)


def knowing_the_members_never_turns_a_premise_round(it: Drawn) -> None:
    team = PartyRef("urn:example:team", collection=True)
    rules = tuple(replace(rule, assignee=team) for rule in it.policy.permissions)
    policy = replace(it.policy, permissions=rules)
    known = replace(it.facts, members={"urn:example:team": it.members})
    for less, more in zip(
        it.decided(policy).rules, evaluate(policy, it.request, known).rules, strict=True
    ):
        assert less.concerns in {Truth.UNDETERMINED, more.concerns}
        assert less.applies in {Truth.UNDETERMINED, more.applies}


def adding_a_prohibition_never_grants_in_any_reading(it: Drawn) -> None:
    more = replace(it.policy, prohibitions=(*it.policy.prohibitions, it.ban))
    for mode, behaviour in product(Mode, Behaviour):
        if it.decided(more, mode=mode, behaviour=behaviour).granted:
            assert it.decided(it.policy, mode=mode, behaviour=behaviour).granted


def adding_a_constraint_or_a_refinement_never_grants(it: Drawn) -> None:
    rules = it.policy.permissions
    constrained = (replace(rule, constraints=(*rule.constraints, it.extra)) for rule in rules)
    refined = (
        replace(rule, action=Action(rule.action.id, (*rule.action.refinements, it.extra)))
        for rule in rules
    )
    whole = it.decided(it.policy).granted
    for narrower in (constrained, refined):
        more = replace(it.policy, permissions=tuple(narrower))
        assert whole or not it.decided(more).granted


def the_parts_of_a_decision_agree(it: Drawn) -> None:
    for mode in Mode:
        decision = it.decided(it.policy, mode=mode)
        for result in decision.rules:
            unread = isinstance(result.rule, Prohibition) and result.rule.unread
            held = () if unread else (item.truth for item in result.constraints)
            if Truth.FALSE in {result.concerns, *held}:
                assert result.applies is Truth.FALSE
            if result.effect is Effect.GRANTS:
                assert result.applies is Truth.TRUE
                assert not any(blocks(duty, mode) for duty in result.duties)
            if isinstance(result.rule, Prohibition) and result.applies is not Truth.FALSE:
                assert result.effect is Effect.BLOCKS
        assert not any(
            item.state in {DutyState.FULFILLED, DutyState.INACTIVE} for item in decision.due
        )


def open_behaviour_grants_only_what_no_rule_is_about(it: Drawn) -> None:
    opened = it.decided(it.policy, behaviour=Behaviour.OPEN)
    if opened.granted and not it.decided(it.policy).granted:
        assert all(result.applies is Truth.FALSE for result in opened.rules)
        assert opened.reasons == ("nothing prohibits it, and open behaviour was asked for",)


def _drawn(pick: Choices) -> Drawn:
    policy = some.policy(pick)
    request = some.asked_of(policy, pick)
    return Drawn(
        policy,
        request,
        some.facts_of(request, pick),
        some.prohibition(pick),
        condition_of(pick),
        frozenset(pick.several(some.PARTIES, (0, 1, 2))),
    )


@distilled(_drawn, 192, fresh=15)
def test_what_is_added_never_grants_and_the_parts_agree(it: Drawn) -> None:
    for law in (
        knowing_the_members_never_turns_a_premise_round,
        adding_a_prohibition_never_grants_in_any_reading,
        adding_a_constraint_or_a_refinement_never_grants,
        the_parts_of_a_decision_agree,
        open_behaviour_grants_only_what_no_rule_is_about,
    ):
        law(it)


@distilled(lambda pick: (pick.below(6), pick.several((False, True), range(13))), 16, fresh=30)
def test_a_limit_lets_just_so_many_uses_through(drawn: tuple[int, Sequence[bool]]) -> None:
    most, failures = drawn
    limit = Constraint(ODRL + "count", Operator.LTEQ, (Literal(str(most), XSD + "integer"),))
    rule = Permission(action=Action(ODRL + "read"), constraints=(limit,))
    policy = Policy(
        kind=PolicyKind.SET,
        id="urn:example:p",
        target=AssetRef("urn:example:a"),
        permissions=(rule,),
    )
    usage = Usage({"urn:example:p": START})
    request, taken = Request(ODRL + "read", "urn:example:alice", "urn:example:a"), 0
    for index, fails in enumerate(failures):
        facts = Facts(now=START + timedelta(days=index), usage=usage)
        decision, usage = reserve_use(policy, request, facts, f"t{index}")
        assert decision.granted is (taken < most)
        if decision.granted and fails:
            usage = released(usage, f"t{index}")
        elif decision.granted:
            taken += 1
    assert sum(len(uses) for uses in usage.uses.values()) == taken

"""Policies of every shape are tried out without a crash, and what is told is true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from policies_odrl import (
    Action,
    Connective,
    Duty,
    Facts,
    LogicalConstraint,
    Policy,
    Request,
    evaluate,
    simulate,
    tell,
)
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.model import ODRL
from policies_odrl.simulation.changes import applied
from policies_odrl.vocabulary import PROFILE
from tests.support.odd_policies import odd_policies
from tests.support.policies import amount, name_is, one_rule, until
from tests.support.policy_strategies import facts as some_facts
from tests.support.policy_strategies import requests


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=40)
@given(policy=odd_policies, request=requests, facts=some_facts, same_action=st.booleans())
def test_odd_policies_are_tried_out(
    policy: Policy, request: Request, facts: Facts, *, same_action: bool
) -> None:
    assume("operands=()" not in repr(policy))  # a choice of nothing is refused by the reader
    policy = replace(policy, profiles=(PROFILE,), replaced_by="", inherits=())
    if same_action and policy.permissions:
        request = replace(request, action=policy.permissions[0].action.id)
    found = simulate(policy, request, facts)
    for changes in found.changes:
        asked, known = applied(changes, found.request, found.facts)
        assert evaluate(policy, asked, known, tentative=found.tentative).granted
    for lang in LANGUAGES:
        assert tell(found, lang)


@pytest.mark.parametrize(
    "duty",
    [
        Duty(action=Action("urn:x:act")),
        Duty(action=Action(ODRL + "inform"), constraints=(amount("epsilon", "many"),)),
        Duty(action=Action(ODRL + "inform"), constraints=(name_is(ODRL + "event", "urn:x:e"),)),
        Duty(
            action=Action(ODRL + "inform", (until("2020-01-01Z"),)),
            constraints=(
                LogicalConstraint(Connective.XONE, (until("2020-01-01Z"), until("2021-01-01Z"))),
            ),
            consequences=(Duty(action=Action(ODRL + "delete")),),
        ),
    ],
)
def test_duties_of_odd_shapes_are_told(duty: Duty) -> None:
    policy = one_rule("read")
    policy = replace(
        policy,
        permissions=(replace(policy.permissions[0], duties=(duty,)),),
        obligations=(duty,),
    )
    for facts in (Facts(), Facts(now=None, recorded={})):
        found = simulate(policy, Request(ODRL + "read"), facts)
        assert len(tell(found)) > 1 or found.granted


@pytest.mark.parametrize(
    "now",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    ],
)
def test_the_ends_of_time_are_tried_out(now: datetime) -> None:
    item = one_rule("read")
    duty = Duty(action=Action(ODRL + "inform"))
    item = replace(item, permissions=(replace(item.permissions[0], duties=(duty,)),))
    asked = Request(ODRL + "read", "urn:example:a")
    assert not simulate(item, asked, Facts(now=now)).decision.granted

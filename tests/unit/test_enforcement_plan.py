"""Plans as they are signed, and the steps that are executed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.bootstrap.mechanisms import MECHANISMS
from connector.enforcement import plan as plans
from connector.enforcement.compile import compile_agreement
from connector.enforcement.ground import Ground
from connector.enforcement.mechanisms import train
from connector.enforcement.plan import Plan, Step, Use
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.review import Review
from connector.enforcement.steps.training import TrainingStep
from connector.enforcement.steps.where import Where
from connector.errors import AgreementTampered, StepUnknown
from connector.jsonld.canonical import canonical
from federated.reading import Member, read
from policies_odrl.vocabulary import PREAU
from tests.support.each import over
from tests.support.policies import agreed, training_offer

PLAN = compile_agreement(agreed(training_offer()), MECHANISMS, Ground((), "", 1))


def fault(pointer: str, what: str) -> AgreementTampered:
    return AgreementTampered(f"{pointer}: {what}")


def test_a_plan_is_read_as_it_was_written() -> None:
    data = canonical(PLAN.as_json())
    assert plans.read(read(data, fault)) == PLAN
    assert PLAN.valid_until == datetime(2027, 6, 30, 22, tzinfo=UTC)
    assert [each.kind for each in PLAN.uses[0].steps] == ["where", "train"]
    assert replace(PLAN, valid_until=None) == plans.read(
        Member(json.loads(canonical(replace(PLAN, valid_until=None).as_json())), fault)
    )


SPOILED: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda p: p.update(version=2),
    "no version": lambda p: p.pop("version"),
    "a further member": lambda p: p.update(more=1),
    "too many uses": lambda p: p.update(uses=p["uses"] * 17),
    "an end that is none": lambda p: p.update(validUntil="2027"),
    "no step": lambda p: p["uses"][0].update(steps=[]),
    "a step without a kind": lambda p: p["uses"][0]["steps"][0].pop("kind"),
    "a step of version 0": lambda p: p["uses"][0]["steps"][0].update(version=0),
    "a use without mechanism": lambda p: p["uses"][0].pop("mechanism"),
}


@over("name", SPOILED)
def test_what_is_no_plan_is_refused(name: str) -> None:
    value = json.loads(canonical(PLAN.as_json()))
    SPOILED[name](value)
    with pytest.raises(AgreementTampered):
        plans.read(Member(value, fault))


def altered(**members: Any) -> Plan:
    use = PLAN.uses[0]
    where, step = use.steps
    return replace(PLAN, uses=(replace(use, steps=(where, replace(step, **members))),))


UNKNOWN: dict[str, Plan] = {
    "a later version": altered(version=2),
    "another kind": altered(kind="synthesise"),
    "a member less": altered(body={"epsilon": 1.0}),
    "a member more": altered(body={**PLAN.uses[0].steps[1].body, "more": 1}),
    "an epsilon of nothing": altered(body={**PLAN.uses[0].steps[1].body, "epsilon": 0}),
    "no site": altered(body={**PLAN.uses[0].steps[1].body, "minimumSites": 0}),
    "twice": replace(
        PLAN, uses=(replace(PLAN.uses[0], steps=(*PLAN.uses[0].steps, PLAN.uses[0].steps[1])),)
    ),
    "in another order": replace(
        PLAN, uses=(replace(PLAN.uses[0], steps=PLAN.uses[0].steps[::-1]),)
    ),
    "a step less": replace(PLAN, uses=(replace(PLAN.uses[0], steps=PLAN.uses[0].steps[1:]),)),
    "of another mechanism": Plan(None, (Use("urn:act", "other", PLAN.uses[0].steps),)),
    "an unknown place": replace(
        PLAN,
        uses=(
            replace(
                PLAN.uses[0],
                steps=(Step("where", 1, {"runs": "elsewhere"}), PLAN.uses[0].steps[1]),
            ),
        ),
    ),
}


@over("name", UNKNOWN)
def test_a_step_that_is_not_known_is_refused_before_anything_is_done(name: str) -> None:
    with pytest.raises(StepUnknown):
        train.steps_of(UNKNOWN[name])


def test_a_report_holds_of_the_same_steps_whoever_reviews_what_they_make() -> None:
    use = PLAN.uses[0]
    reviewed = replace(use, steps=(*use.steps, steps.signed(Review(2))))
    assert reviewed.digest == use.digest
    assert replace(use, steps=use.steps[:1]).digest != use.digest


def test_a_step_says_what_an_executor_does() -> None:
    step = TrainingStep(2.5, 1e-6, PREAU + "Person", 3, 4)
    for each in (step, Where("training")):
        assert steps.typed(steps.signed(each)) == each
    changed = altered(body=step.body())
    assert train.steps_of(changed) == (None, step)
    assert steps.spends(changed) == (2.5, 1e-6)

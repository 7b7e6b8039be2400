"""Agreement to plan, and a job against its agreement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bootstrap.mechanisms import MECHANISMS
from connector.domain.decision import Refusal
from connector.enforcement import compile as compiling
from connector.enforcement import decide as decisions
from connector.enforcement.compile import Outline
from connector.enforcement.ground import Ground
from connector.enforcement.mechanisms import train
from connector.enforcement.mechanisms.train import JobFacts
from connector.enforcement.steps.training import TrainingStep
from connector.errors import BY_CODE, ConstraintUnknown, PolicyInvalid
from policies_odrl import Action, Conflict, Connective, LogicalConstraint, Policy, Prohibition
from policies_odrl.model import Condition
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.each import over
from tests.support.policies import (
    CONSUMER,
    DATASET,
    EDUCATION,
    NOW,
    PROVIDER,
    SPACE,
    agreed,
    amount,
    name_is,
    one_rule,
    purpose,
    training_offer,
    training_terms,
    until,
)

CONTRACT = agreed(training_offer())
GROUND = Ground((), "", 1)


def outline(policy: Policy) -> Outline:
    return compiling.outline(policy, MECHANISMS)


def training(policy: Policy) -> TrainingStep:
    return train.steps_of(compiling.compile_agreement(policy, MECHANISMS, GROUND))[1]


def decide(policy: Policy, job: JobFacts) -> Refusal | None:
    return decisions.decide(policy, job.use(), train.MECHANISM)


PERSON = PREAU + "Person"


def with_terms(*terms: Condition) -> Policy:
    offer = training_offer()
    rule = replace(offer.permissions[0], constraints=terms)
    return agreed(replace(offer, permissions=(rule,)))


def without(name: str, *more: Condition) -> Policy:
    kept = [item for item in training_terms() if not item.left.endswith("#" + name)]
    return with_terms(*kept, *more)


JOB = JobFacts(
    assignee=CONSUMER,
    target=DATASET,
    purpose=EDUCATION + "ResearchManagement",
    now=NOW,
    memberships=(SPACE,),
    epsilon=3.0,
    delta=1e-5,
    rows_per_person=4,
    sites=3,
)


def test_plan_of_the_contract() -> None:
    assert training(CONTRACT) == TrainingStep(
        epsilon=3.0, delta=1e-5, unit=PERSON, rows_per_person=4, minimum_sites=3
    )
    plan = outline(CONTRACT)
    assert (plan.figures.epsilon, plan.figures.delta, plan.figures.minimum_sites) == (3.0, 1e-5, 3)
    assert plan.memberships == (SPACE,)
    assert plan.valid_until == datetime(2027, 6, 30, 22, tzinfo=UTC)
    assert len(plan.coverage) == 9


def test_the_strictest_of_several_bounds_counts() -> None:
    policy = with_terms(
        *training_terms(),
        amount("epsilon", "2"),
        LogicalConstraint(
            Connective.AND,
            (amount("minimumSites", "7", "gteq"), until("2026-12-31", "lteq")),
        ),
        until("2027-01-05", "lt"),
    )
    assert training(policy).epsilon == outline(policy).figures.epsilon == 2
    assert training(policy).minimum_sites == 7
    assert outline(policy).valid_until == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_level_of_protection_is_a_fact_that_the_node_knows() -> None:
    for level in ("Raw", "Anonymised", "Aggregated"):
        term = name_is("protectionLevel", PREAU + level, "gteq")
        policy = with_terms(*training_terms(), term)
        outline(policy)
        assert decide(policy, JOB) is None
    unmet = with_terms(*training_terms(), name_is("protectionLevel", PREAU + "Synthetic"))
    refusal = decide(unmet, JOB)
    assert refusal is not None
    assert "protectionLevel" in " ".join(refusal.reasons)


def test_alternatives_set_no_bound_of_the_plan_but_are_decided() -> None:
    either = LogicalConstraint(Connective.OR, (until("2026-01-01"), purpose("Marketing")))
    policy = with_terms(*training_terms(), either)
    assert outline(policy).valid_until == outline(CONTRACT).valid_until
    refusal = decide(policy, JOB)
    assert refusal is not None
    assert refusal.code == "CONTRACT_EXPIRED"


def test_limits_that_are_not_stated() -> None:
    bare = with_terms(
        amount("epsilon", "1"), amount("delta", "0.001"), name_is("unitOfPrivacy", PERSON)
    )
    assert training(bare).rows_per_person == 0
    assert training(bare).minimum_sites == 1
    assert outline(bare).valid_until is None
    assert outline(bare).memberships == ()


NO_PLAN: dict[str, tuple[Policy, str]] = {
    "an offer": (training_offer(), "target"),
    "no target": (replace(CONTRACT, target=None), "target"),
    "no assigner": (replace(CONTRACT, assigner=None), "assigner"),
    "no assignee": (replace(CONTRACT, assignee=None), "assignee"),
    "no epsilon": (without("epsilon"), "epsilon"),
    "no delta": (without("delta"), "delta"),
    "no unit of privacy": (without("unitOfPrivacy"), "unit of privacy"),
    "another unit of privacy": (
        without("unitOfPrivacy", name_is("unitOfPrivacy", "urn:row")),
        "unit of privacy",
    ),
    "two units of privacy": (
        with_terms(*training_terms(), name_is("unitOfPrivacy", "urn:row")),
        "unit of privacy",
    ),
    "an epsilon of zero": (without("epsilon", amount("epsilon", "0")), "above zero"),
    "a negative epsilon": (without("epsilon", amount("epsilon", "-1")), "above zero"),
    "an epsilon that is no number": (without("epsilon", amount("epsilon", "much")), "above zero"),
    "half a site": (
        without("minimumSites", amount("minimumSites", "2.5", "gteq")),
        "whole number",
    ),
    "more sites than a receipt can state": (
        without("minimumSites", amount("minimumSites", str(2**53), "gteq")),
        "at most 9007199254740991",
    ),
    "an epsilon that is zero to the ledger": (
        without("epsilon", amount("epsilon", "0." + "0" * 390 + "1")),
        "computed with",
    ),
    "a delta that is zero to the ledger": (
        without("delta", amount("delta", "0." + "0" * 390 + "1")),
        "computed with",
    ),
    "an epsilon that is infinite to the ledger": (
        without("epsilon", amount("epsilon", "1" + "0" * 310)),
        "computed with",
    ),
    "an end before all time": (
        with_terms(*training_terms(), until("0001-01-01T00:00:00+14:00")),
        "date or time",
    ),
    "an end after all time": (
        without("dateTime", until("9999-12-31T23:59:59-14:00")),
        "date or time",
    ),
    "an end that is no time": (with_terms(*training_terms(), until("soon")), "date or time"),
    "two permissions": (
        replace(CONTRACT, permissions=CONTRACT.permissions * 2),
        "one permission",
    ),
    "no permission": (replace(CONTRACT, permissions=()), "one permission"),
}


@over("name", NO_PLAN)
def test_no_plan(name: str) -> None:
    policy, part = NO_PLAN[name]
    with pytest.raises(PolicyInvalid) as caught:
        outline(policy)
    assert part in caught.value.reason


def test_the_largest_and_smallest_figures_have_a_plan() -> None:
    kept = [
        item
        for item in training_terms()
        if item.left not in {PREAU + "epsilon", PREAU + "delta", PREAU + "minimumSites"}
    ]
    policy = with_terms(
        *kept,
        amount("epsilon", "1" + "0" * 300),
        amount("delta", "0." + "0" * 299 + "1"),
        amount("minimumSites", str(2**53 - 1), "gteq"),
    )
    step = training(policy)
    assert (step.epsilon, step.delta) == (1e300, 1e-300)
    assert step.minimum_sites == 2**53 - 1


def test_the_end_of_a_contract_is_a_whole_second_and_never_later() -> None:
    policy = with_terms(*training_terms(), until("2026-12-01T00:00:00.75Z", "lteq"))
    assert outline(policy).valid_until == datetime(2026, 12, 1, tzinfo=UTC)
    first = with_terms(*training_terms(), until("0001-01-01T14:00:00+14:00"))
    assert outline(first).valid_until == datetime(1, 1, 1, tzinfo=UTC)


def test_no_plan_for_what_nobody_upholds() -> None:
    with pytest.raises(ConstraintUnknown):
        outline(one_rule("execute", kind="Agreement"))


# -- jobs -----------------------------------------------------------------------------------

ALLOWED: dict[str, dict[str, Any]] = {
    "as agreed": {},
    "the purpose itself": {"purpose": DPV + "AcademicResearch"},
    "a narrower purpose": {"purpose": EDUCATION + "ResearchDataManagement"},
    "less": {"epsilon": 0.1, "delta": 1e-6, "rows_per_person": 1, "sites": 9},
    "the last moment": {"now": datetime(2027, 6, 30, 22, tzinfo=UTC)},
    "another zone": {"now": NOW.astimezone()},
    "a member of two spaces": {"memberships": ("did:web:other.example", SPACE)},
}
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "another purpose": (
        {"purpose": DPV + "Marketing"},
        "PURPOSE_FORBIDDEN",
        "purpose isAnyOf AcademicResearch: given Marketing",
    ),
    "a wider purpose": (
        {"purpose": DPV + "ResearchAndDevelopment"},
        "PURPOSE_FORBIDDEN",
        "state a narrower one",
    ),
    "an unknown purpose": (
        {"purpose": "urn:example:study"},
        "PURPOSE_FORBIDDEN",
        "purpose isAnyOf AcademicResearch",
    ),
    "no purpose": ({"purpose": ""}, "PURPOSE_FORBIDDEN", "no value was given"),
    "too late": (
        {"now": datetime(2027, 6, 30, 22, 0, 1, tzinfo=UTC)},
        "CONTRACT_EXPIRED",
        "dateTime lteq 2027-06-30T22:00:00Z: given 2027-06-30T22:00:01Z",
    ),
    "no membership": (
        {"memberships": ()},
        "MEMBERSHIP_REQUIRED",
        f"membership eq {SPACE}: given none",
    ),
    "another membership": (
        {"memberships": ("did:web:other.example",)},
        "MEMBERSHIP_REQUIRED",
        "given did:web:other.example",
    ),
    "too much epsilon": (
        {"epsilon": 3.0000001},
        "BUDGET_EXCEEDED",
        "epsilon lteq 3: given 3.0000001",
    ),
    "infinite epsilon": ({"epsilon": float("inf")}, "BUDGET_EXCEEDED", "epsilon lteq 3"),
    "no number as epsilon": ({"epsilon": float("nan")}, "BUDGET_EXCEEDED", "epsilon lteq 3"),
    "too large a delta": ({"delta": 1e-4}, "BUDGET_EXCEEDED", "delta lteq 0.00001: given 0.0001"),
    "too few sites": ({"sites": 2}, "TOO_FEW_SITES", "minimumSites gteq 3: given 2"),
    "too many rows": ({"rows_per_person": 5}, "JOB_REFUSED", "rowsPerPerson lteq 4: given 5"),
    "another unit": ({"unit": "urn:row"}, "JOB_REFUSED", "unitOfPrivacy eq Person: given urn:row"),
    "another lead": ({"assignee": PROVIDER}, "JOB_REFUSED", "assignee"),
    "another dataset": ({"target": "urn:example:other"}, "JOB_REFUSED", "target"),
    "nobody": ({"assignee": ""}, "JOB_REFUSED", "assignee"),
    "everything wrong": (
        {"purpose": DPV + "Marketing", "memberships": (), "epsilon": 9.0, "sites": 1},
        "MEMBERSHIP_REQUIRED",
        "membership",
    ),
}


@over("name", ALLOWED)
def test_allowed(name: str) -> None:
    assert decide(CONTRACT, replace(JOB, **ALLOWED[name])) is None


@over("name", REFUSED)
def test_refused_with_its_code_and_reason(name: str) -> None:
    changes, code, part = REFUSED[name]
    refusal = decide(CONTRACT, replace(JOB, **changes))
    assert refusal is not None
    assert refusal.code == code
    assert code in BY_CODE
    assert part in refusal.reasons[0]
    assert all("\n" not in reason for reason in refusal.reasons)
    assert len(refusal.reasons) == len(changes)


def test_an_offer_allows_no_job() -> None:
    refusal = decide(training_offer(), JOB)
    assert refusal is not None
    assert refusal.code == "JOB_REFUSED"


def test_a_prohibition_refuses_a_job_that_the_permission_allows() -> None:
    ban = Prohibition(
        action=Action(PREAU + "federatedTraining"),
        constraints=(purpose(EDUCATION + "ResearchDataManagement", operator="isA"),),
    )
    banned = replace(CONTRACT, prohibitions=(ban,), conflict=Conflict.PROHIBIT)
    assert decide(banned, replace(JOB, purpose=EDUCATION + "ResearchUserStudyManagement")) is None
    broader = decide(banned, replace(JOB, purpose=DPV + "AcademicResearch"))
    assert broader is not None
    assert "state a narrower one" in broader.reasons[1]
    refusal = decide(banned, replace(JOB, purpose=EDUCATION + "ResearchDataManagement"))
    assert refusal is not None
    assert refusal.code == "JOB_REFUSED"
    assert refusal.reasons == ("prohibited", "prohibition /prohibition/0")


def test_a_contract_without_permission_allows_nothing() -> None:
    refusal = decide(replace(CONTRACT, permissions=()), JOB)
    assert refusal is not None
    assert refusal.code == "JOB_REFUSED"


@given(
    epsilon=st.floats(0, 10),
    sites=st.integers(0, 10),
    days=st.integers(-400, 400),
    rows=st.integers(0, 10),
)
def test_a_job_is_allowed_exactly_within_the_plan(
    epsilon: float, sites: int, days: int, rows: int
) -> None:
    step, end = training(CONTRACT), outline(CONTRACT).valid_until
    assert end is not None
    now = end + timedelta(days=days)
    job = replace(JOB, epsilon=epsilon, sites=sites, now=now, rows_per_person=rows)
    within = (
        epsilon <= step.epsilon
        and sites >= step.minimum_sites
        and now <= end
        and rows <= step.rows_per_person
    )
    assert (decide(CONTRACT, job) is None) is within

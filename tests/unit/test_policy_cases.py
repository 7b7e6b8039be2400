"""Each row of `tests/cases` is asked of each verb that it names, and of those that it implies."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from policies_odrl import Mode, contains, evaluate, simulate, term_changes
from policies_odrl.comparison.meet import meet
from policies_odrl.evaluation.compiled import compile_policy
from tests.support.cases import Case, answer, cases
from tests.support.conflicts import conflict_between, conflict_within

CASES = cases()


def of(verb: str) -> list[Case]:
    return [case for case in CASES if verb in case.row["answers"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_verb_answers_as_the_row_says(case: Case) -> None:
    for verb, wanted in case.row["answers"].items():
        assert json.loads(json.dumps(answer(verb, case))) == wanted, verb


@pytest.mark.parametrize("case", of("evaluate"), ids=lambda case: case.name)
def test_a_compiled_policy_decides_the_same(case: Case) -> None:
    reading = {key: value for key, value in case.reading.items() if key != "behaviour"}
    if len(reading) < len(case.reading):
        return  # a compiled policy is closed
    compiled = compile_policy(case.policies[0], case.knowledge, **reading)
    granted = case.row["answers"]["evaluate"].get("granted", False)
    assert compiled.permits(case.request, case.facts) is granted
    assert compiled.decide(case.request, case.facts).granted is granted


@pytest.mark.parametrize("case", of("evaluate"), ids=lambda case: case.name)
def test_a_simulation_decides_the_same(case: Case) -> None:
    granted = case.row["answers"]["evaluate"].get("granted", False)
    mode = case.reading.get("mode", Mode.W3C)
    found = simulate(case.policies[0], case.request, case.facts, mode=mode)
    if found.facts == case.facts and not found.tentative and "behaviour" not in case.row:
        assert found.decision.granted is granted
    elif granted:  # a first use that nobody counts is imagined, and takes nothing away
        assert found.decision.granted or found.tentative or "behaviour" in case.row


@pytest.mark.parametrize("case", of("contains"), ids=lambda case: case.name)
def test_a_witness_is_granted_by_the_request_alone(case: Case) -> None:
    offer, request, *_ = case.policies
    found = contains(offer, request, case.knowledge)
    assert (found.witness is not None) is (found.answer.value == "no")
    if found.witness is not None:
        facts = replace(case.facts, values=found.witness.facts)  # the time is never the request's
        asked = [evaluate(it, found.witness, facts, tentative=True) for it in (offer, request)]
        assert [item.granted for item in asked] == [False, True]


@pytest.mark.parametrize("case", of("meet"), ids=lambda case: case.name)
def test_a_meet_is_within_both(case: Case) -> None:
    common = meet(*case.policies, case.knowledge)
    for policy in case.policies if common is not None else ():
        assert contains(policy, common, case.knowledge).answer.value != "no"


@pytest.mark.parametrize("case", of("term_changes"), ids=lambda case: case.name)
def test_a_policy_does_not_differ_from_itself(case: Case) -> None:
    for policy in case.policies:
        assert term_changes(policy, policy, case.knowledge) == ()


@pytest.mark.parametrize("case", of("conflict"), ids=lambda case: case.name)
def test_an_example_of_a_verdict_is_one(case: Case) -> None:
    if '"duty"' in json.dumps(case.row) or "andSequence" in json.dumps(case.row):
        return  # duties are taken as promised, and a request does not say since when a value holds
    ask = conflict_between if len(case.policies) > 1 else conflict_within
    found = ask(*case.policies, case.knowledge, anchors=case.facts.anchors)  # type: ignore[operator]
    if found.witness is None or found.answer.value != "Compatible":
        return
    for policy in case.policies:
        asked, facts = found.witness.request, found.witness.facts
        if policy.permissions:
            assert evaluate(policy, asked, facts, tentative=True).granted


def test_names_are_told_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_refusals_outnumber_grants() -> None:
    told = [case.row["answers"]["evaluate"] for case in of("evaluate") if "about" in case.row]
    granted = sum(item.get("granted", False) for item in told)
    assert 0 < granted < len(told) - granted

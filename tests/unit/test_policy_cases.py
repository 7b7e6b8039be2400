"""Each row of `tests/cases` is asked of each verb that it names, and of those that it implies."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Final

import pytest

from policies_odrl import (
    Mode,
    compile_policy,
    contains,
    evaluate,
    explain,
    from_sentences,
    simulate,
    term_changes,
)
from policies_odrl.comparison.meet import meet
from policies_odrl.language.explain import spelled
from policies_odrl.language.phrases import LANGUAGES
from tests.support.cases import Case, answer, cases, check_sets
from tests.support.each import batches, each

CASES = cases()
BATCHES, NAMES = batches(CASES, 25, lambda case: case.name)


def a_compiled_policy_decides_the_same(case: Case) -> None:
    if "behaviour" in case.row:
        return  # a compiled policy is closed
    compiled = compile_policy(case.policies[0], case.knowledge, **case.reading)
    granted = case.row["answers"]["evaluate"]["granted"]
    for _ in range(2):  # the second time from what was kept
        assert compiled.permits(case.request, case.facts) is granted


def a_simulation_decides_the_same(case: Case) -> None:
    granted = case.row["answers"]["evaluate"]["granted"]
    mode = case.reading.get("mode", Mode.W3C)
    found = simulate(case.policies[0], case.request, case.facts, mode=mode)
    if found.facts == case.facts and not found.tentative and "behaviour" not in case.row:
        assert found.decision.granted is granted
    elif granted:  # a first use that nobody counts is imagined, and takes nothing away
        assert found.decision.granted or found.tentative or "behaviour" in case.row


def each_set_of_changes_grants(case: Case) -> None:
    check_sets(simulate(case.policies[0], case.request, case.facts))


def a_witness_is_granted_by_the_request_alone(case: Case) -> None:
    offer, request, *_ = case.policies
    found = contains(offer, request, case.knowledge)
    assert (found.witness is not None) is (found.answer.value == "no")
    if found.witness is not None:
        facts = replace(case.facts, values=found.witness.facts)  # the time is never the request's
        modes = Mode if '"duty"' in json.dumps(case.row["policies"]) else [Mode.W3C]
        assert [False, True] in [
            [
                evaluate(it, found.witness, facts, mode=mode, tentative=True).granted
                for it in (offer, request)
            ]
            for mode in modes  # a duty that is not done yet is in the way in one of them
        ]


def a_meet_is_within_both(case: Case) -> None:
    common = meet(*case.policies, case.knowledge)
    for policy in case.policies if common is not None else ():
        assert contains(policy, common, case.knowledge).answer.value != "no"


def a_policy_does_not_differ_from_itself(case: Case) -> None:
    for policy in case.policies:
        assert term_changes(policy, policy, case.knowledge) == ()


def an_example_of_a_verdict_is_one(case: Case) -> None:
    if '"duty"' in json.dumps(case.row) or "andSequence" in json.dumps(case.row):
        return  # duties are taken as promised, and a request does not say since when a value holds
    if "parts_as_kinds" in case.row:
        return  # evaluation reads no parts of concepts
    found = case.verdict
    if found.witness is None or found.answer.value != "Compatible":
        return
    for policy in case.policies:
        asked, facts = found.witness.request, found.witness.facts
        if policy.permissions:
            assert evaluate(policy, asked, facts, tentative=True).granted


def sentences_lead_back_to_the_policy(case: Case) -> None:
    for policy, lang in product(case.policies, LANGUAGES):
        assert from_sentences(explain(policy, lang), lang) == spelled(policy)


# What an answer of one verb says of the answers of others.
IMPLIED: Final[dict[str, list[Callable[[Case], None]]]] = {
    "evaluate": [a_compiled_policy_decides_the_same, a_simulation_decides_the_same],
    "simulate": [each_set_of_changes_grants],
    "contains": [a_witness_is_granted_by_the_request_alone],
    "meet": [a_meet_is_within_both],
    "term_changes": [a_policy_does_not_differ_from_itself],
    "explain": [sentences_lead_back_to_the_policy],
    "conflict": [an_example_of_a_verdict_is_one],
}


def each_verb_answers_as_the_row_says(case: Case) -> None:
    for verb, wanted in case.row["answers"].items():
        assert json.loads(json.dumps(answer(verb, case))) == wanted, verb
        for law in IMPLIED.get(verb, ()):
            law(case)


@pytest.mark.parametrize("batch", BATCHES, ids=NAMES)
def test_each_verb_answers_as_the_row_says(batch: Sequence[Case]) -> None:
    each(batch, each_verb_answers_as_the_row_says, lambda case: case.name)


def test_names_are_told_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_refusals_outnumber_grants() -> None:
    told = [
        case.row["answers"]["evaluate"]
        for case in CASES
        if "about" in case.row and "evaluate" in case.row["answers"]
    ]
    granted = sum(item.get("granted", False) for item in told)
    assert 0 < granted < len(told) - granted


def test_each_row_that_fails_is_named() -> None:
    def law(row: int) -> None:
        assert row < 2

    each([0, 1], law)
    with pytest.raises(ExceptionGroup, match="2 rows fail") as failed:
        each(range(4), law)
    assert [exc.__notes__[-1] for exc in failed.value.exceptions] == ["row: 2", "row: 3"]

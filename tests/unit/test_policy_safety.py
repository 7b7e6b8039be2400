"""Safe by default: the cases of `safety.json`, asked of every verb that answers them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector.jsonld.policy import read_policy
from policies_odrl import (
    Answer,
    Truth,
    compare,
    compile_policy,
    conflict_between,
    evaluate,
    facts_from,
    request_from,
    simulate,
)
from tests.support.each import each

FILE = Path(__file__).parents[1] / "conformance" / "policies" / "safety.json"
TABLE = json.loads(FILE.read_text("utf-8"))
CASES = TABLE["cases"]


def every_verb_answers_as_the_case_says(case: dict[str, Any]) -> None:
    policy = read_policy({"@context": TABLE["context"], **case["policy"]})
    request, facts = request_from(case["request"]), facts_from(case["facts"])
    decision = evaluate(policy, request, facts)
    assert bool(decision) is decision.granted is case["granted"], decision.reasons
    assert case.get("says", "") in " ".join(decision.reasons)
    prepared = compile_policy(policy, facts.knowledge)
    assert prepared.permits(request, facts) is decision.granted
    simulated = simulate(policy, request, facts)
    assert simulated.granted is case.get("simulated", case["granted"])
    assert evaluate(policy, simulated.request, simulated.facts).granted is simulated.granted


def test_every_verb_answers_as_the_case_says() -> None:
    each(CASES, every_verb_answers_as_the_case_says, lambda case: str(case["name"]))


def test_each_bad_case_has_a_good_one_and_names_are_told_apart() -> None:
    granted = sum(case["granted"] for case in CASES)
    assert len(CASES) / 3 < granted < len(CASES) - granted
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_an_answer_of_several_values_is_neither_true_nor_false() -> None:
    policy = read_policy({"@context": TABLE["context"], **CASES[0]["policy"]})
    found = [ask(policy, policy) for ask in (compare, conflict_between)]
    for item in (Truth.FALSE, Answer.NO, *found):
        with pytest.raises(TypeError, match=f"^`{type(item).__name__}` is neither"):
            bool(item)
